"""Every engine: each fault of an upstream under its own name."""

import asyncio
import socket
from typing import Any

import pytest

from shared.client import LOOK_AHEAD, Client
from shared.errors import (
    BadRequest,
    BodyIncomplete,
    ConnectRefused,
    ConnectTimeout,
    NameUnresolved,
    ProtocolError,
    ReadTimeout,
    ResponseTimeout,
    Terminated,
    UpgradeRefused,
    UpstreamError,
    WriteTimeout,
)
from tests.unit.aio import aio, eventually, settle
from tests.unit.asgi import FakeServer, chunk
from tests.unit.upstream.origin import (
    CHUNKED,
    ENGINES,
    HALF,
    HELLO,
    PATIENT_S,
    SHORT_S,
    Connection,
    Script,
    after_head,
    after_upload,
    answering,
    asking,
    engine_for,
    origin,
    read,
    upload,
)

pytestmark = pytest.mark.parametrize("engine", ENGINES)


async def fault(engine: str, script: Script, **settings: Any) -> UpstreamError:
    """What a request comes to; the connection that was used has to be closed by then or shortly after."""
    async with origin(script) as upstream, engine_for(engine, upstream.port, **settings) as client:
        with pytest.raises(UpstreamError) as caught:
            await read(await client.send(asking()))
        await eventually(lambda: upstream.open == 0, "the engine to close the connection")
    assert "127.0.0.1" not in str(caught.value)
    return caught.value


def trickling(piece: bytes) -> Script:
    async def script(connection: Connection) -> None:
        await connection.head()
        await connection.send(b"HTTP/1.1 200 OK\r\n")
        while True:
            await asyncio.sleep(SHORT_S / 5)
            await connection.send(piece)

    return script


HALF_CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"

FAULTS: dict[str, tuple[Script, type[UpstreamError]]] = {
    "closes before any byte": (after_head(then=Connection.close), Terminated),
    "resets before any byte": (after_head(then=Connection.reset), Terminated),
    "closes in the status line": (after_head(b"HTTP/1.", then=Connection.close), Terminated),
    "closes in the head": (after_head(b"HTTP/1.1 200 OK\r\nX: 1\r\n", then=Connection.close), Terminated),
    "resets in the head": (after_head(b"HTTP/1.1 200 OK\r\nX:", then=Connection.reset), Terminated),
    "garbage": (after_head(b"garbage\r\n\r\n"), ProtocolError),
    "another protocol": (after_head(b"SSH-2.0-OpenSSH_9.0\r\n\r\n"), ProtocolError),
    "HTTP/9.9": (after_head(b"HTTP/9.9 200 OK\r\n\r\n"), ProtocolError),
    "a status that is none": (after_head(b"HTTP/1.1 2OO OK\r\n\r\n"), ProtocolError),
    "a field without colon": (after_head(b"HTTP/1.1 200 OK\r\nfield\r\n\r\n"), ProtocolError),
    "a length that is none": (after_head(b"HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n"), ProtocolError),
    "two lengths": (
        after_head(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello"),
        ProtocolError,
    ),
    "a coding nobody knows": (
        after_head(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"),
        ProtocolError,
    ),
    "a head without end": (
        after_head(*[b"HTTP/1.1 200 OK\r\n", *[b"X: " + b"x" * 4096] * 40]),
        ProtocolError,
    ),
    "101 unasked": (
        after_head(b"HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n"),
        UpgradeRefused,
    ),
    "closes in the body": (after_head(HALF, then=Connection.close), BodyIncomplete),
    "resets in the body": (after_head(HALF, then=Connection.reset), BodyIncomplete),
    "closes before the last chunk": (after_head(HALF_CHUNKED, then=Connection.close), BodyIncomplete),
    "a chunk that is none": (after_head(HALF_CHUNKED + b"xyz\r\n"), BodyIncomplete),
    "a chunk without end": (after_head(HALF_CHUNKED + b"4\r\nhalfhalf"), BodyIncomplete),
}


# In the same read as the head, which aiohttp then drops (aiohttp 3.14.5, _http_parser.pyx, feed_data).
# test_aiohttp.py has them in a read of their own.
_BAD_CHUNKS = ("a chunk that is none", "a chunk without end")


@pytest.mark.parametrize("name", FAULTS)
@aio
async def test_a_fault_has_its_name(engine: str, name: str) -> None:
    script, error = FAULTS[name]
    if engine == "aiohttp" and name in _BAD_CHUNKS:
        error = ProtocolError
    assert type(await fault(engine, script)) is error


@aio
async def test_an_upstream_that_never_answers_times_out(engine: str) -> None:
    assert type(await fault(engine, after_head(), response_timeout=SHORT_S)) is ResponseTimeout


@aio
async def test_a_head_that_trickles_in_has_no_longer(engine: str) -> None:
    assert type(await fault(engine, trickling(b"X: 1\r\n"), response_timeout=SHORT_S)) is ResponseTimeout


@aio
async def test_interim_answers_do_not_buy_time(engine: str) -> None:
    async def script(connection: Connection) -> None:
        await connection.head()
        while True:
            await connection.send(b"HTTP/1.1 102 Processing\r\n\r\n")
            await asyncio.sleep(SHORT_S / 5)

    assert type(await fault(engine, script, response_timeout=SHORT_S)) is ResponseTimeout


@aio
async def test_a_body_that_stalls_times_out(engine: str) -> None:
    assert type(await fault(engine, after_head(HALF), read_timeout=SHORT_S)) is ReadTimeout


@pytest.mark.parametrize("read_timeout", [0, 60])
@aio
async def test_between_pieces_of_a_body_the_read_timeout_counts_and_no_other(
    engine: str, read_timeout: float
) -> None:
    async def script(connection: Connection) -> None:
        await connection.head()
        await connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
        await asyncio.sleep(1.2 * PATIENT_S)
        await connection.send(b"cd")

    times: dict[str, Any] = {
        "response_timeout": PATIENT_S,
        "write_timeout": PATIENT_S,
        "keepalive_expiry": SHORT_S,
    }
    async with (
        origin(script) as upstream,
        engine_for(engine, upstream.port, read_timeout=read_timeout, **times) as client,
    ):
        assert await read(await client.send(asking())) == b"abcd"


@aio
async def test_the_time_to_answer_starts_with_the_last_byte_of_the_request(engine: str) -> None:
    server = FakeServer(chunk(b"x"))
    body = Client(server.receive)
    body.start()
    async with (
        origin(after_upload) as upstream,
        engine_for(engine, upstream.port, response_timeout=PATIENT_S) as client,
    ):
        task = asyncio.create_task(client.send(asking(method=b"POST", headers=CHUNKED, body=body)))
        await asyncio.sleep(1.2 * PATIENT_S)  # a slow upload is no fault of the upstream's
        assert not task.done()
        server.say({"type": "http.request"})
        assert await read(await task) == b"hello"
    body.close()


@aio
async def test_an_upstream_that_stops_taking_the_request_times_out(engine: str) -> None:
    body = upload(*[bytes(LOOK_AHEAD)] * 400)

    async def script(connection: Connection) -> None:
        connection.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.Event().wait()

    async with (
        origin(script) as upstream,
        engine_for(engine, upstream.port, write_timeout=SHORT_S, response_timeout=30) as client,
    ):
        with pytest.raises(WriteTimeout):
            await client.send(asking(method=b"POST", headers=CHUNKED, body=body))
        with pytest.raises(RuntimeError, match="discarded"):  # what it did not take, nobody keeps
            await anext(body)
    body.close()
    await settle(500)


@aio
async def test_a_port_where_nobody_listens_refuses(engine: str) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        async with engine_for(engine, bound.getsockname()[1]) as client:
            with pytest.raises(ConnectRefused):
                await client.send(asking())


@aio
async def test_a_name_that_does_not_resolve(engine: str) -> None:
    async with engine_for(engine, 80, host="nowhere.invalid") as client:
        with pytest.raises(NameUnresolved):
            await client.send(asking())


@aio
async def test_a_connection_that_nobody_accepts_times_out(engine: str) -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        fillers = [socket.socket() for _ in range(3)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        try:
            async with engine_for(engine, full.getsockname()[1], connect_timeout=SHORT_S) as client:
                with pytest.raises(ConnectTimeout):
                    await client.send(asking())
        finally:
            for filler in fillers:
                filler.close()


@pytest.mark.parametrize("name", ["X\x00Y", "X Y"])
@aio
async def test_what_cannot_be_written_is_the_requests_fault_and_costs_no_connection(
    engine: str, name: str
) -> None:
    async with (
        origin(answering(HELLO)) as upstream,
        engine_for(engine, upstream.port, max_connections=1) as client,
    ):
        with pytest.raises(BadRequest):
            await client.send(asking(headers=[(name.encode(), b"1")]))
        assert await read(await client.send(asking())) == b"hello"
