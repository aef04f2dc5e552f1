"""What an exchange may cost: bytes held, turns of the loop, timers; and each deadline ends it."""

import asyncio
from typing import Any, cast

import pytest

from shared.client import LOOK_AHEAD, Client
from shared.errors import ReadTimeout, ResponseTimeout
from shared.upstream.wire.connection import HIGH_WATER, READ, Connection
from shared.upstream.wire.exchange import Exchange
from tests.unit.aio import aio, eventually, settle
from tests.unit.asgi import FakeServer, chunk, end, started
from tests.unit.upstream.origin import (
    CHUNKED,
    HALF,
    HELLO,
    PATIENT_S,
    SHORT_S,
    Script,
    after_head,
    asking,
    engine_for,
    origin,
    read,
)
from tests.unit.upstream.origin import Connection as Accepted

pytestmark = pytest.mark.usefixtures("loop")

FRAMES = {
    "length": (b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n", b"%b"),
    "close": (b"HTTP/1.1 200 OK\r\n\r\n", b"%b"),
    "chunked": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"8000\r\n%b\r\n"),
}


def _flood(framing: str) -> Script:
    head, frame = FRAMES[framing]

    async def script(connection: Accepted) -> None:
        await connection.head()
        await connection.send(head)
        while True:
            await connection.send(frame % bytes(0x8000))

    return script


@pytest.mark.parametrize("framing", FRAMES)
@aio
async def test_of_a_body_that_nobody_takes_one_read_beyond_the_mark_is_held_at_most(framing: str) -> None:
    async with origin(_flood(framing)) as upstream, engine_for("wire", upstream.port) as engine:
        answer = await engine.send(asking())
        exchange = cast(Exchange, answer.body)
        await eventually(lambda: exchange._connection._resting, "the socket to rest")
        await asyncio.sleep(0.05)  # for more to come, if it did
        held = sum(map(len, exchange.reader.chunks))
        assert 0 < held <= HIGH_WATER + READ
        assert len(await anext(aiter(answer.body))) == held, "what was held may leave in one piece"
        await answer.body.aclose()


@aio
async def test_of_an_upload_that_nobody_takes_little_is_held_whatever_its_size() -> None:
    """The client's look-ahead, one of its pieces, and what the transport holds before it says stop."""
    piece = bytes(LOOK_AHEAD)
    server = FakeServer(*[chunk(piece)] * 1000)
    client = started(server)

    async def deaf(connection: Accepted) -> None:
        connection.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.Event().wait()

    async with origin(deaf) as upstream, engine_for("wire", upstream.port) as made:
        engine: Any = made
        task = asyncio.create_task(engine.send(asking(method=b"POST", headers=CHUNKED, body=client)))
        before = -1
        while server.bytes_taken != before:  # until nothing moves: the kernel's buffers are full, too
            before = server.bytes_taken
            await asyncio.sleep(0.1)
            await settle(100)  # where the machine stood still meanwhile
        (connection,) = engine._open
        unsent = connection._transport.get_write_buffer_size()
        assert 0 < unsent <= HIGH_WATER + 2 * len(piece)
        assert client._held <= LOOK_AHEAD + len(piece)
        task.cancel()
        await asyncio.wait([task])
    client.close()
    server.say(end())
    await eventually(lambda: server.taken == 1001, "the rest to be taken and dropped")


@aio
async def test_a_burst_that_has_been_read_costs_no_turn_of_the_loop() -> None:
    """However many chunks it holds, they are there without waiting, and so is the end."""
    burst = FRAMES["chunked"][0] + b"1\r\nx\r\n" * 1000 + b"0\r\n\r\n"
    async with origin(after_head(burst)) as upstream, engine_for("wire", upstream.port) as engine:
        answer = await engine.send(asking())
        exchange = cast(Exchange, answer.body)
        await eventually(lambda: exchange.reader.ended, "all of it to be read")
        assert _at_once(exchange) == b"x" * 1000
        assert _at_once(exchange) is None


def _at_once(exchange: Exchange) -> bytes | None:
    """What the body yields without giving up control even once, None for its end."""
    step = cast(Any, exchange.__anext__())
    try:
        step.send(None)
    except StopIteration as done:
        return cast(bytes, done.value)
    except StopAsyncIteration:
        return None
    raise AssertionError("it waited for the loop")


class Clock:
    """A loop that counts the timers it is asked for."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.timers = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)

    def call_at(self, *args: Any) -> asyncio.TimerHandle:
        self.timers += 1
        return self._loop.call_at(*args)


@aio
async def test_a_stream_has_one_timer_however_many_chunks_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    clocks: list[Clock] = []

    def clocked(_: Any, *rest: Any) -> Connection:
        clocks.append(Clock())
        return Connection(cast(asyncio.AbstractEventLoop, clocks[0]), *rest)

    monkeypatch.setattr("shared.upstream.wire.open.Connection", clocked)

    async def one_by_one(connection: Accepted) -> None:
        await connection.head()
        await connection.send(FRAMES["chunked"][0])
        for number in range(200):
            await connection.send(b"4\r\n%04d\r\n" % number)
            await eventually(lambda: seen == number + 1, "the chunk to be seen")  # noqa: B023
        await connection.send(b"0\r\n\r\n")

    seen = 0
    async with origin(one_by_one) as upstream, engine_for("wire", upstream.port) as engine:
        answer = await engine.send(asking())
        async for piece in answer.body:
            assert piece == b"%04d" % seen
            seen += 1
    assert seen == 200
    assert clocks[0].timers <= 2, "one for the head, and one for the body where that is due sooner"


@aio
async def test_an_upstream_that_does_not_answer_is_a_timeout_of_the_head() -> None:
    async with (
        origin(after_head(b"HTTP/1.1 200 OK\r\n")) as upstream,
        engine_for("wire", upstream.port, response_timeout=SHORT_S) as engine,
    ):
        with pytest.raises(ResponseTimeout):
            await engine.send(asking())
        await eventually(lambda: upstream.open == 0, "the connection to be closed")


@aio
async def test_an_upstream_has_that_time_from_when_it_has_the_whole_request() -> None:
    server = FakeServer(chunk(b"x"))
    client = Client(server.receive)
    async with (
        origin(after_head()) as upstream,
        engine_for("wire", upstream.port, response_timeout=SHORT_S) as engine,
    ):
        task = asyncio.create_task(engine.send(asking(method=b"POST", headers=CHUNKED, body=client)))
        await asyncio.wait([task], timeout=2 * SHORT_S)
        assert not task.done()
        server.say(end())
        with pytest.raises(ResponseTimeout):
            await task
    client.close()


@aio
async def test_interim_answers_do_not_put_that_off() -> None:
    async def promising(connection: Accepted) -> None:
        await connection.head()
        while True:
            await connection.send(b"HTTP/1.1 102 Processing\r\n\r\n")
            await asyncio.sleep(SHORT_S / 10)

    async with (
        origin(promising) as upstream,
        engine_for("wire", upstream.port, response_timeout=SHORT_S) as engine,
    ):
        with pytest.raises(ResponseTimeout):
            await engine.send(asking())


@aio
async def test_an_upstream_that_falls_silent_is_a_timeout_of_the_body() -> None:
    async with (
        origin(after_head(HALF)) as upstream,
        engine_for("wire", upstream.port, read_timeout=SHORT_S) as engine,
    ):
        with pytest.raises(ReadTimeout):
            await read(await engine.send(asking()))
        await eventually(lambda: upstream.open == 0, "the connection to be closed")


@aio
async def test_without_a_read_timeout_a_body_may_rest() -> None:
    go = asyncio.Event()

    async def resting(connection: Accepted) -> None:
        await connection.head()
        await connection.send(HELLO[:-1])
        await go.wait()
        await connection.send(HELLO[-1:])

    async with (
        origin(resting) as upstream,
        engine_for("wire", upstream.port, read_timeout=0, response_timeout=PATIENT_S) as engine,
    ):
        pieces = aiter((await engine.send(asking())).body)
        assert await anext(pieces) == b"hell"
        waiting = asyncio.ensure_future(anext(pieces))
        await asyncio.sleep(1.2 * PATIENT_S)  # longer than the head might have taken
        await settle()
        assert not waiting.done()
        go.set()
        assert await waiting == b"o"
        assert await anext(pieces, None) is None
