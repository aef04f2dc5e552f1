"""Connections to one upstream: who may use one, in which order, and how long an unused one is kept.

    take() --> idle connection, newest first ------------> busy -- give() --> idle -- expiry --> closed
        |----> slot to open one, below the maximum ------> busy -- drop() --> (slot free)
        `----> waits its turn, first come first served --'

Every step is O(1), however many connections there are, but for closing what has expired, each once. None is
used past its expiry. What has been taken is owed exactly one give() or drop(); nothing else changes the
count. No connection is ever opened or read here.

Invariant, after every step: busy + idle <= maximum or idle is empty; nobody waits while a connection is idle
or a slot is free.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from shared.errors import PoolExhausted

__all__ = ["Closable", "Pool"]


class Closable(Protocol):
    def abort(self) -> None: ...


C = TypeVar("C", bound=Closable)


class Pool(Generic[C]):
    """maximum: connections at most. keep: idle ones at most. expiry_s: how long one stays idle. wait_s: how
    long somebody waits for a turn. clock: seconds."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        maximum: int,
        keep: int,
        expiry_s: float,
        wait_s: float,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._loop = loop
        self._clock = clock or loop.time
        self._maximum = maximum
        self._keep = keep
        self._expiry_s = expiry_s
        self._wait_s = wait_s
        self._waiters: OrderedDict[asyncio.Future[C | None], None] = OrderedDict()
        self._idle: OrderedDict[C, float] = OrderedDict()  # since when; oldest first
        self._sweep: asyncio.TimerHandle | None = None
        self._closed = False
        self.busy = 0

    @property
    def idle(self) -> int:
        return len(self._idle)

    @property
    def waiting(self) -> int:
        return len(self._waiters)

    def take_idle(self) -> C | None:
        """The connection that was given back last, None when none is idle."""
        if not self._idle:
            return None
        connection, since = self._idle.popitem()
        if since + self._expiry_s <= self._clock():
            # A loop that stalled may come to a request before its timers. All others are older.
            connection.abort()
            self._close_idle()
            return None
        self.busy += 1
        return connection

    async def take(self) -> C | None:
        """A connection, or None: the right to open one. Raises PoolExhausted when it is neither in time."""
        if self._closed:
            raise PoolExhausted
        if (connection := self.take_idle()) is not None:
            return connection
        if self.busy < self._maximum:
            self.busy += 1
            return None
        return await self._turn()

    async def _turn(self) -> C | None:
        waiter: asyncio.Future[C | None] = self._loop.create_future()
        self._waiters[waiter] = None
        timer = self._loop.call_later(self._wait_s, _expire, waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            # Served and cancelled in the same turn of the loop: what was handed over goes to the next in
            # line.
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self._return(waiter.result())
            raise
        finally:
            timer.cancel()
            self._waiters.pop(waiter, None)
            del waiter  # it holds the error whose traceback holds this: a cycle

    def _return(self, connection: C | None) -> None:
        if connection is None:
            self.drop()
        else:
            self.give(connection)

    def give(self, connection: C) -> None:
        """The connection is free and may be used again."""
        if self._waiters and self._serve(connection):
            return
        self.busy -= 1
        if self._closed or self._keep == 0:
            connection.abort()
            return
        if len(self._idle) >= self._keep:
            self._idle.popitem(last=False)[0].abort()
        self._idle[connection] = self._clock()
        if self._sweep is None:
            self._sweep = self._loop.call_later(self._expiry_s, self._expire_idle)

    def drop(self) -> None:
        """The connection is gone, or was never opened; whoever is next may open one."""
        if not self._serve(None):
            self.busy -= 1

    def forget(self, connection: C) -> None:
        """An idle connection has ended by itself. No effect on one that is busy."""
        self._idle.pop(connection, None)

    def _serve(self, connection: C | None) -> bool:
        while self._waiters:
            waiter = self._waiters.popitem(last=False)[0]
            if not waiter.done():
                waiter.set_result(connection)
                return True
        return False

    def _expire_idle(self) -> None:
        self._sweep = None
        now = self._clock()
        while self._idle:
            connection, since = next(iter(self._idle.items()))
            if (left := since + self._expiry_s - now) > 0:
                self._sweep = self._loop.call_later(left, self._expire_idle)
                return
            del self._idle[connection]
            connection.abort()

    def _close_idle(self) -> None:
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        while self._idle:
            self._idle.popitem()[0].abort()

    def close(self) -> None:
        """Idle connections are closed, waiters turned away, and what is given back from now on is closed."""
        self._closed = True
        self._close_idle()
        for waiter in self._waiters:
            _expire(waiter)
        self._waiters.clear()


def _expire(waiter: "asyncio.Future[C | None]") -> None:
    if not waiter.done():
        waiter.set_exception(PoolExhausted())
