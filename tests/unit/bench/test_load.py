"""The load engine over real sockets: what it counts is what the origin answered."""

from __future__ import annotations

import asyncio
import socket

import msgspec
import pytest

from bench.histogram import merge_histograms
from bench.load import Address, Mismatch, run_gate, run_streams
from bench.load.closed import warm
from bench.load.expect import Connection, connect_all
from tests.unit.aio import aio
from tests.unit.bench.origins import CLOSED, GATE, OPEN, STREAMS, closed, meter, opened, origin


@aio
async def test_a_closed_loop_counts_what_the_origin_answered() -> None:
    async with origin() as (address, state):
        result = await closed(address)
    assert result.integrity.failures == {}
    assert result.completed > 0
    assert CLOSED.warm_least <= len(result.warmup) <= CLOSED.warm_most
    # warm-up, window, and at most one more request under way on each connection at either edge
    counted = result.completed + sum(result.warmup)
    assert counted <= state.requests <= counted + 2 * CLOSED.connections


@aio
async def test_an_open_loop_sends_its_whole_schedule_and_times_each_request_once() -> None:
    async with origin() as (address, state):
        result = await opened(address)
    assert result.integrity.failures == {}
    assert result.offered == result.completed == state.requests == round(OPEN.rate * OPEN.window_s)
    for encoded in (result.first, result.response, result.service, result.lag):
        assert merge_histograms([encoded]).get_total_count() == result.completed


@aio
async def test_streams_count_every_event_and_know_their_delay() -> None:
    async with origin() as (address, state):
        result = await run_streams(address, STREAMS, meter=meter())
        async with asyncio.timeout(5):
            while state.open_streams:
                await asyncio.sleep(0.005)
    assert result.integrity.failures == {}
    assert result.opened == STREAMS.streams
    assert result.events > 0
    assert merge_histograms([result.delay]).get_total_count() == result.events
    assert merge_histograms([result.ttfe]).get_total_count() == STREAMS.streams
    assert 0 < result.deliveries <= result.events
    stamps, arrivals = zip(*result.raster, strict=True)
    assert stamps[0] == 0
    assert list(stamps) == sorted(stamps)
    assert all(stamp <= arrived for stamp, arrived in zip(stamps, arrivals, strict=True))


@aio
async def test_the_stream_that_is_drawn_is_drawn_whole() -> None:
    async with origin() as (address, _):
        alone = await run_streams(address, msgspec.structs.replace(STREAMS, streams=1), meter=meter())
    assert len(alone.raster) == alone.events > 0


@aio
async def test_the_gate_passes_an_origin_that_does_everything() -> None:
    async with origin() as (address, _):
        result = await run_gate(address, address, GATE, proxies=True, name="t")
    assert result.failed == ""
    assert result.passed == ["json", "64 KiB body", "64 KiB upload", "events one by one"]


@pytest.mark.parametrize(
    ("trace", "expected"),
    [([], False), ([100, 100], False), ([50, 100, 104], True), ([50, 100, 140], False), ([0, 0, 0], False)],
)
def test_a_process_is_warm_when_two_slices_agree(trace: list[int], expected: bool) -> None:
    assert warm(trace, least=3, tolerance=0.15) is expected


@aio
async def test_a_server_whose_backlog_is_full_is_told_with_how_many_connections_it_took() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=1) as nobody_accepts:
        address = Address(*nobody_accepts.getsockname())
        with pytest.raises(Mismatch, match=r"1 s were not enough, [0-9] of 32 are open"):
            await connect_all(address, lambda _: Connection(), 32, deadline_s=1.0)
