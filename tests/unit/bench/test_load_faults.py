"""Faults of a known size, and the metric that has to see each of them."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import statistics
import sys
import time

import msgspec
import pytest

from bench.histogram import merge_histograms
from bench.load import Address, run_streams
from bench.record import OpenResult, StreamsResult
from shared.harness.origin.fast import FastOrigin
from shared.harness.origin.payload import JSON_BODY, event
from shared.harness.process import Process
from tests.unit.aio import aio
from tests.unit.bench.origins import OPEN, STREAMS, answer, meter, opened, origin, write
from tests.unit.bench.undisturbed import undisturbed


def quantile_ms(encoded: str, percent: float) -> float:
    return float(merge_histograms([encoded]).get_value_at_percentile(percent)) / 1e6


@pytest.mark.parametrize("delay_ms", [20, 60])
@aio
async def test_an_origin_that_sleeps_shows_as_what_it_slept_in_every_response_time(delay_ms: int) -> None:
    slept_ms: list[float]

    def get(connection: FastOrigin, _: bytes) -> None:
        loop = asyncio.get_running_loop()
        asked = loop.time()

        def reply() -> None:
            slept_ms.append((loop.time() - asked) * 1e3)
            write(connection, answer())

        loop.call_later(delay_ms / 1e3, reply)

    async def measure() -> OpenResult:
        nonlocal slept_ms
        slept_ms = []
        return await opened(address, msgspec.structs.replace(OPEN, rate=100.0))

    async with origin(get) as (address, _):
        result = await undisturbed(measure, late_s=0.1)
    # by the origin's own clock, which may ring late and never early but for a whole millisecond
    least, middle = min(slept_ms), statistics.median(slept_ms)
    assert least >= delay_ms - 1
    for found in (result.response, result.service):
        # What this process is late comes on top, so from above only the least is held.
        assert 0.99 * least <= quantile_ms(found, 0) <= 1.5 * middle
        assert quantile_ms(found, 50) >= 0.99 * middle


@aio
async def test_a_body_that_comes_after_its_head_shows_as_what_lies_between_first_byte_and_response() -> None:
    head, body = answer()[: -len(JSON_BODY)], JSON_BODY
    before_ms: list[float]
    between_ms: list[float]

    def get(connection: FastOrigin, _: bytes) -> None:
        loop = asyncio.get_running_loop()
        asked = loop.time()

        def send_head() -> None:
            began = loop.time()
            before_ms.append((began - asked) * 1e3)
            write(connection, head)

            def send_body() -> None:
                between_ms.append((loop.time() - began) * 1e3)
                write(connection, body)

            loop.call_later(0.03, send_body)

        loop.call_later(0.02, send_head)

    async def measure() -> OpenResult:
        nonlocal before_ms, between_ms
        before_ms, between_ms = [], []
        return await opened(address, msgspec.structs.replace(OPEN, rate=100.0))

    async with origin(get) as (address, _):
        result = await undisturbed(measure, late_s=0.1)
    assert merge_histograms([result.first]).get_total_count() == result.completed == result.offered
    assert 0.99 * min(before_ms) <= quantile_ms(result.first, 0) <= 1.5 * statistics.median(before_ms)
    for percent in (0, 50, 90):
        apart = quantile_ms(result.response, percent) - quantile_ms(result.first, percent)
        assert apart >= 0.95 * min(between_ms)


def late(encoded: str, seconds: float) -> int:
    """How many values lie above that."""
    steps = merge_histograms([encoded]).get_recorded_iterator()
    return sum(step.count_added_in_this_iter_step for step in steps if step.value_iterated_to > seconds * 1e9)


@pytest.mark.skipif(sys.platform != "linux", reason="stops a process by a signal")
@aio
async def test_a_frozen_second_shows_as_the_whole_ramp() -> None:
    """The coordinated-omission test. Each request that was due while the origin stood still waits for the end
    of it: so many above 0.9 s, twice as many above 0.8 s, and so on down. A load that waits for answers would
    have sent two requests, one on each connection, and seen two slow ones."""
    scenario = msgspec.structs.replace(OPEN, rate=200.0, window_s=1.6, connections=2)

    def started() -> Process:
        return Process.start([sys.executable, "-m", "shared.harness.origin.fast"], name="fast origin")

    def port(log: str) -> int | None:
        found = re.search(r":(\d+)$", log, re.MULTILINE)
        return int(found[1]) if found else None

    async def freeze(pid: int) -> float:
        await asyncio.sleep(0.3)  # some requests meet an origin that is well
        os.kill(pid, signal.SIGSTOP)
        began = time.monotonic()
        await asyncio.sleep(1.0)  # the fault itself; its real length is measured
        frozen_s = time.monotonic() - began
        os.kill(pid, signal.SIGCONT)
        return frozen_s

    with await asyncio.to_thread(started) as process:
        address = Address("127.0.0.1", await asyncio.to_thread(process.wait_for, port, what="port"))
        result, frozen_s = await undisturbed(
            lambda: asyncio.gather(opened(address, scenario), freeze(process.pid)), late_s=0.1
        )
    assert result.integrity.failures == {}
    assert result.completed == result.offered
    for above_s in (0.1, 0.3, 0.5, 0.7, 0.9):
        due = scenario.rate * (frozen_s - above_s)  # so many were due longer than that before its end
        assert late(result.response, above_s) >= due - 3
    # it is a line: as many between a tenth and a half as between a half and nine tenths
    upper, lower = (late(result.response, x) - late(result.response, x + 0.4) for x in (0.5, 0.1))
    assert 0.5 * upper < lower < 2 * upper
    # all but those under way waited here, which is send lag and not the service of anybody
    assert late(result.service, 0.1) <= scenario.connections
    assert late(result.lag, 0.5) >= scenario.rate * (frozen_s - 0.5) - scenario.connections - 3


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
