"""A measurement in this very process, made again where the process itself was late meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

__all__ = ["undisturbed"]

T = TypeVar("T")

_EVERY_S = 0.005


class _Lateness:
    """Looks at the loop's clock now and then; ``worst_s`` is by how much it came too late to do so."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.worst_s = 0.0
        self._next()

    def _next(self) -> None:
        self._due = self._loop.time() + _EVERY_S
        self._timer = self._loop.call_at(self._due, self._look)

    def _look(self) -> None:
        self.worst_s = max(self.worst_s, self._loop.time() - self._due)
        self._next()

    def end(self) -> None:
        self._timer.cancel()
        self.worst_s = max(self.worst_s, self._loop.time() - self._due)


async def undisturbed(measure: Callable[[], Awaitable[T]], *, late_s: float) -> T:
    """Return what ``measure`` gave in a run in which the event loop was never later than ``late_s``.

    A machine that takes the processor away for longer than the fault under test adds a fault of its own.
    Whether a run counts is told by the loop's clock alone, never by what was measured.
    """
    while True:
        lateness = _Lateness()
        try:
            result = await measure()
        finally:
            lateness.end()
        if lateness.worst_s <= late_s:
            return result
