"""Every kind of lie an origin or proxy can tell is found, and counted under its own word."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from bench.load import (
    Address,
    run_gate,
    run_streams,
)
from shared.harness.origin.fast import FastOrigin
from shared.harness.origin.payload import JSON_BODY, event
from tests.unit.aio import aio
from tests.unit.bench.origins import GATE, OPEN, STREAMS, answer, closed, meter, opened, origin, write

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
        short = msgspec.structs.replace(GATE, deadline_s=3.0)  # the first three keep to it, too
        result = await run_gate(front, address, short, proxies=True, name="t")
        relay.close()
        await relay.wait_closed()
    assert result.passed == ["json", "64 KiB body", "64 KiB upload"]
    assert result.failed == "events one by one"
