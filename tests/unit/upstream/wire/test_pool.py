"""The pool by example: order, limits and time."""

import asyncio

import pytest

from shared.errors import PoolExhausted
from tests.unit.aio import aio, settle
from tests.unit.upstream.wire.links import LONG_S, Clock, Link, pool_of

pytestmark = pytest.mark.usefixtures("loop")


@aio
async def test_the_newest_idle_connection_is_used_first() -> None:
    pool, first, second = pool_of(), Link(), Link()
    assert [await pool.take(), await pool.take()] == [None, None]
    for link in (first, second):
        pool.give(link)
    assert [await pool.take(), await pool.take()] == [second, first]
    pool.close()


@aio
async def test_who_waits_longest_is_served_first_by_whatever_comes_free() -> None:
    pool, link = pool_of(maximum=1), Link()
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
    pool, link = pool_of(maximum=1), Link()
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
    pool = pool_of(maximum=1, wait_s=0.05)
    await pool.take()
    with pytest.raises(PoolExhausted):
        await pool.take()
    assert pool.waiting == 0
    pool.drop()
    assert await pool.take() is None
    pool.close()


@aio
async def test_more_idle_connections_than_wanted_are_closed_oldest_first() -> None:
    pool, links = pool_of(maximum=3, keep=2), [Link(), Link(), Link()]
    for _ in links:
        await pool.take()
    for link in links:
        pool.give(link)
    assert [link.closed for link in links] == [True, False, False]
    assert pool.idle == 2
    pool.close()


@aio
async def test_a_pool_that_keeps_none_closes_what_it_is_given() -> None:
    pool, link = pool_of(keep=0), Link()
    await pool.take()
    pool.give(link)
    assert link.closed
    assert (pool.busy, pool.idle) == (0, 0)
    pool.close()


@aio
async def test_connections_expire_each_at_its_time() -> None:
    clock = Clock()
    pool, old, new = pool_of(expiry_s=0.05, clock=clock), Link(), Link()
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
    pool, old, new, fresh = pool_of(expiry_s=LONG_S, clock=clock), Link(), Link(), Link()
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
    pool, early, late = pool_of(expiry_s=0.05, clock=clock), Link(), Link()
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
    pool, idle, late = pool_of(), Link(), Link()
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
    pool = pool_of(maximum=1)
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
    pool, link = pool_of(maximum=1), Link()
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
    pool, link = pool_of(maximum=1), Link()
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
