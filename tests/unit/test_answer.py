"""Every way out of an exchange: body closed once, record finished once, no clean end after a fault."""

import asyncio
from collections.abc import Awaitable, Callable, Generator
from typing import Any

import pytest

from shared.errors import (
    BodyIncomplete,
    ProxyError,
    ReadTimeout,
)
from tests.unit.aio import aio, settle
from tests.unit.asgi import FakeServer, chunk, end
from tests.unit.exchange import HEAD, Exchange
from tests.unit.scripted import ScriptedBody


@aio
async def test_a_whole_answer_ends_with_a_message_of_its_own() -> None:
    body = ScriptedBody([b"one", b"", b"two"])
    x = Exchange(body, status=203)
    await x.play()
    assert x.server.sent == [
        {"type": "http.response.start", "status": 203, "headers": HEAD},
        {"type": "http.response.body", "body": b"one", "more_body": True},
        {"type": "http.response.body", "body": b"", "more_body": True},
        {"type": "http.response.body", "body": b"two", "more_body": True},
        {"type": "http.response.body", "body": b"", "more_body": False},
    ]
    assert body.closed == 1
    assert x.finished() == ["203 ok"]
    assert x.record.bytes_sent == 6


@pytest.mark.parametrize(
    ("chunks", "messages"),
    [
        ([b"all"], [(b"all", False)]),
        ([b"one", b"two"], [(b"one", True), (b"two", True), (b"", False)]),
        ([], [(b"", False)]),
    ],
)
@aio
async def test_a_body_that_is_whole_in_one_piece_leaves_with_the_end(
    chunks: list[bytes], messages: list[tuple[bytes, bool]]
) -> None:
    body = ScriptedBody(chunks, tells=True)
    x = Exchange(body)
    await x.play()
    assert [(message["body"], message["more_body"]) for message in x.server.sent[1:]] == messages
    assert x.record.bytes_sent == sum(map(len, chunks))
    assert body.ended  # and has nothing to be closed any more
    assert x.finished() == ["200 ok"]


class Whole(ScriptedBody):
    """One that was there before anybody asked."""

    def whole(self) -> bytes | None:
        self.ended = True
        return b"all"


@pytest.mark.parametrize("uploading", [False, True])
@aio
async def test_a_body_that_is_there_already_leaves_with_the_end_but_not_before_the_uploads(
    uploading: bool,
) -> None:
    x = Exchange(Whole([b"piece"]), server=FakeServer() if uploading else FakeServer(end()))
    await settle()
    task = asyncio.create_task(x.play())
    await settle()
    sent = [(message["body"], message["more_body"]) for message in x.server.sent[1:]]
    assert sent == ([(b"piece", True), (b"", False)] if uploading else [(b"all", False)])
    await task
    x.server.leave()


@aio
async def test_each_piece_leaves_before_the_next_is_read() -> None:
    body = ScriptedBody([b"one", b"two"], silent=True)
    x = Exchange(body)
    task = asyncio.create_task(x.play())
    await settle()
    assert (body.read, x.server.body) == (2, b"onetwo")
    x.server.leave()
    await task


@aio
async def test_a_piece_wakes_nobody_but_who_sends_it() -> None:
    """Not the frames of server and framework below the answer, which cost more than the piece."""
    body = ScriptedBody([b"piece"] * 50)
    x = Exchange(body)
    resumed = 0

    class Below:
        def __await__(self) -> Generator[Any, None, None]:
            nonlocal resumed
            steps = x.play().__await__()
            for waits_for in steps:
                resumed += 1
                yield waits_for

    async def server() -> None:
        await Below()

    await asyncio.create_task(server())
    assert x.record.bytes_sent == 250
    assert resumed <= 4


class Untold(ScriptedBody):
    """One piece; that it was all is known to whoever asks for more."""

    async def __anext__(self) -> bytes:
        self.read += 1
        if self.read > 1:
            self.ended = True
            raise StopAsyncIteration
        return b"all"


@aio
async def test_a_body_that_does_not_tell_its_end_is_asked_for_it_in_the_same_turn_of_the_loop() -> None:
    """By Content-Length the client knows that it has all: its next request is to find the connection free."""
    body = Untold()
    x = Exchange(body)
    ended_a_turn_later: list[bool] = []

    def sent(message: dict[str, Any]) -> None:
        if message.get("body"):
            asyncio.get_running_loop().call_soon(lambda: ended_a_turn_later.append(body.ended))

    x.server.on_send = sent
    await x.play()
    await settle()
    assert ended_a_turn_later == [True]


@aio
async def test_an_answer_that_is_bytes_is_sent_whole_and_the_upload_drained() -> None:
    server = FakeServer(*[chunk(b"x" * 65536) for _ in range(30)], end())
    x = Exchange(b"no", status=413, server=server)
    await x.play()
    await settle(100)
    assert (server.status, server.body, server.complete) == (413, b"no", True)
    assert server.taken == 31
    assert x.finished() == ["413 ok"]


@pytest.mark.parametrize("leaves", ["before", "meanwhile"])
@aio
async def test_a_last_send_that_never_returns_is_given_up_when_the_client_is_gone(
    leaves: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """hypercorn over HTTP/2: nobody empties the stream's buffer any more."""
    monkeypatch.setattr("shared.client.LAST_SEND_S", 0.02)
    body = ScriptedBody([b"whole"])
    x = Exchange(body)

    async def send(message: dict[str, Any]) -> None:
        await x.server.send(message)
        if not message.get("more_body", True):
            if leaves == "meanwhile":
                x.server.leave()
            await asyncio.Event().wait()
        elif leaves == "before" and message.get("body"):
            x.request.client.gone = True  # seen, and nothing left to watch

    await x.answer({}, None, send)
    assert body.closed == 1
    assert x.finished() == ["200 client_gone"]


@aio
async def test_a_disconnect_that_means_sent_ends_nothing() -> None:
    x = Exchange(ScriptedBody([b"whole"]))

    async def send(message: dict[str, Any]) -> None:
        await x.server.send(message)
        if not message.get("more_body", True):
            x.server.leave()
            await settle()

    await x.answer({}, None, send)
    assert x.finished() == ["200 ok"]


@pytest.mark.parametrize("error", [BodyIncomplete(), ReadTimeout()])
@pytest.mark.parametrize("chunks", [[], [b"half"]])
@aio
async def test_an_upstream_that_fails_in_the_body_leaves_the_answer_incomplete(
    error: ProxyError, chunks: list[bytes]
) -> None:
    body = ScriptedBody(chunks, error=error)
    x = Exchange(body)
    await x.play()  # and raises nothing: a server would log a traceback
    assert x.server.status == 200
    assert x.server.body == b"".join(chunks)
    assert not x.server.complete
    assert body.closed == 1
    assert x.finished() == [f"200 {error.type}"]


@aio
async def test_a_client_that_leaves_while_the_upstream_is_silent_ends_the_exchange() -> None:
    body = ScriptedBody([b"half"], silent=True)
    x = Exchange(body)
    task = asyncio.create_task(x.play())
    await settle()
    assert not task.done()
    x.server.leave()
    await task
    assert not x.server.complete
    assert body.closed == 1
    assert x.finished() == ["200 client_gone"]


@aio
async def test_to_a_client_that_has_left_nothing_is_sent() -> None:
    body = ScriptedBody([b"hello"])
    x = Exchange(body)
    x.server.leave()
    await settle()
    await x.play()
    assert x.server.sent == []
    assert (body.read, body.closed) == (0, 1)
    assert x.finished() == ["200 client_gone"]


@aio
async def test_a_client_that_does_not_read_and_then_leaves_ends_the_exchange() -> None:
    body = ScriptedBody([b"x"] * 1000)
    x = Exchange(body)
    full = asyncio.Event()

    async def send(message: dict[str, Any]) -> None:
        if message.get("body"):
            full.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(x.answer({}, None, send))
    await full.wait()
    x.server.leave()
    await task
    assert body.closed == 1
    assert x.record.bytes_sent == 0
    assert x.finished() == ["200 client_gone"]


@aio
async def test_the_disconnect_that_follows_the_last_message_is_not_the_client_leaving() -> None:
    """uvicorn tells it as soon as the last message is written, hypercorn before its send() returns."""
    body = ScriptedBody([b"hello"])
    x = Exchange(body)

    async def send(message: dict[str, Any]) -> None:
        if message.get("more_body") is False:
            x.server.leave()
            await settle()

    await x.answer({}, None, send)
    assert x.finished() == ["200 ok"]


@pytest.mark.parametrize("at", ["silent upstream", "slow client"])
@aio
async def test_a_server_that_stops_closes_the_body_and_stays_a_cancellation(at: str) -> None:
    body = ScriptedBody([b"half"], silent=at == "silent upstream")
    x = Exchange(body)

    async def stuck(message: dict[str, Any]) -> None:
        if message.get("body"):
            await asyncio.Event().wait()

    send: Callable[[Any], Awaitable[None]] = x.server.send if at == "silent upstream" else stuck
    task: asyncio.Future[None] = asyncio.ensure_future(x.answer({}, None, send))
    await settle()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not x.server.complete
    assert body.closed == 1
    assert x.finished() == ["200 proxy_stopped"]


@pytest.mark.parametrize("nth", [0, 1, 2])
@aio
async def test_a_send_that_fails_closes_the_body_and_is_not_counted_as_ok(nth: int) -> None:
    body = ScriptedBody([b"hello"])
    x = Exchange(body)

    def refuse(_: dict[str, Any]) -> None:
        if len(x.server.sent) == nth:
            raise RuntimeError("Response content longer than Content-Length")

    x.server.on_send = refuse
    with pytest.raises(RuntimeError):
        await x.play()
    assert body.closed == 1
    assert x.finished() == ["200 proxy_internal_error"]


@pytest.mark.parametrize("at", [0, 1])
@aio
async def test_an_engine_that_fails_in_its_own_way_closes_and_counts_as_well(at: int) -> None:
    body = ScriptedBody([b"x"] * at, error=KeyError("bug"))
    x = Exchange(body)
    with pytest.raises(KeyError):
        await x.play()
    assert not x.server.complete
    assert body.closed == 1
    assert x.finished() == ["200 proxy_internal_error"]


class Unclosable(ScriptedBody):
    async def aclose(self) -> None:
        await super().aclose()
        raise OSError("while closing")


@aio
async def test_a_body_that_cannot_be_closed_does_not_keep_the_exchange_open() -> None:
    x = Exchange(Unclosable([b"hello"]))
    with pytest.raises(OSError, match="closing"):
        await x.play()
    assert x.server.complete
    assert x.finished() == ["200 ok"]


@aio
async def test_the_bytes_of_the_upload_are_in_the_record() -> None:
    x = Exchange(ScriptedBody([b"hello"]), server=FakeServer(chunk(b"12345"), end(b"67")))
    await settle()
    await x.play()
    assert (x.record.bytes_received, x.record.bytes_sent) == (7, 5)
