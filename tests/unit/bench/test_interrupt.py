"""Ctrl-C is a KeyboardInterrupt at once, and once more where that was lost."""

import asyncio
import contextlib
import os
import signal
import socket
import sys

import pytest
import uvloop

from bench.interrupt import interruptible, untold


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


@pytest.mark.parametrize(("error", "told"), [(KeyboardInterrupt, False), (RuntimeError, True)])
def test_an_interrupt_in_a_finalizer_is_not_told_as_a_fault(
    error: type[BaseException], told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda what: found.append(what.exc_type))

    class Interrupted:
        def __del__(self) -> None:
            raise error

    with interruptible():
        Interrupted()
    assert found == ([error] if told else [])


@pytest.mark.parametrize(("error", "told"), [(KeyboardInterrupt, False), (RuntimeError, True)])
def test_an_interrupt_within_the_loops_own_code_is_not_told_as_a_fault(
    error: type[BaseException], told: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """uvloop catches what a protocol raises while it reads, and tells its handler."""

    class Interrupted(asyncio.Protocol):
        def __init__(self) -> None:
            self.closed = asyncio.get_running_loop().create_future()

        def data_received(self, data: bytes) -> None:
            raise error

        def connection_lost(self, exc: Exception | None) -> None:
            self.closed.set_result(None)

    async def read() -> None:
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.setblocking(False)
            _, protocol = await loop.create_connection(Interrupted, sock=ours)
            theirs.send(b"x")
            await protocol.closed

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.get_loop().set_exception_handler(untold)
        runner.run(read())
    assert bool(caplog.records) is told
