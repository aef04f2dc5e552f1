"""The pool: order, limits and time by example; exactness under any sequence of steps and cancellations."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import PoolExhausted
from shared.upstream.wire.pool import Pool
from tests.unit.aio import aio, settle

pytestmark = pytest.mark.usefixtures("loop")

LONG_S = 1000.0


class Link:
    """A connection that only knows whether it was closed."""

    def __init__(self) -> None:
        self.closed = False

    def abort(self) -> None:
        assert not self.closed, "closed twice"
        self.closed = True


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def _pool(
    maximum: int = 2, keep: int = 2, expiry_s: float = LONG_S, wait_s: float = LONG_S, clock: Any = None
) -> Pool[Link]:
    loop = asyncio.get_running_loop()
    return Pool(loop, maximum=maximum, keep=keep, expiry_s=expiry_s, wait_s=wait_s, clock=clock)


@aio
async def test_the_newest_idle_connection_is_used_first() -> None:
    pool, first, second = _pool(), Link(), Link()
    assert [await pool.take(), await pool.take()] == [None, None]
    for link in (first, second):
        pool.give(link)
    assert [await pool.take(), await pool.take()] == [second, first]
    pool.close()


@aio
async def test_who_waits_longest_is_served_first_by_whatever_comes_free() -> None:
    pool, link = _pool(maximum=1), Link()
    assert await pool.take() is None
    takers = [asyncio.create_task(pool.take()) for _ in range(3)]
    await settle()
    assert pool.waiting == 3
    pool.give(link)
    assert await takers[0] is link
    pool.drop()
    assert await takers[1] is None
    assert not takers[2].done()
    pool.drop()
    assert await takers[2] is None
    pool.drop()
    assert (pool.busy, pool.waiting) == (0, 0)
    pool.close()


@aio
async def test_nobody_overtakes_those_who_wait() -> None:
    pool, link = _pool(maximum=1), Link()
    await pool.take()
    first = asyncio.create_task(pool.take())
    await settle()
    pool.give(link)  # first has been served, but has not run yet
    second = asyncio.create_task(pool.take())
    await settle()
    assert first.done()
    assert not second.done()
    pool.give(link)
    assert await second is link
    pool.give(link)
    pool.close()


@aio
async def test_waiting_ends_at_its_deadline_and_leaves_no_place_in_the_queue() -> None:
    pool = _pool(maximum=1, wait_s=0.05)
    await pool.take()
    with pytest.raises(PoolExhausted):
        await pool.take()
    assert pool.waiting == 0
    pool.drop()
    assert await pool.take() is None
    pool.close()


@aio
async def test_more_idle_connections_than_wanted_are_closed_oldest_first() -> None:
    pool, links = _pool(maximum=3, keep=2), [Link(), Link(), Link()]
    for _ in links:
        await pool.take()
    for link in links:
        pool.give(link)
    assert [link.closed for link in links] == [True, False, False]
    assert pool.idle == 2
    pool.close()


@aio
async def test_a_pool_that_keeps_none_closes_what_it_is_given() -> None:
    pool, link = _pool(keep=0), Link()
    await pool.take()
    pool.give(link)
    assert link.closed
    assert (pool.busy, pool.idle) == (0, 0)
    pool.close()


@aio
async def test_connections_expire_each_at_its_time() -> None:
    clock = Clock()
    pool, old, new = _pool(expiry_s=0.05, clock=clock), Link(), Link()
    await pool.take()
    await pool.take()
    pool.give(old)
    clock.now = 0.04
    pool.give(new)
    clock.now = 0.06
    await asyncio.sleep(0.1)
    assert (old.closed, new.closed) == (True, False)
    clock.now = 0.2
    await asyncio.sleep(0.1)
    assert new.closed
    assert pool.idle == 0
    pool.close()


@aio
async def test_what_has_expired_is_not_used_although_the_loop_has_not_come_to_its_timers() -> None:
    clock = Clock()
    pool, old, new, fresh = _pool(expiry_s=LONG_S, clock=clock), Link(), Link(), Link()
    await pool.take()
    await pool.take()
    pool.give(old)
    pool.give(new)
    clock.now = LONG_S
    assert pool.take_idle() is None
    assert (old.closed, new.closed) == (True, True)
    assert (pool.busy, pool.idle) == (0, 0)
    assert await pool.take() is None
    pool.give(fresh)
    clock.now = 2 * LONG_S - 1
    assert pool.take_idle() is fresh
    pool.give(fresh)
    pool.close()


@aio
async def test_those_expired_before_their_timer_take_no_timer_of_those_that_come_later() -> None:
    clock = Clock()
    pool, early, late = _pool(expiry_s=0.05, clock=clock), Link(), Link()
    await pool.take()
    pool.give(early)
    clock.now = 0.05
    assert await pool.take() is None
    pool.give(late)
    clock.now = 0.1
    await asyncio.sleep(0.1)
    assert (early.closed, late.closed, pool.idle) == (True, True, 0)
    pool.close()


@aio
async def test_a_closed_pool_turns_everybody_away_and_keeps_nothing() -> None:
    pool, idle, late = _pool(), Link(), Link()
    await pool.take()
    await pool.take()
    pool.give(idle)
    assert await pool.take() is idle
    waiter = asyncio.create_task(pool.take())
    await settle()
    pool.give(idle) if waiter.done() else None
    pool.close()
    with pytest.raises(PoolExhausted):
        await waiter
    with pytest.raises(PoolExhausted):
        await pool.take()
    pool.give(late)
    assert late.closed
    pool.drop()
    assert pool.busy == 0


@aio
async def test_a_waiter_that_was_cancelled_as_the_pool_closes_stays_cancelled() -> None:
    pool = _pool(maximum=1)
    await pool.take()
    waiter = asyncio.create_task(pool.take())
    await settle()
    waiter.cancel()
    pool.close()
    with pytest.raises(asyncio.CancelledError):
        await waiter
    assert (pool.busy, pool.waiting) == (1, 0)


@pytest.mark.parametrize("as_link", [True, False], ids=["connection", "slot"])
@aio
async def test_what_a_cancelled_waiter_was_just_given_goes_to_the_next(as_link: bool) -> None:
    pool, link = _pool(maximum=1), Link()
    await pool.take()
    first, second = asyncio.create_task(pool.take()), asyncio.create_task(pool.take())
    await settle()
    pool.give(link) if as_link else pool.drop()
    first.cancel()
    assert await second is (link if as_link else None)
    assert first.cancelled()
    pool.drop()
    assert (pool.busy, pool.idle, pool.waiting) == (0, 0, 0)
    pool.close()


@aio
async def test_a_waiter_that_has_been_cancelled_but_has_not_run_yet_is_passed_over() -> None:
    pool, link = _pool(maximum=1), Link()
    await pool.take()
    first, second = asyncio.create_task(pool.take()), asyncio.create_task(pool.take())
    await settle()
    first.cancel()
    pool.give(link)
    assert await second is link
    assert first.cancelled()
    pool.drop()
    assert (pool.busy, pool.idle, pool.waiting) == (0, 0, 0)
    pool.close()


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
        self.pool = pool = _pool(self.maximum, self.keep, clock=self.clock)
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
