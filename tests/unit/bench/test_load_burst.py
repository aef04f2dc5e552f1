"""Bursts of events: what gathers, what waits and what loses is found at its size, over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import msgspec
import pytest

from bench.histogram import encode_histogram
from bench.load import run_burst
from bench.metrics import metric
from bench.record import Absence, BurstResult
from bench.scenarios import Burst
from bench.usage import Span
from shared.harness.origin.fast import FastOrigin
from shared.harness.origin.payload import tiny_event
from tests.unit.aio import aio
from tests.unit.bench.origins import Get, meter, origin, write
from tests.unit.bench.relay import Exchange, relay

BURST = Burst(id="S6", title="", events=64, times=6)
HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


def value(name: str, result: BurstResult) -> float | Absence:
    return metric(f"{name}@S6").of(result)


def test_cpu_is_spread_over_every_event_of_every_burst() -> None:
    used = Span(seconds=1.0, cpu_s=0.6144, wait_s=0.0, rig_busy=0.1, steal_s=0.0)
    empty = encode_histogram([])
    result = BurstResult(6, 4096, 24, used, whole=empty, spread=empty)
    assert value("cpu-event", result) == pytest.approx(25.0)
    assert isinstance(value("cpu-event", msgspec.structs.replace(result, completed=0)), Absence)
    assert isinstance(value("burst-whole", result), Absence)  # no burst, no time


def pieces(sizes: Sequence[int], pause_s: float) -> Get:
    """An origin whose burst leaves in pieces of so many events, with a pause after each."""

    def get(connection: FastOrigin, _: bytes) -> None:
        async def send() -> None:
            write(connection, HEAD)
            first = 0
            for size in sizes:
                data = b"".join(map(tiny_event, range(first, first + size)))
                first += size
                write(connection, b"%x\r\n%s\r\n" % (len(data), data))
                await asyncio.sleep(pause_s)
            write(connection, b"0\r\n\r\n")

        tasks.append(asyncio.ensure_future(send()))

    tasks: list[asyncio.Future[None]] = []  # a task that nobody holds may be collected
    return get


@aio
async def test_a_burst_is_counted_when_every_event_has_come_in_order() -> None:
    async with origin() as (address, state):
        result = await run_burst(address, BURST, meter=meter())
    assert result.integrity.failures == {}
    assert (result.completed, result.events) == (BURST.times, BURST.events)
    assert state.requests == BURST.times + 1  # the first warms up
    assert BURST.times <= result.deliveries <= BURST.times * BURST.events


@aio
async def test_what_gathers_a_whole_burst_delivers_it_once_and_has_no_spread() -> None:
    def whole(connection: FastOrigin, _: bytes) -> None:
        data = b"".join(map(tiny_event, range(BURST.events)))
        write(connection, HEAD + b"%x\r\n%s\r\n0\r\n\r\n" % (len(data), data))

    async with origin(whole) as (address, _):
        result = await run_burst(address, BURST, meter=meter())
    assert value("burst-coalescing", result) == BURST.events
    spread = value("burst-spread", result)
    assert isinstance(spread, Absence)
    assert spread.reason == "below-resolution"


@aio
async def test_what_gathers_sixteen_at_a_time_shows_as_sixteen_a_delivery() -> None:
    async with origin(pieces([16] * 4, 0.02)) as (address, _):
        result = await run_burst(address, BURST, meter=meter())
    gathered = value("burst-coalescing", result)
    assert isinstance(gathered, float)
    assert 16 <= gathered < 32  # a machine that stands still for a pause joins two of them


@aio
async def test_a_pause_inside_a_burst_is_in_both_times_and_one_before_it_in_the_whole_alone() -> None:
    async with origin(pieces([32, 32], 0.03)) as (address, _):
        inside = await run_burst(address, BURST, meter=meter())

    def late(connection: FastOrigin, _: bytes) -> None:
        data = HEAD + b"480\r\n" + b"".join(map(tiny_event, range(64))) + b"\r\n0\r\n\r\n"
        asyncio.get_running_loop().call_later(0.03, lambda: write(connection, data))

    async with origin(late) as (address, _):
        before = await run_burst(address, BURST, meter=meter())
    for name, result in (("burst-spread", inside), ("burst-whole", inside), ("burst-whole", before)):
        took = value(name, result)
        assert isinstance(took, float)
        assert took >= 29_000  # a timer may fire late and never early; its clock counts whole milliseconds
    assert isinstance(value("burst-spread", before), Absence)


@aio
async def test_a_proxy_that_buffers_delivers_a_burst_at_its_end_and_in_one_piece() -> None:
    class Buffering(Exchange):
        held = b""

        def from_origin(self, data: bytes) -> None:
            self.held += data
            if self.held.endswith(b"\r\n0\r\n\r\n"):
                whole, self.held = self.held, b""
                super().from_origin(whole)

    async with origin(pieces([16] * 4, 0.01)) as (address, _), relay(address, make=Buffering) as front:
        through = await run_burst(front, BURST, meter=meter())
        direct = await run_burst(address, BURST, meter=meter())
    assert through.integrity.failures == direct.integrity.failures == {}
    assert value("burst-coalescing", through) == BURST.events
    assert isinstance(value("burst-spread", through), Absence)
    assert isinstance(value("burst-spread", direct), float)
    whole = value("burst-whole", through)
    assert isinstance(whole, float)
    assert whole >= 3 * 9_000  # the three pauses between the pieces: it looks no faster for having none


@pytest.mark.parametrize(
    "change",
    [
        lambda n: [] if n == 7 else [n],
        lambda n: [n, n] if n == 7 else [n],
        lambda n: [{7: 8, 8: 7}.get(n, n)],
        lambda n: [n] if n < 60 else [],
    ],
    ids=["lost", "twice", "out of order", "cut short"],
)
def test_an_event_that_is_lost_twice_or_out_of_order_fails_the_burst(
    change: Callable[[int], list[int]],
) -> None:
    def lie(connection: FastOrigin, _: bytes) -> None:
        write(connection, HEAD)
        for number in range(BURST.events):
            for sent in change(number):
                write(connection, b"12\r\n%s\r\n" % tiny_event(sent))
        write(connection, b"0\r\n\r\n")

    @aio
    async def run() -> None:
        async with origin(lie) as (address, _):
            result = await run_burst(address, BURST, meter=meter())
        assert result.completed == 0
        assert sum(result.integrity.failures.values()) == 1

    run()
