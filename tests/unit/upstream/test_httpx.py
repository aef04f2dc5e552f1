"""Every engine: the exact bytes of request and answer."""

import asyncio
import gzip
import logging

import pytest

from shared.client import LOOK_AHEAD, Client
from tests.unit.aio import aio, settle
from tests.unit.asgi import FakeServer, chunk
from tests.unit.upstream.origin import (
    CHUNKED,
    ENGINES,
    HELLO,
    Connection,
    answering,
    asking,
    engine_for,
    origin,
    read,
    upload,
)

pytestmark = pytest.mark.parametrize("engine", ENGINES)

# The request on the wire


@aio
async def test_the_head_is_written_as_told_and_nothing_is_added(engine: str) -> None:
    coffee = (
        b"caf\xe9" if engine != "aiohttp" else b"caf\xc3\xa9"
    )  # which writes UTF-8 and no other: case HDR-11
    headers = [(b"X-M", b"z"), (b"x-m", coffee), (b"X-Empty", b""), (b"Accept-Encoding", b"br")]
    target = b"/a%2Fb//../%C3%a9;x?q=%20&&%zz+"
    async with origin(answering(HELLO)) as upstream, engine_for(engine, upstream.port) as client:
        assert await read(await client.send(asking(target, headers=headers))) == b"hello"
        assert upstream.connections[0].received == (
            b"GET " + target + b" HTTP/1.1\r\nHost: origin.test\r\n"
            b"X-M: z\r\nx-m: " + coffee + b"\r\nX-Empty: \r\nAccept-Encoding: br\r\n\r\n"
        )


@pytest.mark.parametrize("method", [b"GET", b"get", b"Foo", b"PROPFIND", b"M-SEARCH", b"OPTIONS"])
@aio
async def test_the_method_keeps_its_case(engine: str, method: bytes) -> None:
    async with origin(answering(HELLO)) as upstream, engine_for(engine, upstream.port) as client:
        await read(await client.send(asking(b"*", method=method)))
        assert upstream.connections[0].received.startswith(method + b" * HTTP/1.1\r\n")


@pytest.mark.parametrize(
    ("headers", "pieces", "written"),
    [
        ([(b"Content-Length", b"11")], [b"hello ", b"world"], b"hello world"),
        (CHUNKED, [b"hello ", b"world"], b"6\r\nhello \r\n5\r\nworld\r\n0\r\n\r\n"),
        (CHUNKED, [], b"0\r\n\r\n"),
        ([(b"Content-Length", b"0")], None, b""),
        ([], None, b""),
    ],
)
@aio
async def test_a_body_keeps_its_framing(
    engine: str, headers: list[tuple[bytes, bytes]], pieces: list[bytes] | None, written: bytes
) -> None:
    seen: list[bytes] = []

    async def script(connection: Connection) -> None:
        seen.append(await connection.head())
        seen.append(await connection.until(written) if written else b"")
        await connection.send(HELLO)

    body = None if pieces is None else upload(*pieces)
    async with origin(script) as upstream, engine_for(engine, upstream.port) as client:
        await read(await client.send(asking(method=b"POST", headers=headers, body=body)))
        lines = [name + b": " + value for name, value in headers]
        assert seen[0] == b"\r\n".join([b"POST / HTTP/1.1", b"Host: origin.test", *lines]) + b"\r\n\r\n"
        assert seen[1] == written
        assert upstream.connections[0].received == b"".join(seen)
    if body is not None:
        body.close()


@aio
async def test_each_piece_of_the_body_leaves_before_the_next_has_come(engine: str) -> None:
    server = FakeServer(chunk(b"one"))
    body = Client(server.receive)
    body.start()

    async def script(connection: Connection) -> None:
        await connection.until(b"one\r\n")
        server.say(chunk(b"two"))
        await connection.until(b"two\r\n")
        server.say({"type": "http.request"})
        await connection.until(b"0\r\n\r\n")
        await connection.send(HELLO)

    async with origin(script) as upstream, engine_for(engine, upstream.port) as client:
        assert await read(await client.send(asking(method=b"POST", headers=CHUNKED, body=body))) == b"hello"
    body.close()


@aio
async def test_an_upstream_that_stops_reading_stops_the_upload(engine: str) -> None:
    piece = bytes(LOOK_AHEAD)
    server = FakeServer(*[chunk(piece)] * 1000)
    body = Client(server.receive)
    body.start()

    deaf = asyncio.Event()

    async def script(connection: Connection) -> None:
        connection.writer.transport.pause_reading()  # type: ignore[attr-defined]
        deaf.set()
        await asyncio.Event().wait()

    async with origin(script) as upstream, engine_for(engine, upstream.port) as client:
        task = asyncio.create_task(client.send(asking(method=b"POST", headers=CHUNKED, body=body)))
        await deaf.wait()
        taken = -1
        while server.taken != taken:
            taken = server.taken
            await settle(200)  # an upload that waits for nobody would take another piece every few turns
        assert 0 < server.bytes_taken < 20 << 20  # of 64 MiB: what the sockets hold, and the look-ahead
        task.cancel()
        await asyncio.wait([task])
    body.close()
    server.leave()


@aio
async def test_the_environment_has_no_say(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with origin(answering(HELLO)) as upstream, engine_for(engine, upstream.port) as client:
        assert await read(await client.send(asking())) == b"hello"


@aio
async def test_nothing_is_logged_about_a_request(engine: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        async with origin(answering(HELLO)) as upstream, engine_for(engine, upstream.port) as client:
            await read(await client.send(asking()))
    assert caplog.records == []


# The answer


@aio
async def test_the_head_comes_back_as_written_and_before_the_body(engine: str) -> None:
    sent = asyncio.Event()

    async def script(connection: Connection) -> None:
        await connection.head()
        await connection.send(
            b"HTTP/1.1 299 Whatever\r\nset-cookie: a=1\r\nX-Caf\x27: caf\xe9\r\nSet-Cookie: b=2, c\r\n"
            b"X-Empty:\r\nContent-Length: 3\r\n\r\n"
        )
        await sent.wait()
        await connection.send(b"abc")

    async with origin(script) as upstream, engine_for(engine, upstream.port) as client:
        answer = await client.send(asking())
        assert answer.status == 299
        assert answer.headers == [
            (b"set-cookie", b"a=1"),
            (b"X-Caf'", b"caf\xe9"),
            (b"Set-Cookie", b"b=2, c"),
            (b"X-Empty", b""),
            (b"Content-Length", b"3"),
        ]
        sent.set()
        assert await read(answer) == b"abc"


@pytest.mark.parametrize(
    ("head", "body", "content"),
    [
        (b"Content-Length: 5", b"hello", b"hello"),
        (b"Transfer-Encoding: chunked", b"2\r\nhe\r\n3;ext=1\r\nllo\r\n0\r\nX-T: 1\r\n\r\n", b"hello"),
        (b"X: 1", b"to the end", b"to the end"),
        (b"Content-Encoding: gzip\r\nContent-Length: 25", gzip.compress(b"hello", mtime=0), None),
        (b"Content-Encoding: gzip\r\nContent-Length: 7", b"no gzip", b"no gzip"),
    ],
    ids=["length", "chunked", "to the end of the connection", "gzip", "what only says it is gzip"],
)
@aio
async def test_the_body_is_unframed_and_not_decoded(
    engine: str, head: bytes, body: bytes, content: bytes | None
) -> None:
    async def script(connection: Connection) -> None:
        await connection.head()
        await connection.send(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n" + body)
        connection.close()

    async with origin(script) as upstream, engine_for(engine, upstream.port) as client:
        assert await read(await client.send(asking())) == (body if content is None else content)


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        (b"HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n"),
        (b"HEAD", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        (b"GET", b"HTTP/1.1 204 No Content\r\n\r\n"),
        (b"GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 12345\r\n\r\n"),
        (
            b"GET",
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: </a>\r\n\r\nHTTP/1.1 204 No\r\n\r\n",
        ),
    ],
)
@aio
async def test_an_answer_without_a_body_leaves_the_connection_usable(
    engine: str, method: bytes, answer: bytes
) -> None:
    async with origin(answering(answer)) as upstream, engine_for(engine, upstream.port) as client:
        for _ in range(3):
            assert await read(await client.send(asking(method=method))) == b""
        assert len(upstream.connections) == 1


@aio
async def test_no_redirect_is_followed_and_no_cookie_kept(engine: str) -> None:
    moved = b"HTTP/1.1 302 Found\r\nLocation: /b\r\nSet-Cookie: sid=1; Path=/\r\nContent-Length: 0\r\n\r\n"
    async with (
        origin(answering(moved, HELLO)) as upstream,
        engine_for(engine, upstream.port, host="localhost") as client,
    ):
        answer = await client.send(asking())
        assert (answer.status, await read(answer)) == (302, b"")
        await read(await client.send(asking()))
        assert upstream.connections[0].received == b"GET / HTTP/1.1\r\nHost: origin.test\r\n\r\n" * 2
