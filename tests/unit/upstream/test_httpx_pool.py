"""Every engine: connections used again, given back, closed."""

import asyncio
from typing import Any, cast

import pytest

from shared.client import Client
from shared.errors import (
    BodyTooLarge,
    ClientGone,
    PoolExhausted,
)
from shared.upstream import Upstream
from shared.upstream.aiohttp import AiohttpUpstream
from shared.upstream.wire import WireUpstream
from tests.unit.aio import aio, eventually, settle
from tests.unit.asgi import FakeServer, chunk
from tests.unit.upstream.origin import (
    CHUNKED,
    ENGINES,
    HALF,
    HELLO,
    SHORT_S,
    Connection,
    after_upload,
    answering,
    asking,
    engine_for,
    origin,
    read,
    upload,
)

pytestmark = pytest.mark.parametrize("engine", ENGINES)


@aio
async def test_a_connection_is_used_again_after_a_whole_body(engine: str) -> None:
    async with origin(answering(HELLO)) as upstream, engine_for(engine, upstream.port) as client:
        for _ in range(20):
            await read(await client.send(asking()))
        assert len(upstream.connections) == 1


@aio
async def test_a_connection_is_free_as_soon_as_the_body_has_ended(engine: str) -> None:
    """Who has the whole answer may ask again at once, and needs no second connection for it."""
    async with origin(answering(HELLO)) as upstream, engine_for(engine, upstream.port) as client:
        for _ in range(20):
            answer = await client.send(asking())
            async for _chunk in answer.body:
                pass  # and it is not closed before the next is sent
        assert len(upstream.connections) == 1


@aio
async def test_a_connection_that_the_upstream_ends_is_not_used_again(engine: str) -> None:
    last = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello"
    async with origin(answering(last)) as upstream, engine_for(engine, upstream.port) as client:
        for _ in range(3):
            await read(await client.send(asking()))
        assert len(upstream.connections) == 3


def _noticed_the_end(client: Upstream) -> bool:
    if isinstance(client, AiohttpUpstream):
        ((kept, _),) = next(iter(cast(Any, client)._session.connector._conns.values()))
        return not kept.is_connected()
    pool = cast(Any, client)._pool
    return not pool.idle if isinstance(client, WireUpstream) else pool.connections[0].has_expired()


@aio
async def test_a_connection_closed_while_idle_is_not_used_again(engine: str) -> None:
    idle = asyncio.Event()

    async def once(connection: Connection) -> None:
        await connection.head()
        await connection.send(HELLO)
        await idle.wait()
        connection.close()

    body = upload(b"x")
    async with origin(once) as upstream, engine_for(engine, upstream.port) as client:
        await read(await client.send(asking()))
        assert not _noticed_the_end(client)
        idle.set()
        await eventually(lambda: _noticed_the_end(client), "the FIN to arrive")
        await read(await client.send(asking(method=b"POST", headers=CHUNKED, body=body)))
        assert len(upstream.connections) == 2
    body.close()


_POISON = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"


@pytest.mark.parametrize("extra", [_POISON, b"HTTP/1.1 2", b"\r\n", _POISON * 10_000])
@pytest.mark.parametrize(
    ("method", "answer", "content"),
    [
        (b"GET", HELLO, b"hello"),
        (b"GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", b"hello"),
        (b"GET", b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", b""),
        (b"HEAD", HELLO.removesuffix(b"hello"), b""),
    ],
)
@aio
async def test_bytes_past_the_end_cost_the_connection(
    engine: str, method: bytes, answer: bytes, content: bytes, extra: bytes
) -> None:
    if engine == "aiohttp" and (method == b"HEAD" or not extra.startswith(_POISON)):
        pytest.skip("aiohttp drops what is no whole answer, or the head before it: test_aiohttp.py")
    async with origin(answering(answer + extra)) as upstream, engine_for(engine, upstream.port) as client:
        for number in range(1, 4):
            assert await read(await client.send(asking(method=method))) == content
            await eventually(lambda: upstream.open == 0, "the connection to be closed")
            assert len(upstream.connections) == number


@aio
async def test_closing_an_answer_again_does_not_touch_the_next_on_its_connection(engine: str) -> None:
    async with (
        origin(answering(HELLO, HALF + b"x" * 96)) as upstream,
        engine_for(engine, upstream.port) as client,
    ):
        first = await client.send(asking())
        await read(first)
        second = await client.send(asking())
        await first.body.aclose()
        assert len(await read(second)) == 100
        assert await read(await client.send(asking())) != b""
        assert len(upstream.connections) == 1


@aio
async def test_an_idle_connection_expires(engine: str) -> None:
    async with (
        origin(answering(HELLO)) as upstream,
        engine_for(engine, upstream.port, keepalive_expiry=SHORT_S) as client,
    ):
        await read(await client.send(asking()))
        await asyncio.sleep(2 * SHORT_S)
        await read(await client.send(asking()))
        assert len(upstream.connections) == 2


@aio
async def test_there_are_never_more_connections_than_allowed(engine: str) -> None:
    async with (
        origin(answering(HELLO)) as upstream,
        engine_for(engine, upstream.port, max_connections=3) as client,
    ):

        async def one() -> None:
            assert await read(await client.send(asking())) == b"hello"

        await asyncio.gather(*[one() for _ in range(30)])
        assert len(upstream.connections) <= 3


@aio
async def test_who_waits_too_long_for_a_connection_is_told_and_disturbs_nobody(engine: str) -> None:
    async with (
        origin(answering(HALF + b"x" * 96)) as upstream,
        engine_for(engine, upstream.port, max_connections=1, pool_timeout=SHORT_S) as client,
    ):
        first = await client.send(asking())
        with pytest.raises(PoolExhausted):
            await client.send(asking())
        assert len(await read(first)) == 100
        assert len(await read(await client.send(asking()))) == 100
        assert len(upstream.connections) == 1


@aio
async def test_a_body_closed_early_costs_its_connection_and_gives_back_its_place(engine: str) -> None:
    async with (
        origin(answering(HALF)) as upstream,
        engine_for(engine, upstream.port, max_connections=1, pool_timeout=1) as client,
    ):
        for number in range(1, 6):
            answer = await client.send(asking())
            if number % 2:
                assert await anext(aiter(answer.body)) == b"half"
            await answer.body.aclose()
            await answer.body.aclose()
            await eventually(lambda: upstream.open == 0, "the connection to be closed")
            assert len(upstream.connections) == number


# Leaving


@pytest.mark.parametrize("at", ["before the head", "in the head", "in the body"])
@aio
async def test_a_cancelled_exchange_closes_its_connection_and_gives_back_its_place(
    engine: str, at: str
) -> None:
    sent = {"before the head": b"", "in the head": HALF[:20], "in the body": HALF}
    reached = asyncio.Event()

    async def script(connection: Connection) -> None:
        await connection.head()
        await connection.send(sent[at])
        reached.set()

    async with (
        origin(script) as upstream,
        engine_for(engine, upstream.port, max_connections=1, pool_timeout=1) as client,
    ):
        for number in range(1, 4):
            task = asyncio.create_task(exchange(client))
            await reached.wait()
            reached.clear()
            await settle()  # and what was sent has been read
            assert len(upstream.connections) == number
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await eventually(lambda: upstream.open == 0, "the connection to be closed")


@aio
async def test_who_is_cancelled_while_waiting_for_a_connection_never_reaches_the_upstream(
    engine: str,
) -> None:
    async with (
        origin(answering(HELLO)) as upstream,
        engine_for(engine, upstream.port, max_connections=1, pool_timeout=5) as client,
    ):
        held = await client.send(asking(b"/held"))
        waiting = asyncio.create_task(exchange(client, b"/cancelled"))
        next_one = asyncio.create_task(exchange(client, b"/next"))
        await settle()
        waiting.cancel()
        await asyncio.wait([waiting])
        await read(held)
        await next_one
        assert b"/cancelled" not in upstream.connections[0].received
        assert len(upstream.connections) == 1


@aio
async def test_a_client_that_leaves_in_its_upload_leaves_no_complete_request_behind(engine: str) -> None:
    server = FakeServer(chunk(b"half"))
    body = Client(server.receive)
    body.start()

    async def script(connection: Connection) -> None:
        await connection.until(b"half\r\n")
        server.leave()

    async with origin(script) as upstream, engine_for(engine, upstream.port) as client:
        with pytest.raises(ClientGone):
            await client.send(asking(method=b"POST", headers=CHUNKED, body=body))
        await eventually(lambda: upstream.open == 0, "the connection to be closed")
        assert upstream.connections[0].received.endswith(b"\r\n\r\n4\r\nhalf\r\n")
    body.close()


@aio
async def test_an_upload_beyond_the_limit_leaves_no_complete_request_behind(engine: str) -> None:
    body = upload(b"12345", b"67890", limit=7)
    async with origin(after_upload) as upstream, engine_for(engine, upstream.port) as client:
        with pytest.raises(BodyTooLarge):
            await client.send(asking(method=b"POST", headers=CHUNKED, body=body))
        await eventually(lambda: upstream.open == 0, "the connection to be closed")
        assert b"0\r\n\r\n" not in upstream.connections[0].received
    body.close()


@aio
async def test_closing_the_engine_closes_its_connections(engine: str) -> None:
    async with origin(answering(HELLO)) as upstream:
        async with engine_for(engine, upstream.port) as client:
            await read(await client.send(asking()))
            assert upstream.open == 1
        await eventually(lambda: upstream.open == 0, "the connection to be closed")


async def exchange(client: Upstream, target: bytes = b"/") -> None:
    await read(await client.send(asking(target)))


async def cancelled_soon(client: Upstream, turns: int) -> None:
    task = asyncio.create_task(exchange(client))
    await settle(turns)
    task.cancel()
    await asyncio.wait([task])


@aio
async def test_after_clients_that_left_at_every_moment_the_pool_is_whole(
    engine: str, request: pytest.FixtureRequest
) -> None:
    if engine == "httpx":  # mended in httpcore's PR #1099 and in httpx2
        reason = "encode/httpcore #1093: 0.28.1 loses connections to cancelled requests"
        request.applymarker(pytest.mark.xfail(strict=True, raises=PoolExhausted, reason=reason))
    async with (
        origin(answering(HELLO)) as upstream,
        engine_for(engine, upstream.port, max_connections=4, pool_timeout=1) as client,
    ):
        for turns in range(60):
            crowd = [cancelled_soon(client, turns + late) for late in range(12)]
            await asyncio.gather(*crowd)
        answers = await asyncio.gather(*[client.send(asking()) for _ in range(4)])
        assert [await read(answer) for answer in answers] == [b"hello"] * 4
        assert upstream.open <= 4
