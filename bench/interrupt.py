"""Ctrl-C and SIGTERM, so that neither is lost.

A KeyboardInterrupt is raised wherever the program happens to be. From a finalizer, from what runs around a
fork (os.register_at_fork, which logging uses), or from a loop's own code, nothing is raised any further; so
it is noted as well, and told by nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

__all__ = ["interruptible", "untold"]


def untold(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Handle what a loop tells of exceptions: not of an interrupt in its own code, which is noted."""
    if not isinstance(context.get("exception"), KeyboardInterrupt):
        loop.default_exception_handler(context)


@contextlib.contextmanager
def interruptible() -> Iterator[Callable[[], None]]:
    """Inside, both raise KeyboardInterrupt; what is yielded raises it again when it came and was lost."""
    asked = False

    def interrupt(_: int, __: FrameType | None) -> None:
        nonlocal asked
        asked = True
        raise KeyboardInterrupt

    def again() -> None:
        if asked:
            raise KeyboardInterrupt

    def unraisable(what: sys.UnraisableHookArgs) -> None:
        if not isinstance(what.exc_value, KeyboardInterrupt):
            tell(what)

    tell, sys.unraisablehook = sys.unraisablehook, unraisable
    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield again
    finally:
        sys.unraisablehook = tell
        for number, handler in before.items():
            signal.signal(number, handler)
