"""Both ways at once: the upload goes on while the response is read, and each end may stop the other."""

import asyncio
from typing import cast

import pytest

from shared.client import Client
from shared.errors import BodyIncomplete, BodyTooLarge, ClientGone
from shared.messages import Headers, UpstreamRequest
from shared.upstream.wire import WireUpstream
from tests.unit.aio import aio, eventually, settle
from tests.unit.asgi import FakeServer, chunk, end, started
from tests.unit.upstream.origin import (
    CHUNKED,
    HALF,
    HELLO,
    PATIENT_S,
    Connection,
    Origin,
    after_head,
    answering,
    asking,
    engine_for,
    origin,
    read,
)

pytestmark = pytest.mark.usefixtures("loop")

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def _uploading(*pieces: bytes) -> tuple[FakeServer, Client]:
    server = FakeServer(*[chunk(piece) for piece in pieces])
    return server, started(server)


def _done(server: FakeServer, client: Client) -> None:
    """The exchange is over, and so is what the client had to say. None of it was lost to a cancelled wait."""
    assert server.cancelled == 0
    client.close()
    server.say(end())


async def _cut(upstream: Origin) -> None:
    await eventually(lambda: upstream.open == 0, "the connection to be closed")
    assert b"0\r\n\r\n" not in upstream.connections[0].received, "an upload that was cut must not look whole"


@aio
async def test_each_piece_is_answered_before_the_next_is_sent() -> None:
    async def echo(connection: Connection) -> None:
        await connection.head()
        await connection.send(HEAD)
        while (size := await connection.until(b"\r\n")) != b"0\r\n":
            data = await connection.until(b"\r\n")
            await connection.send(size + data)
        await connection.until(b"\r\n")
        await connection.send(b"0\r\n\r\n")

    server, client = _uploading(b"piece 0")
    async with origin(echo) as upstream, engine_for("wire", upstream.port) as engine:
        answer = await engine.send(asking(method=b"POST", headers=CHUNKED, body=client))
        pieces = aiter(answer.body)
        for number in range(20):
            assert await anext(pieces) == b"piece %d" % number
            server.say(chunk(b"piece %d" % (number + 1)) if number < 19 else end())
        assert await anext(pieces, None) is None
        pool = cast(WireUpstream, engine)._pool
        assert pool.idle == 1, "both messages were whole: the connection may be used again"
    _done(server, client)


@aio
async def test_a_whole_answer_stops_the_upload_and_ends_the_connection() -> None:
    async def refuse(connection: Connection) -> None:
        await connection.head()
        await connection.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")

    server, client = _uploading(b"x" * 1000)
    async with origin(refuse) as upstream, engine_for("wire", upstream.port) as engine:
        answer = await engine.send(asking(method=b"POST", headers=CHUNKED, body=client))
        assert answer.status == 413
        assert await read(answer) == b"big"
        await _cut(upstream)
        server.say(*[chunk(b"y" * 70000)] * 3)
        await eventually(lambda: server.taken == 4, "what nobody wants to be taken and dropped")
    _done(server, client)


@aio
async def test_a_client_that_leaves_in_its_upload_cuts_the_answer_as_well() -> None:
    async def half(connection: Connection) -> None:
        await connection.head()
        await connection.send(HEAD + b"4\r\nhalf\r\n")

    server, client = _uploading(b"x")
    async with origin(half) as upstream, engine_for("wire", upstream.port) as engine:
        answer = await engine.send(asking(method=b"POST", headers=CHUNKED, body=client))
        pieces = aiter(answer.body)
        assert await anext(pieces) == b"half"
        server.leave()
        with pytest.raises(ClientGone):
            await anext(pieces)
        await answer.body.aclose()
        await _cut(upstream)


@aio
async def test_an_upload_that_grows_too_large_is_cut_whatever_has_been_answered() -> None:
    async def half(connection: Connection) -> None:
        await connection.head()
        await connection.send(HEAD + b"4\r\nhalf\r\n")

    server = FakeServer(chunk(b"x"))
    client = started(server, limit=10)
    async with origin(half) as upstream, engine_for("wire", upstream.port) as engine:
        answer = await engine.send(asking(method=b"POST", headers=CHUNKED, body=client))
        pieces = aiter(answer.body)
        assert await anext(pieces) == b"half"
        server.say(chunk(b"x" * 20))
        with pytest.raises(BodyTooLarge):
            await anext(pieces)
        await answer.body.aclose()
        await _cut(upstream)
    _done(server, client)


@aio
async def test_an_upstream_that_no_longer_reads_may_still_finish_its_answer() -> None:
    go = asyncio.Event()

    async def slow(connection: Connection) -> None:
        await connection.head()
        await connection.send(HEAD + b"4\r\nhalf\r\n")
        await go.wait()
        await connection.send(b"5\r\nwhole\r\n0\r\n\r\n")

    server, client = _uploading(*[b"x" * 65536] * 200)
    async with (
        origin(slow) as upstream,
        engine_for("wire", upstream.port, write_timeout=PATIENT_S) as engine,
    ):
        answer = await engine.send(asking(method=b"POST", headers=CHUNKED, body=client))
        pieces = aiter(answer.body)
        assert await anext(pieces) == b"half"
        await eventually(lambda: server.taken == 200, "the upload to be given up and drained")
        go.set()
        assert await anext(pieces) == b"whole"
        assert await anext(pieces, None) is None
    _done(server, client)


@aio
async def test_a_burst_that_one_read_delivered_is_one_piece() -> None:
    async def burst(connection: Connection) -> None:
        await connection.head()
        await connection.send(HEAD + b"1\r\nx\r\n" * 100 + b"0\r\n\r\n")

    async with origin(burst) as upstream, engine_for("wire", upstream.port) as engine:
        answer = await engine.send(asking())
        pieces = [piece async for piece in answer.body]
    assert b"".join(pieces) == b"x" * 100
    assert len(pieces) <= 2


@aio
async def test_a_slow_reader_stops_the_upstream() -> None:
    sent = 0

    async def flood(connection: Connection) -> None:
        nonlocal sent
        await connection.head()
        await connection.send(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            await connection.send(b"x" * 65536)
            sent += 65536

    async with origin(flood) as upstream, engine_for("wire", upstream.port) as engine:
        answer = await engine.send(asking())
        before = -1
        while sent != before:  # until nothing moves any more
            before = sent
            await asyncio.sleep(0.2)
        assert sent < 32 << 20
        taken = 0
        async for piece in answer.body:
            assert len(piece) <= 2 * 65536, "bounded bytes are held for one exchange"
            taken += len(piece)
            if taken > before + (8 << 20):
                break
        await answer.body.aclose()


@aio
async def test_what_came_before_a_broken_end_is_handed_on_first() -> None:
    async def broken(connection: Connection) -> None:
        await connection.head()
        await connection.send(HEAD + b"4\r\nhalf\r\nnonsense\r\n")

    async with origin(broken) as upstream, engine_for("wire", upstream.port) as engine:
        answer = await engine.send(asking())
        pieces = aiter(answer.body)
        assert await anext(pieces) == b"half"
        with pytest.raises(BodyIncomplete):
            await anext(pieces)
        await answer.body.aclose()


@aio
async def test_who_waits_for_a_body_that_another_closes_is_told_that_it_is_not_whole() -> None:
    async with (
        origin(after_head(HALF)) as upstream,
        engine_for("wire", upstream.port, read_timeout=0) as engine,
    ):
        body = (await engine.send(asking())).body
        pieces = aiter(body)
        assert await anext(pieces) == b"half"
        waiting = asyncio.ensure_future(anext(pieces))
        await settle()
        await body.aclose()
        with pytest.raises(BodyIncomplete):
            await waiting


@aio
async def test_interim_responses_are_told_one_by_one_as_they_come() -> None:
    told: list[tuple[int, Headers]] = []

    async def early(connection: Connection) -> None:
        await connection.head()
        for number in range(3):
            await connection.send(b"HTTP/1.1 103 Early Hints\r\nLink: </%d>\r\n\r\n" % number)
            await eventually(lambda: len(told) == number + 1, "the hint to be told")  # noqa: B023
        await connection.send(b"HTTP/1.1 102 Processing\r\n\r\n", HELLO)

    async with origin(early) as upstream, engine_for("wire", upstream.port) as engine:
        request = UpstreamRequest(
            b"GET", b"/", [(b"Host", b"x")], interim=lambda status, headers: told.append((status, headers))
        )
        answer = await engine.send(request)
        assert (answer.status, await read(answer)) == (200, b"hello")
    hints = [(103, [(b"Link", b"</%d>" % number)]) for number in range(3)]
    assert told == [*hints, (102, [])]


@aio
async def test_trailers_stand_beside_the_body_once_it_has_ended() -> None:
    async with (
        origin(after_head(HEAD, b"5\r\nhello\r\n0\r\nX-Sum: 1\r\nx-sum: 2\r\n\r\n")) as upstream,
        engine_for("wire", upstream.port) as engine,
    ):
        answer = await engine.send(asking())
        assert await read(answer) == b"hello"
        assert answer.body.trailers == [(b"X-Sum", b"1"), (b"x-sum", b"2")]
    async with origin(after_head(HALF)) as upstream, engine_for("wire", upstream.port) as engine:
        answer = await engine.send(asking())
        assert answer.body.trailers == []
        await answer.body.aclose()


@aio
async def test_what_has_come_whole_is_there_without_waiting_once_and_its_connection_free() -> None:
    async with (
        origin(answering(HELLO, HELLO)) as upstream,
        engine_for("wire", upstream.port) as engine,
    ):
        for _ in range(2):
            answer = await engine.send(asking())
            whole = None
            while whole is None:  # it came in one piece with its head; that it was one read, nobody promises
                await asyncio.sleep(0)
                whole = answer.body.whole()
            assert whole == b"hello"
            assert answer.body.ended
            assert engine.has_idle
            assert answer.body.whole() is None
            assert await read(answer) == b""
        assert len(upstream.connections) == 1
    async with origin(after_head(HALF)) as upstream, engine_for("wire", upstream.port) as engine:
        answer = await engine.send(asking())
        assert answer.body.whole() is None
        assert not answer.body.ended
        await answer.body.aclose()
