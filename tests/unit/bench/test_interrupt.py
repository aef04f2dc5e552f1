"""Ctrl-C is a KeyboardInterrupt at once, and once more where that was lost."""

import contextlib
import os
import signal

import pytest

from bench.interrupt import interruptible


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_was_lost_is_raised_again(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with interruptible() as check_interrupt:
        check_interrupt()
        with contextlib.suppress(KeyboardInterrupt):  # as the interpreter does in a finalizer
            os.kill(os.getpid(), number)
            signal.pause()
        with pytest.raises(KeyboardInterrupt):
            check_interrupt()
    assert signal.getsignal(number) is before
