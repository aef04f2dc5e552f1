"""What an origin or a proxy does wrong to a stream, and which metric of the streams has to show it."""

from __future__ import annotations

import asyncio
import time

import msgspec
import pytest

from bench.histogram import merge_histograms
from bench.load import run_streams
from bench.load.control import streams_closed
from bench.metrics import metric
from shared.harness.origin.fast import FastOrigin
from shared.harness.origin.payload import EVENT_SIZE, event
from tests.unit.aio import aio
from tests.unit.bench.origins import STREAMS, answer, meter, origin, write
from tests.unit.bench.relay import Exchange, let_go, relay
from tests.unit.bench.undisturbed import undisturbed

LONGER = msgspec.structs.replace(STREAMS, window_s=1.5)
EVERY_S = STREAMS.every_us / 1e6
PAUSE_S = 0.15
"""Thirty times the pacing: a stall is ten."""
LATE_S = 0.1
"""As late this process may be: what it stood still would be told in the same figures."""


def most_s(encoded: str) -> float:
    return float(merge_histograms([encoded]).get_max_value()) / 1e9


@aio
async def test_an_origin_that_stalls_is_told_as_stalls_and_not_as_distortion() -> None:
    """It stamps its events when it sends them: the gap is its own."""

    def get(connection: FastOrigin, target: bytes) -> None:
        if not target.startswith(b"/sse"):
            write(connection, answer())
            return
        write(connection, b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        loop = asyncio.get_running_loop()

        def push(number: int = 0) -> None:
            if connection.transport is None:
                return
            data = event(number, time.monotonic_ns())
            write(connection, b"%x\r\n%s\r\n" % (len(data), data))
            loop.call_later(PAUSE_S if number == 40 else EVERY_S, push, number + 1)

        push()

    async with origin(get) as (address, _):
        result = await undisturbed(lambda: run_streams(address, LONGER, meter=meter()), late_s=LATE_S)
    assert result.integrity.failures == {}
    assert metric("unstalled").of(result) == pytest.approx(100 * (1 - result.stalls / result.events))
    assert result.stalls >= LONGER.streams
    assert most_s(result.origin_gap) >= PAUSE_S - EVERY_S - 0.001  # a loop's clock counts whole milliseconds
    assert most_s(result.gap) < most_s(result.origin_gap)


@aio
async def test_a_proxy_that_stalls_is_told_as_distortion_and_delay_of_that_size() -> None:
    class Stalling(Exchange):
        """Keeps what comes for a while, once, some events after the stream has begun."""

        seen = 0
        held: list[bytes] | None = None

        def from_origin(self, data: bytes) -> None:
            self.seen += len(data)
            if self.held is not None:
                self.held.append(data)
            elif self.seen > 50 * EVENT_SIZE:
                self.held, self.seen = [data], -1_000_000
                asyncio.get_running_loop().call_later(PAUSE_S, self.release)
            else:
                super().from_origin(data)

        def release(self) -> None:
            held, self.held = self.held or [], None
            super().from_origin(b"".join(held))

    async with origin() as (address, _), relay(address, make=Stalling) as front:
        result = await undisturbed(lambda: run_streams(front, LONGER, meter=meter()), late_s=LATE_S)
    assert result.integrity.failures == {}
    assert result.stalls >= LONGER.streams
    for found in (result.gap, result.delay):
        assert most_s(found) >= 0.95 * PAUSE_S
    assert most_s(result.origin_gap) < most_s(result.gap)


@pytest.mark.parametrize("together", [4, 8])
@aio
async def test_a_proxy_that_buffers_shows_as_that_many_events_in_one_delivery(together: int) -> None:
    class Buffering(Exchange):
        """Hands on the head, and from then on nothing before it has so many events."""

        held = b""

        def from_origin(self, data: bytes) -> None:
            self.held += data
            chunk = EVENT_SIZE + len(b"%x" % EVENT_SIZE) + 4
            if data.startswith(b"HTTP/1.1") or len(self.held) >= together * chunk:
                held, self.held = self.held, b""
                super().from_origin(held)

    async with origin() as (address, _), relay(address, make=Buffering) as front:
        result = await run_streams(front, LONGER, meter=meter())
    assert result.integrity.failures == {}
    assert metric("events-delivery").of(result) == pytest.approx(together, rel=0.1)
    # the first of them waits for the last
    assert most_s(result.delay) >= (together - 1) * EVERY_S - 0.001


@pytest.mark.parametrize("leaks", [False, True])
@aio
async def test_streams_that_a_proxy_does_not_let_go_are_counted(leaks: bool) -> None:
    def keep(_: Exchange) -> None:
        """Never hear that the client has gone."""

    async with origin() as (address, _), relay(address, left=keep if leaks else let_go) as front:
        await run_streams(front, STREAMS, meter=meter())
        left = await streams_closed(address, deadline_s=0.3 if leaks else 5.0)
    assert left == (STREAMS.streams if leaks else 0)
