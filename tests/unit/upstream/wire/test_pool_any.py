"""The pool is exact after any sequence of steps and cancellations."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.aio import settle
from tests.unit.upstream.wire.links import LONG_S, Clock, Link, pool_of

pytestmark = pytest.mark.usefixtures("loop")

STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["take", "take", "give", "give", "drop", "cancel", "end", "turn", "give+cancel", "stall"]
        ),
        st.integers(0, 7),
    ),
    max_size=60,
)


@given(STEPS, st.integers(1, 3), st.integers(0, 3))
def test_the_count_is_exact_after_every_step(steps: list[tuple[str, int]], maximum: int, keep: int) -> None:
    """Whatever is taken, given, dropped or cancelled, in any order, at any moment, expired or not."""
    asyncio.run(_Driver(maximum, keep).drive(steps))


class _Driver:
    """Plays steps on a pool and keeps its own account of who holds what."""

    def __init__(self, maximum: int, keep: int) -> None:
        self.maximum, self.keep = maximum, keep
        self.takers: list[asyncio.Task[Link | None]] = []
        self.held: list[Link] = []
        self.links: list[Link] = []

    async def drive(self, steps: list[tuple[str, int]]) -> None:
        self.clock = Clock()
        self.pool = pool = pool_of(self.maximum, self.keep, clock=self.clock)
        does: dict[str, Callable[[int], None]] = {
            "take": self.take,
            "give": self.give,
            "drop": self.drop,
            "cancel": self.cancel,
            "end": self.end,
            "give+cancel": self.give_and_cancel,
            "turn": lambda _: None,
            "stall": self.stall,
        }
        for name, number in steps:
            does[name](number)
            await asyncio.sleep(0)
            self.collect()
            await self.check()
        for taker in self.takers:
            taker.cancel()
        await settle()
        self.collect()
        for link in self.held:
            pool.give(link)
        assert (pool.busy, pool.waiting) == (0, 0)
        assert sum(not link.closed for link in self.links) == pool.idle
        pool.close()
        assert all(link.closed for link in self.links)

    def take(self, _: int) -> None:
        work: Coroutine[Any, Any, Link | None] = self.pool.take()
        self.takers.append(asyncio.create_task(work))

    def give(self, number: int) -> None:
        if self.held:
            self.pool.give(self.held.pop(number % len(self.held)))

    def drop(self, number: int) -> None:
        if self.held:
            self.held.pop(number % len(self.held)).abort()
            self.pool.drop()

    def cancel(self, number: int) -> None:
        if self.takers:
            self.takers[number % len(self.takers)].cancel()

    def give_and_cancel(self, number: int) -> None:
        """Served and cancelled in one turn of the loop."""
        self.give(number)
        self.cancel(0)

    def end(self, number: int) -> None:
        """A connection ends by itself; only an idle one is the pool's business."""
        free = [link for link in self.links if not link.closed and link not in self.held]
        handed = {taker.result() for taker in self.takers if taker.done() and not taker.cancelled()}
        free = [link for link in free if link not in handed]
        if free and not self.pool.waiting:
            link = free[number % len(free)]
            before = self.pool.idle
            self.pool.forget(link)
            if self.pool.idle < before:
                link.abort()

    def stall(self, _: int) -> None:
        """The idle connections expire, and no timer says so."""
        self.clock.now += LONG_S

    def collect(self) -> None:
        """What takers have got is held from now on."""
        for taker in [taker for taker in self.takers if taker.done()]:
            self.takers.remove(taker)
            if not taker.cancelled():
                link = taker.result()
                if link is None:
                    link = Link()
                    self.links.append(link)
                assert not link.closed, "a closed connection was handed out"
                assert link not in self.held, "one connection was handed out twice"
                self.held.append(link)

    async def check(self) -> None:
        await settle(2)
        self.collect()
        pool = self.pool
        assert pool.busy == len(self.held)
        assert pool.busy <= self.maximum
        assert pool.idle <= self.keep
        assert pool.idle == 0 or pool.busy + pool.idle <= self.maximum
        assert pool.waiting == len(self.takers)
        if pool.waiting:
            assert pool.busy == self.maximum, "somebody waits while a slot is free"
            assert pool.idle == 0, "somebody waits while a connection is idle"
