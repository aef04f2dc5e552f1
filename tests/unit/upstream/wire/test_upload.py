"""The request body on its way up: its framing, its deadline, and what goes wrong with it."""

import asyncio

import pytest

from shared.client import Client
from shared.errors import BadRequest, BodyIncomplete, WriteTimeout
from shared.messages import Headers
from tests.unit.aio import aio, eventually
from tests.unit.asgi import FakeServer, chunk, end, started
from tests.unit.upstream.origin import (
    CHUNKED,
    HELLO,
    SHORT_S,
    Connection,
    Origin,
    after_head,
    asking,
    engine_for,
    origin,
    read,
    upload,
)

pytestmark = pytest.mark.usefixtures("loop")

FIVE: Headers = [(b"Content-Length", b"5")]


@pytest.mark.parametrize(
    ("framing", "arrives"),
    [(CHUNKED, b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"), (FIVE, b"hello")],
    ids=["chunked", "length"],
)
@aio
async def test_a_body_is_framed_as_announced(framing: Headers, arrives: bytes) -> None:
    async def script(connection: Connection) -> None:
        await connection.head()
        assert await connection.until(arrives[-5:]) == arrives
        await connection.send(HELLO)

    body = upload(b"he", b"llo")
    async with origin(script) as upstream, engine_for("wire", upstream.port) as engine:
        answer = await engine.send(asking(method=b"POST", headers=framing, body=body))
        assert await read(answer) == b"hello"
    body.close()


@pytest.mark.parametrize("pieces", [(b"hell",), (b"hello", b"x"), ()], ids=["less", "more", "nothing"])
@aio
async def test_a_body_of_another_length_than_announced_is_never_whole(pieces: tuple[bytes, ...]) -> None:
    body = upload(*pieces)
    async with origin(_silent) as upstream, engine_for("wire", upstream.port) as engine:
        with pytest.raises(BadRequest):
            await engine.send(asking(method=b"POST", headers=FIVE, body=body))
        await eventually(lambda: upstream.open == 0, "the connection to be closed")
        assert not upstream.connections[0].received.endswith(b"x")
    body.close()


@pytest.mark.parametrize("late", [False, True], ids=["with its head", "late"])
@pytest.mark.parametrize(
    ("framing", "arrives"),
    [(CHUNKED, b"5\r\nhello\r\n0\r\n\r\n"), (FIVE, b"hello")],
    ids=["chunked", "length"],
)
@aio
async def test_a_body_that_has_come_leaves_with_its_head_and_a_late_one_is_not_waited_for(
    framing: Headers, arrives: bytes, late: bool
) -> None:
    server = FakeServer() if late else FakeServer(end(b"hello"))
    body = Client(server.receive)

    async def script(connection: Connection) -> None:
        head = await connection.head()
        assert (connection.received == head) is late, "what was sent in one piece is read in one"
        if late:
            server.say(end(b"hello"))
        assert await connection.until(arrives[-5:]) == arrives
        await connection.send(HELLO)

    async with origin(script) as upstream, engine_for("wire", upstream.port) as engine:
        answer = await engine.send(asking(method=b"POST", headers=framing, body=body))
        assert await read(answer) == b"hello"
    body.close()


async def _silent(connection: Connection) -> None:
    await connection.head()


async def _takes_nothing(connection: Connection) -> None:
    await connection.head()
    connection.writer.transport.pause_reading()  # type: ignore[attr-defined]
    await asyncio.Event().wait()


@aio
async def test_an_upstream_that_stops_taking_it_is_a_timeout_of_the_upload() -> None:
    server, client = _endless()
    async with (
        origin(_takes_nothing) as upstream,
        engine_for("wire", upstream.port, write_timeout=SHORT_S) as engine,
    ):
        with pytest.raises(WriteTimeout):
            await engine.send(asking(method=b"POST", headers=CHUNKED, body=client))
    client.close()
    server.say(end())


def _endless(pieces: int = 1000) -> tuple[FakeServer, Client]:
    server = FakeServer(*[chunk(bytes(65536))] * pieces)
    return server, started(server)


@aio
async def test_a_fault_in_reading_it_is_raised_where_the_answer_is_waited_for() -> None:
    class Broken(Client):
        async def take(self) -> bytes:
            raise ZeroDivisionError

    server = FakeServer()
    body = Broken(server.receive)
    body.start()
    async with origin(_silent) as upstream, engine_for("wire", upstream.port) as engine:
        with pytest.raises(ZeroDivisionError):
            await engine.send(asking(method=b"POST", headers=CHUNKED, body=body))
        await _closed(upstream)
    body.close()
    server.leave()


@aio
async def test_an_upstream_that_hangs_up_on_it_is_heard_out_first() -> None:
    """It has answered, closed, and reset what still came."""

    async def refuses(connection: Connection) -> None:
        await connection.head()
        await connection.send(b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbig")
        connection.close()

    server, client = _endless()
    async with origin(refuses) as upstream, engine_for("wire", upstream.port) as engine:
        answer = await engine.send(asking(method=b"POST", headers=CHUNKED, body=client))
        assert (answer.status, await read(answer)) == (413, b"big")
    client.close()
    server.say(end())


@aio
async def test_what_still_comes_when_the_answer_has_broken_off_goes_nowhere() -> None:
    server = FakeServer(chunk(b"x"))
    client = started(server)
    half = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"
    async with (
        origin(after_head(half, then=Connection.reset)) as upstream,
        engine_for("wire", upstream.port) as engine,
    ):
        answer = await engine.send(asking(method=b"POST", headers=CHUNKED, body=client))
        pieces = aiter(answer.body)
        assert await anext(pieces) == b"half"
        with pytest.raises(BodyIncomplete):
            await anext(pieces)
        server.say(chunk(b"y"), chunk(b"z"))
        await eventually(lambda: server.taken == 3, "it to be taken and dropped")
        await answer.body.aclose()
    client.close()
    server.say(end())


async def _closed(upstream: Origin) -> None:
    await eventually(lambda: upstream.open == 0, "the connection to be closed")
