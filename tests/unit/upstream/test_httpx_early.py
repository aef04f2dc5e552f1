"""Every engine: answers, and ends, that come before the upload has ended."""

import asyncio

import pytest

from shared.client import LOOK_AHEAD, Client
from shared.errors import Terminated
from shared.upload import REST_S
from shared.upstream.network import ANSWERED_S
from tests.unit.aio import aio, settle
from tests.unit.asgi import FakeServer, chunk
from tests.unit.upstream.origin import (
    CHUNKED,
    ENGINES,
    HELLO,
    PATIENT_S,
    SHORT_S,
    Connection,
    asking,
    engine_for,
    origin,
    read,
    upload,
)

pytestmark = pytest.mark.parametrize("engine", ENGINES)


@aio
async def test_an_upload_that_was_answered_and_left_unread_gets_the_answer(engine: str) -> None:
    """Interim answers are none: they make nobody give up an upload."""
    body = upload(*[bytes(LOOK_AHEAD)] * 400)

    async def script(connection: Connection) -> None:
        connection.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        await asyncio.sleep(ANSWERED_S + SHORT_S)
        await connection.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nno!")
        await asyncio.Event().wait()

    async with (
        origin(script) as upstream,
        engine_for(engine, upstream.port, write_timeout=ANSWERED_S + SHORT_S + PATIENT_S) as client,
    ):
        answer = await client.send(asking(method=b"POST", headers=CHUNKED, body=body))
        assert answer.status == 413
        assert await read(answer) == b"no!"
        await answer.body.aclose()
    body.close()
    await settle(500)


@aio
async def test_an_upload_that_meets_a_closed_connection_gets_the_answer_sent_before(engine: str) -> None:
    server = FakeServer(chunk(b"first"))
    body = Client(server.receive)
    body.start()

    async def script(connection: Connection) -> None:
        await connection.until(b"first\r\n")
        await connection.send(b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 3\r\n\r\nno!")
        connection.close()
        server.say(*[chunk(bytes(LOOK_AHEAD))] * 100, {"type": "http.request"})

    async with origin(script) as upstream, engine_for(engine, upstream.port) as client:
        answer = await client.send(asking(method=b"POST", headers=CHUNKED, body=body))
        assert answer.status == 413
        assert await read(answer) == b"no!"
        await answer.body.aclose()
    body.close()
    await settle(500)


@aio
async def test_a_client_that_rests_hears_of_its_refusal(engine: str) -> None:
    server = FakeServer(chunk(b"first"))
    body = Client(server.receive)
    body.start()

    async def script(connection: Connection) -> None:
        await connection.until(b"first\r\n")
        await connection.send(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 401 No\r\nContent-Length: 3\r\n\r\nno!")
        await connection.reader.read()

    async with origin(script) as upstream, engine_for(engine, upstream.port) as client:
        answer = await client.send(asking(method=b"POST", headers=CHUNKED, body=body))
        assert answer.status == 401
        assert await read(answer) == b"no!"
        await answer.body.aclose()
    server.leave()
    body.close()


@aio
async def test_a_client_that_rests_hears_that_the_upstream_has_gone(engine: str) -> None:
    server = FakeServer(chunk(b"first"))
    body = Client(server.receive)
    body.start()

    async def script(connection: Connection) -> None:
        await connection.until(b"first\r\n")
        connection.close()

    async with origin(script) as upstream, engine_for(engine, upstream.port) as client:
        with pytest.raises(Terminated):
            await client.send(asking(method=b"POST", headers=CHUNKED, body=body))
    server.leave()
    body.close()


@aio
async def test_an_upload_goes_on_after_an_early_success(engine: str) -> None:
    """Whoever answers 200 may go on reading: transforms and long-lived uploads do."""
    if engine in ("wire", "aiohttp"):
        pytest.skip("relays the answer at once, and stops at its end: wire/test_duplex.py, test_aiohttp.py")
    server = FakeServer(chunk(b"first"))
    body = Client(server.receive)
    body.start()

    async def script(connection: Connection) -> None:
        await connection.until(b"first\r\n")
        await connection.send(HELLO)
        await asyncio.sleep(REST_S + SHORT_S)
        server.say(chunk(b"second"), {"type": "http.request"})
        await connection.until(b"second\r\n0\r\n\r\n")

    async with origin(script) as upstream, engine_for(engine, upstream.port) as client:
        answer = await client.send(asking(method=b"POST", headers=CHUNKED, body=body))
        assert await read(answer) == b"hello"
        await answer.body.aclose()
    body.close()
