"""The load engine over real sockets: counts are right, and every kind of lie the origin can tell is found."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from bench.load import (
    Address,
    Expected,
    request_bytes,
    run_closed,
    run_gate,
    run_open,
    run_streams,
)
from bench.load.closed import warm
from bench.record import ClosedResult, OpenResult, StreamsResult, merge_histograms
from bench.scenarios import Closed, Gate, Open, Streams
from bench.usage import Meter
from shared.harness.origin.fast import JSON_BODY, FastOrigin, OriginState, event
from tests.unit.aio import aio

CLOSED = Closed(id="S3", title="", path="/json", connections=4, window_s=0.1, warm_slice_s=0.02, warm_most=4)
OPEN = Open(id="S2", title="", path="/json", rate=400, window_s=0.25, arrivals="constant", connections=8)
STREAMS = Streams(
    id="S5", title="", streams=5, every_us=5000, window_s=0.25, open_every_s=0.002, settle_s=0.02
)
GATE = Gate(id="S0", title="", deadline_s=1.0)

Get = Callable[[FastOrigin, bytes], None]


@asynccontextmanager
async def origin(get: Get | None = None) -> AsyncIterator[tuple[Address, OriginState]]:
    """A fast origin in this loop; ``get`` replaces how it answers GETs."""
    state = OriginState()

    class Origin(FastOrigin):
        def get(self, target: bytes) -> None:
            if get is None:
                super().get(target)
            else:
                get(self, target)

    server = await asyncio.get_running_loop().create_server(lambda: Origin(state), "127.0.0.1", 0)
    try:
        yield Address("127.0.0.1", server.sockets[0].getsockname()[1]), state
    finally:
        server.close()
        await server.wait_closed()


def meter() -> Meter:
    return Meter(None, rig=(os.getpid(),))


async def closed(address: Address) -> ClosedResult:
    request = request_bytes(address, "/json")
    return await run_closed(
        address, CLOSED, request=request, expected=Expected(200, JSON_BODY), meter=meter()
    )


async def opened(address: Address, scenario: Open = OPEN) -> OpenResult:
    request = request_bytes(address, scenario.path)
    expected = Expected(200, JSON_BODY)
    return await run_open(address, scenario, request=request, expected=expected, meter=meter(), seed=1)


def write(connection: FastOrigin, data: bytes) -> None:
    assert connection.transport is not None
    connection.transport.write(data)


def answer(body: bytes = JSON_BODY, *, status: bytes = b"200 OK", length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    return b"HTTP/1.1 %s\r\ncontent-length: %d\r\n\r\n%s" % (status, size, body)


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
    for encoded in (result.response, result.service, result.lag):
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


@aio
async def test_the_gate_passes_an_origin_that_does_everything() -> None:
    async with origin() as (address, _):
        result = await run_gate(address, address, GATE, proxies=True, name="t")
    assert result.failed == ""
    assert result.passed == ["json", "64 KiB body", "64 KiB upload", "events one by one"]


# one lie each: what goes out, and the word it must be counted under

WRONG_BYTE = JSON_BODY[:500] + b"?" + JSON_BODY[501:]
LIES: dict[str, tuple[bytes, str]] = {
    "wrong byte": (answer(WRONG_BYTE), "content"),
    "wrong status": (answer(status=b"502 Bad Gateway"), "status"),
    "short body": (answer(JSON_BODY[:-1]), "length"),
    "bytes past the end": (answer() + b"extra", "framing"),
    "a second response": (answer() + answer(), "framing"),
    "two lengths": (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\ncontent-length: 0\r\n\r\n", "framing"),
    "a chunk size that is none": (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n", "framing"),
    "no HTTP at all": (b"HELLO\r\n\r\n", "framing"),
    "keep-alive refused": (answer().replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n", 1), "connection"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lying_origin_fails_every_load(lie: str) -> None:
    data, kind = LIES[lie]

    @aio
    async def run() -> None:
        async with origin(lambda connection, _: write(connection, data)) as (address, _):
            looped = await closed(address)
            paced = await opened(address)
            streamed = await run_streams(address, STREAMS, meter=meter())
        for result in (looped, paced, streamed):
            assert kind in result.integrity.failures, result.integrity
            assert result.integrity.first.startswith(f"{kind}: ")

    run()


@aio
async def test_a_length_longer_than_the_body_is_truncated_once_the_connection_closes() -> None:
    def lie(connection: FastOrigin, _: bytes) -> None:
        write(connection, answer(length=len(JSON_BODY) + 5))
        assert connection.transport is not None
        connection.transport.close()

    async with origin(lie) as (address, _):
        result = await closed(address)
    assert set(result.integrity.failures) == {"truncated"}


@aio
async def test_one_wrong_response_among_many_fails_the_window() -> None:
    count = 0

    def lie(connection: FastOrigin, _: bytes) -> None:
        nonlocal count
        count += 1
        write(connection, answer(WRONG_BYTE) if count == 50 else answer())

    async with origin(lie) as (address, _):
        result = await closed(address)
    assert result.integrity.failures == {"content": 1}
    assert "byte 500 differs" in result.integrity.first


@aio
async def test_an_origin_that_never_answers_is_a_timeout_and_not_a_slow_success() -> None:
    async with origin(lambda *_: None) as (address, _):
        result = await opened(address, msgspec.structs.replace(OPEN, drain_s=0.1))
    assert result.completed == 0
    assert result.integrity.failures == {"timeout": 1}


@aio
async def test_nobody_listening_is_a_failure_with_its_address() -> None:
    async with origin() as (address, _):
        pass
    for result in (await closed(address), await opened(address)):
        assert result.completed == 0
        assert set(result.integrity.failures) == {"connection"}
        assert str(address.port) in result.integrity.first


def serve_events(connection: FastOrigin, target: bytes, change: Callable[[int], list[int]]) -> None:
    """Answer a stream with the events that ``change`` makes of each number, without pacing."""
    if not target.startswith(b"/sse"):
        write(connection, answer())
        return
    write(connection, b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    for number in range(20):
        for sent in change(number):
            data = event(sent, 1)
            write(connection, b"%x\r\n%s\r\n" % (len(data), data))


@pytest.mark.parametrize(
    "change",
    [
        lambda n: [] if n == 7 else [n],
        lambda n: [n, n] if n == 7 else [n],
        lambda n: [{7: 8, 8: 7}.get(n, n)],
    ],
    ids=["lost", "twice", "out of order"],
)
def test_an_event_that_is_lost_twice_or_out_of_order_fails_the_streams(
    change: Callable[[int], list[int]],
) -> None:
    @aio
    async def run() -> None:
        async with origin(lambda connection, target: serve_events(connection, target, change)) as (
            address,
            _,
        ):
            result = await run_streams(address, STREAMS, meter=meter())
        assert "content" in result.integrity.failures

    run()


@aio
async def test_a_stream_that_ends_by_itself_is_truncated() -> None:
    def lie(connection: FastOrigin, target: bytes) -> None:
        serve_events(connection, target, lambda n: [n])
        if target.startswith(b"/sse"):
            write(connection, b"0\r\n\r\n")

    async with origin(lie) as (address, _):
        result = await run_streams(address, STREAMS, meter=meter())
    assert "truncated" in result.integrity.failures


# what gathers events before it hands them on never passes the gate


class Gathering(asyncio.Protocol):
    """A relay that holds back what the origin streams until it has two kilobytes."""

    def __init__(self, upstream: Address) -> None:
        self.upstream = upstream
        self.held = b""
        self.client: Any = None
        self.origin: Any = None
        self.stepped = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.client = transport
        self.task = asyncio.ensure_future(self._connect())
        self.early = b""

    async def _connect(self) -> None:
        outer = self

        class Back(asyncio.Protocol):
            def data_received(self, data: bytes) -> None:
                outer.held += data
                if not outer.stepped or len(outer.held) > 2048:
                    outer.client.write(outer.held)
                    outer.held = b""

        self.origin, _ = await asyncio.get_running_loop().create_connection(Back, *self.upstream)
        self.origin.write(self.early)

    def data_received(self, data: bytes) -> None:
        self.stepped = self.stepped or b"/step/" in data
        if self.origin is None:
            self.early += data
        else:
            self.origin.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.task.cancel()
        if self.origin is not None:
            self.origin.close()


@aio
async def test_a_proxy_that_gathers_events_fails_the_gate_by_lock_step() -> None:
    async with origin() as (address, _):
        loop = asyncio.get_running_loop()
        relay = await loop.create_server(lambda: Gathering(address), "127.0.0.1", 0)
        front = Address("127.0.0.1", relay.sockets[0].getsockname()[1])
        short = msgspec.structs.replace(GATE, deadline_s=0.3)
        result = await run_gate(front, address, short, proxies=True, name="t")
        relay.close()
        await relay.wait_closed()
    assert result.passed == ["json", "64 KiB body", "64 KiB upload"]
    assert result.failed == "events one by one"


# faults of a known size, and the metric that has to see them


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


@pytest.mark.parametrize(
    ("trace", "expected"),
    [([], False), ([100, 100], False), ([50, 100, 104], True), ([50, 100, 140], False), ([0, 0, 0], False)],
)
def test_a_process_is_warm_when_two_slices_agree(trace: list[int], expected: bool) -> None:
    assert warm(trace, least=3, tolerance=0.15) is expected
