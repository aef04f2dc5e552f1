"""The engine aiohttp: what it does otherwise than the others, and what is mended above it."""

import asyncio

import pytest

from shared.client import LOOK_AHEAD, Client
from shared.errors import BadRequest, BodyIncomplete, BodyTooLarge, ProtocolError, Terminated
from shared.upstream import Upstream
from tests.unit.aio import aio, eventually, settle
from tests.unit.asgi import FakeServer, chunk, end, started
from tests.unit.upstream.origin import (
    CHUNKED,
    HALF,
    HELLO,
    PATIENT_S,
    Connection,
    answering,
    asking,
    engine_for,
    origin,
    read,
    upload,
)

pytestmark = pytest.mark.usefixtures("loop")

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
POISON = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"


async def hello(client: Upstream) -> None:
    assert await read(await client.send(asking())) == b"hello"


@pytest.mark.parametrize("bad", [b"xyz\r\n", b"4\r\nhalfhalf"])
@aio
async def test_a_chunk_that_is_none_cuts_a_body_that_has_begun(bad: bytes) -> None:
    """aiohttp closes and lets the reader wait: without a deadline for ever."""
    headed = asyncio.Event()

    async def script(connection: Connection) -> None:
        await connection.head()
        await connection.send(HEAD + b"4\r\nhalf\r\n")
        await headed.wait()
        await connection.send(bad)

    async with origin(script) as upstream, engine_for("aiohttp", upstream.port, read_timeout=0) as client:
        answer = await client.send(asking())
        assert await anext(aiter(answer.body)) == b"half"
        headed.set()
        with pytest.raises(BodyIncomplete):
            await read(answer)


@aio
async def test_a_body_to_the_end_of_the_connection_does_not_end_with_a_reset() -> None:
    headed = asyncio.Event()

    async def script(connection: Connection) -> None:
        await connection.head()
        await connection.send(b"HTTP/1.1 200 OK\r\n\r\nhalf")
        await headed.wait()
        connection.reset()

    async with origin(script) as upstream, engine_for("aiohttp", upstream.port) as client:
        answer = await client.send(asking())
        assert await anext(aiter(answer.body)) == b"half"
        headed.set()
        with pytest.raises(BodyIncomplete):
            await read(answer)


@aio
async def test_a_head_that_is_too_long_in_all_is_not_passed_on() -> None:
    async def script(connection: Connection) -> None:
        await connection.head()
        await connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n")
        await connection.send(b"A: %b\r\nB: %b\r\n\r\n" % (b"x" * 70_000, b"x" * 70_000))

    async with origin(script) as upstream, engine_for("aiohttp", upstream.port) as client:
        with pytest.raises(ProtocolError):
            await client.send(asking())


@pytest.mark.parametrize(
    "extra", [POISON, POISON[:20], b"HTTP/1.1 103 Early\r\n\r\n", b"\r\n", b"garbage\r\n"]
)
@pytest.mark.parametrize("when", ["with the body", "when idle"])
@aio
async def test_what_follows_an_answer_answers_nobody(when: str, extra: bytes) -> None:
    """The body in a read of its own: its end gives the connection back while the parser still reads."""
    headed, ended, followed = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def script(connection: Connection) -> None:
        if followed.is_set():
            await answering(HELLO)(connection)
        await connection.head()
        await connection.send(HELLO.removesuffix(b"hello"))
        await headed.wait()
        await connection.send(b"hello" + (extra if when == "with the body" else b""))
        await ended.wait()
        if when == "when idle":
            await connection.send(extra)
        await connection.delivered()
        followed.set()
        await answering(HELLO)(connection)

    async with origin(script) as upstream, engine_for("aiohttp", upstream.port) as client:
        answer = await client.send(asking())
        headed.set()
        assert await read(answer) == b"hello"
        ended.set()
        await followed.wait()
        await settle()
        for _ in range(2):
            await hello(client)


@pytest.mark.parametrize("end_of_the_first", ["read", "closed", "whole"])
@aio
async def test_an_answer_that_has_come_does_not_touch_the_next_on_its_connection(
    end_of_the_first: str,
) -> None:
    """aiohttp gives a connection back when the body's end has come, not when it has been taken."""
    taken = asyncio.Event()

    async def script(connection: Connection) -> None:
        await connection.head()
        await connection.send(HELLO)
        await connection.head()
        await connection.send(HALF)
        await taken.wait()
        await connection.send(b"x" * 96)

    async with origin(script) as upstream, engine_for("aiohttp", upstream.port) as client:
        first = await client.send(asking())
        second = await client.send(asking())
        assert len(upstream.connections) == 1
        assert await anext(aiter(second.body)) == b"half"
        if end_of_the_first == "read":
            assert await read(first) == b"hello"
        elif end_of_the_first == "whole":
            assert first.body.whole() == b"hello"
        await first.body.aclose()
        taken.set()
        assert await read(second) == b"x" * 96


@pytest.mark.parametrize("method", [b"GET", b"PUT", b"DELETE"])
@aio
async def test_no_request_is_sent_again(method: bytes) -> None:
    """aiohttp repeats what is idempotent once, on whichever connection."""

    async def close(connection: Connection) -> None:
        await connection.head()
        connection.close()

    async with origin(close) as upstream, engine_for("aiohttp", upstream.port) as client:
        with pytest.raises(Terminated):
            await client.send(asking(method=method))
        assert len(upstream.connections) == 1


@aio
async def test_a_value_that_cannot_be_written_is_refused_and_costs_no_place() -> None:
    async with (
        origin(answering(HELLO)) as upstream,
        engine_for("aiohttp", upstream.port, max_connections=1) as client,
    ):
        with pytest.raises(BadRequest):
            await client.send(asking(headers=[(b"X", b"caf\xe9")]))
        await hello(client)


@aio
async def test_without_idle_connections_each_request_has_its_own() -> None:
    async with (
        origin(answering(HELLO)) as upstream,
        engine_for("aiohttp", upstream.port, max_keepalive=0) as client,
    ):
        await hello(client)
        await eventually(lambda: upstream.open == 0, "the connection to be closed")
        await hello(client)
        assert len(upstream.connections) == 2


@aio
async def test_an_address_with_colons_is_an_address() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HELLO)
        await reader.read()
        writer.close()

    try:
        server = await asyncio.start_server(serve, "::1", 0)
    except OSError:
        pytest.skip("there is no IPv6 here")
    async with server:
        port = server.sockets[0].getsockname()[1]
        async with engine_for("aiohttp", port, host="[::1]") as client:
            await hello(client)


# Both ways at once


def _uploading(*pieces: bytes, limit: int = 0) -> tuple[FakeServer, Client]:
    server = FakeServer(*[chunk(piece) for piece in pieces])
    return server, started(server, limit=limit)


@aio
async def test_each_piece_is_answered_before_the_next_is_sent() -> None:
    async def echo(connection: Connection) -> None:
        for _ in range(2):
            await connection.head()
            await connection.send(HEAD)
            while (size := await connection.until(b"\r\n")) != b"0\r\n":
                await connection.send(size + await connection.until(b"\r\n"))
            await connection.until(b"\r\n")
            await connection.send(b"0\r\n\r\n")

    server, body = _uploading(b"piece 0")
    async with origin(echo) as upstream, engine_for("aiohttp", upstream.port) as client:
        for _ in range(2):
            answer = await client.send(asking(method=b"POST", headers=CHUNKED, body=body))
            pieces = aiter(answer.body)
            for number in range(20):
                assert await anext(pieces) == b"piece %d" % number
                server.say(chunk(b"piece %d" % (number + 1)) if number < 19 else end())
            assert await anext(pieces, None) is None
            body.close()
            server, body = _uploading(b"piece 0")
        assert len(upstream.connections) == 1, "both messages were whole: the connection may be used again"
    body.close()
    server.say(end())


@aio
async def test_a_whole_answer_stops_the_upload_and_ends_the_connection() -> None:
    async def refuse(connection: Connection) -> None:
        await connection.head()
        await connection.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")

    server, body = _uploading(b"x" * 1000)
    async with origin(refuse) as upstream, engine_for("aiohttp", upstream.port) as client:
        answer = await client.send(asking(method=b"POST", headers=CHUNKED, body=body))
        assert (answer.status, await read(answer)) == (413, b"big")
        await eventually(lambda: upstream.open == 0, "the connection to be closed")
        assert b"0\r\n\r\n" not in upstream.connections[0].received
    body.close()
    server.say(end())


@aio
async def test_an_upload_that_is_left_unread_costs_no_answer_that_has_begun() -> None:
    given_up = asyncio.Event()

    async def answer_only(connection: Connection) -> None:
        connection.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await connection.send(HALF)
        await given_up.wait()
        await connection.send(b"x" * 96)

    body = upload(*[bytes(LOOK_AHEAD)] * 400)
    async with (
        origin(answer_only) as upstream,
        engine_for("aiohttp", upstream.port, write_timeout=PATIENT_S) as client,
    ):
        answer = await client.send(asking(method=b"POST", headers=CHUNKED, body=body))
        assert await anext(aiter(answer.body)) == b"half"
        await eventually(lambda: body._discarding, "the upload to be given up")
        given_up.set()
        assert await read(answer) == b"x" * 96
    body.close()
    await settle(500)


@aio
async def test_an_upload_that_fails_cuts_the_answer_that_has_begun() -> None:
    async def begin(connection: Connection) -> None:
        await connection.head()
        await connection.send(HALF)

    server, body = _uploading(b"12345", limit=7)
    async with origin(begin) as upstream, engine_for("aiohttp", upstream.port) as client:
        answer = await client.send(asking(method=b"POST", headers=CHUNKED, body=body))
        pieces = aiter(answer.body)
        assert await anext(pieces) == b"half"
        server.say(chunk(b"67890"))
        with pytest.raises(BodyTooLarge):
            await anext(pieces)
        await answer.body.aclose()
        await eventually(lambda: upstream.open == 0, "the connection to be closed")
        assert b"0\r\n\r\n" not in upstream.connections[0].received
    body.close()
    server.say(end())


# The end of the engine


@pytest.mark.parametrize(("sent", "error"), [(b"", Terminated), (HALF, Terminated)], ids=["head", "body"])
@aio
async def test_closing_the_engine_ends_what_still_waits(sent: bytes, error: type[Exception]) -> None:
    reached = asyncio.Event()

    async def script(connection: Connection) -> None:
        await connection.head()
        await connection.send(sent)
        reached.set()

    async with origin(script) as upstream, engine_for("aiohttp", upstream.port, read_timeout=0) as client:

        async def whole() -> None:
            await read(await client.send(asking()))

        task = asyncio.create_task(whole())
        await reached.wait()
        await settle()
        await client.aclose()
        with pytest.raises(error):
            await task
        await eventually(lambda: upstream.open == 0, "the connection to be closed")
