"""Faults of a known size, and the metric that has to see each of them."""

from __future__ import annotations

import asyncio

import msgspec

from bench.histogram import merge_histograms
from bench.load import (
    run_streams,
)
from bench.record import StreamsResult
from shared.harness.origin.fast import FastOrigin
from shared.harness.origin.payload import event
from tests.unit.aio import aio
from tests.unit.bench.origins import OPEN, STREAMS, Get, answer, meter, opened, origin, write


def sleeping(delay_s: float) -> Get:
    def get(connection: FastOrigin, _: bytes) -> None:
        asyncio.get_running_loop().call_later(delay_s, lambda: write(connection, answer()))

    return get


def quantile_ms(encoded: str, percent: float) -> float:
    return float(merge_histograms([encoded]).get_value_at_percentile(percent)) / 1e6


@aio
async def test_an_origin_that_sleeps_shows_in_every_response_time() -> None:
    async with origin(sleeping(0.02)) as (address, _):
        slow = await opened(address, msgspec.structs.replace(OPEN, rate=100.0))
    # a timer may fire late and never early; its clock counts whole milliseconds
    assert quantile_ms(slow.response, 0) >= 19
    assert quantile_ms(slow.service, 0) >= 19


@aio
async def test_a_freeze_is_charged_to_every_request_that_was_due_in_it() -> None:
    """The coordinated-omission test: the origin stands still for 200 ms of a 250 ms schedule."""
    loop = asyncio.get_running_loop()
    frozen_until = 0.0

    def get(connection: FastOrigin, _: bytes) -> None:
        nonlocal frozen_until
        frozen_until = frozen_until or loop.time() + 0.2
        loop.call_later(max(0.0, frozen_until - loop.time()), lambda: write(connection, answer()))

    async with origin(get) as (address, _):
        # two connections: a load that waits for answers would send two requests and see two slow ones
        result = await opened(address, msgspec.structs.replace(OPEN, connections=2))
    late = merge_histograms([result.response])
    share = sum(
        item.count_added_in_this_iter_step
        for item in late.get_recorded_iterator()
        if item.value_iterated_to > 10e6
    )
    assert result.completed == result.offered
    # due evenly over 250 ms: about three quarters were due more than 10 ms before the end of the freeze
    assert share / result.completed > 0.5
    # and most of them waited here for a connection, which is send lag and not service time
    assert quantile_ms(result.lag, 50) > 10
    assert quantile_ms(result.service, 50) < quantile_ms(result.response, 50)


@aio
async def test_an_origin_that_coalesces_shows_as_more_events_than_deliveries() -> None:
    def get(connection: FastOrigin, target: bytes) -> None:
        if not target.startswith(b"/sse"):
            write(connection, answer())
            return
        write(connection, b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        number = 0

        def push() -> None:
            nonlocal number
            data = b"".join(event(number + i, asyncio_ns()) for i in range(4))
            number += 4
            if connection.transport is not None:
                write(connection, b"%x\r\n%s\r\n" % (len(data), data))
                asyncio.get_running_loop().call_later(0.02, push)

        push()

    async with origin(get) as (address, _):
        result: StreamsResult = await run_streams(address, STREAMS, meter=meter())
    assert result.integrity.failures == {}
    assert result.events >= 3.5 * result.deliveries


def asyncio_ns() -> int:
    return int(asyncio.get_running_loop().time() * 1e9)
