"""When a connection is used again, when a request is sent again, and that neither ever mixes exchanges."""

import asyncio
from typing import cast

import pytest

from shared.errors import Terminated
from shared.upstream.wire import WireUpstream
from shared.upstream.wire.connection import HIGH_WATER
from shared.upstream.wire.exchange import Exchange
from tests.unit.aio import aio, eventually, settle
from tests.unit.upstream.origin import (
    CHUNKED,
    HELLO,
    Connection,
    answering,
    asking,
    engine_for,
    origin,
    read,
    upload,
)
from tests.unit.upstream.wire.churn import churn

pytestmark = pytest.mark.usefixtures("loop")

EXTRA = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nPOISONED"
CHUNKED_HELLO = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"


@pytest.mark.parametrize("first", [HELLO, CHUNKED_HELLO, b"HTTP/1.1 304 Same\r\n\r\n"])
@aio
async def test_bytes_past_the_end_of_an_answer_answer_nobody(first: bytes) -> None:
    async with origin(answering(first + EXTRA)) as upstream, engine_for("wire", upstream.port) as engine:
        for _ in range(5):
            assert await read(await engine.send(asking())) != b"POISONED"
        assert len(upstream.connections) == 5


@aio
async def test_bytes_that_come_while_idle_answer_nobody() -> None:
    async def unasked(connection: Connection) -> None:
        await connection.head()
        await connection.send(HELLO)
        idle.set()
        await go.wait()
        await connection.send(EXTRA)

    idle, go = asyncio.Event(), asyncio.Event()
    async with origin(unasked) as upstream, engine_for("wire", upstream.port) as engine:
        known = [engine.has_idle]
        await read(await engine.send(asking()))
        await idle.wait()
        known.append(engine.has_idle)
        assert known == [False, True]
        go.set()
        await eventually(lambda: not engine.has_idle, "the connection to be closed")
        go.clear()
        assert await read(await engine.send(asking())) == b"hello"
        assert len(upstream.connections) == 2


async def _once(connection: Connection) -> None:
    """Answer one request, and hang up on whatever comes next without a byte."""
    await connection.head()
    await connection.send(HELLO)
    await connection.until(b"\r\n\r\n")
    connection.close()


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"OPTIONS"])
@aio
async def test_a_safe_request_that_meets_a_closing_connection_is_sent_once_more(method: bytes) -> None:
    async with origin(_once) as upstream, engine_for("wire", upstream.port) as engine:
        await read(await engine.send(asking()))
        assert (await engine.send(asking(method=method))).status == 200
        assert len(upstream.connections) == 2


@aio
async def test_any_other_request_is_not() -> None:
    async with origin(_once) as upstream, engine_for("wire", upstream.port) as engine:
        body = upload(b"x")
        for request in (
            asking(method=b"POST"),
            asking(method=b"DELETE"),
            asking(headers=CHUNKED, body=body),
        ):
            await read(await engine.send(asking()))
            known = len(upstream.connections)
            with pytest.raises(Terminated):
                await engine.send(request)
            assert len(upstream.connections) == known
        body.close()


@aio
async def test_a_request_is_sent_again_once_and_only_before_the_first_byte() -> None:
    async def hang_up(connection: Connection) -> None:
        await connection.head()
        if len(upstream.connections) == 1:
            await connection.send(HELLO)
            await connection.until(b"\r\n\r\n")
        connection.close()

    async with origin(hang_up) as upstream, engine_for("wire", upstream.port) as engine:
        await read(await engine.send(asking()))
        with pytest.raises(Terminated):
            await engine.send(asking())
        assert len(upstream.connections) == 2

    async def half(connection: Connection) -> None:
        await connection.head()
        await connection.send(HELLO)
        await connection.until(b"\r\n\r\n")
        await connection.send(b"HTTP/1.1 200")
        connection.close()

    async with origin(half) as upstream, engine_for("wire", upstream.port) as engine:
        await read(await engine.send(asking()))
        with pytest.raises(Terminated):
            await engine.send(asking())
        assert len(upstream.connections) == 1


@aio
async def test_a_connection_whose_whole_body_nobody_took_reads_on_for_the_next() -> None:
    """Past the mark a socket rests until somebody takes what came: not with the last of it, which nobody may
    take; whoever came next would wait in vain."""
    size = HIGH_WATER + 1
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + bytes(size)
    async with (
        origin(answering(whole, HELLO)) as upstream,
        engine_for("wire", upstream.port) as engine,
    ):
        answer = await engine.send(asking())
        exchange = cast(Exchange, answer.body)
        await eventually(lambda: exchange.reader.ended, "the response's end")
        await answer.body.aclose()
        assert await read(await engine.send(asking())) == b"hello"
        assert len(upstream.connections) == 1


@aio
async def test_a_connection_that_ends_between_two_is_not_the_second_ones() -> None:
    """Handed to who waits for it, and closed before that one has run: nothing of it was sent, so it goes on
    a fresh connection, whatever it is."""
    async with (
        origin(answering(HELLO)) as upstream,
        engine_for("wire", upstream.port, max_connections=1) as made,
    ):
        engine = cast(WireUpstream, made)
        first = await engine.send(asking())
        second = asyncio.create_task(engine.send(asking(method=b"POST")))
        await settle()
        assert engine._pool.waiting == 1
        assert await anext(aiter(first.body)) == b"hello"
        connection = cast(Exchange, first.body)._connection
        await first.body.aclose()
        connection.connection_lost(ConnectionResetError())
        assert await read(await second) == b"hello"
        assert [each.received[:4] for each in upstream.connections] == [b"GET ", b"POST"]
        connection.abort()


@pytest.mark.chance
@pytest.mark.parametrize("seed", range(8))
@aio
async def test_whatever_is_cancelled_at_whatever_moment_nobody_gets_another_ones_answer(seed: int) -> None:
    await churn(seed)
