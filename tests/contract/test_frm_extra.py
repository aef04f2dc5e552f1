"""FRM: what an upstream says past the end of its answer is nobody's answer."""

from shared.harness.origin.http1 import IncompleteError
from shared.harness.origin.scripted import Arrival
from tests.contract.case import case
from tests.contract.expect import gateway_failure, ok
from tests.contract.moves import POISON
from tests.contract.talk import Talk
from tests.contract.wire import Client

_EXTRA_DATA = "RFC 9112 §6.3"
_LENGTH = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
_CHUNKS = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
# Not whole either: what comes next would then be read as the rest of it.
_EXTRAS = (
    POISON,
    "HTTP/1.1 200 OK\r\nX-SMUGGLED: ",
    "HTTP/1.1 103 Early Hints\r\nX-SMUGGLED: 1\r\n\r\n",
    "\r\n",
)


async def _own_answers(talk: Talk, method: str, answer: str, extra: str, *, idle: bool = False) -> None:
    """One client gets `answer` and nothing of `extra`; those who ask after it get their own.

    idle: the extra bytes come when the first client already has its answer.
    """
    told = f"{method} {answer!r} then {extra!r}: "
    x = await talk.exchange()
    await x.ask(method)
    up = await x.arrival()
    await up.content()  # nobody uses a connection again whose request is not whole; some chunk an empty one
    await up.send(answer, "" if idle else extra)
    response = await x.response()
    assert response.status == int(answer[9:12]), f"{told}status {response.status}"
    assert response.complete, f"{told}cut ({response.body.cut}) after {response.body.size} bytes"
    expected = b"ok" if answer in (_LENGTH, _CHUNKS) else b""
    assert response.content == expected, f"{told}content {response.content!r}"
    if idle:
        try:
            await up.send(extra)
        except ConnectionError:
            pass  # closed after its answer: it can harm nobody
    up.release()
    for client in (None, x.client, None):
        await _own_answer(talk, client, told)


async def _own_answer(talk: Talk, client: Client | None, told: str) -> None:
    async def own(up: Arrival) -> None:
        await up.answer(body=b"for " + y.token.encode())

    y = await talk.exchange(client, script=own)
    try:
        await y.ask()
        response = await y.response()
    except (ConnectionError, IncompleteError):
        assert client is not None, f"{told}no answer on a new connection"
        assert not client.reader.buffer, f"{told}{bytes(client.reader.buffer)!r} came after the answer"
        return  # the first client's connection was closed: nothing of the extra came on it
    assert b"SMUGGLED" not in response.head.raw + response.content, f"{told}another answer than its own"
    if response.status == 502:
        gateway_failure(response, 502)
    else:
        ok(response, b"for " + y.token.encode())


@case("FRM-19", requirement=_EXTRA_DATA, anchor="nginx proxy_extra_data.t; curl #5440; httpx #1474")
async def past_the_length(talk: Talk) -> None:
    """Bytes past an answer's Content-Length, in the same write, are nobody's answer and part of nobody's."""
    for extra in _EXTRAS:
        await _own_answers(talk, "GET", _LENGTH, extra)


@case("FRM-19-chunked", requirement=_EXTRA_DATA, anchor="nginx proxy_extra_data.t; aiohttp #13656")
async def past_the_last_chunk(talk: Talk) -> None:
    """Bytes past an answer's last chunk and its trailers, in the same write, are nobody's answer and part of
    nobody's.
    """
    for extra in _EXTRAS:
        await _own_answers(talk, "GET", _CHUNKS, extra)


@case("FRM-19-head", requirement=_EXTRA_DATA, anchor="nginx proxy_extra_data.t")
async def past_a_head(talk: Talk) -> None:
    """The body that an upstream sends for HEAD is not the beginning of the next answer."""
    for answer in (_LENGTH.removesuffix("ok"), _CHUNKS.partition("2\r\n")[0]):
        for extra in ("ok", _CHUNKS.partition("\r\n\r\n")[2], *_EXTRAS):
            await _own_answers(talk, "HEAD", answer, extra)


@case("FRM-19-bodiless", requirement=_EXTRA_DATA, anchor="nginx proxy_extra_data.t; bun #37438")
async def past_the_bodiless(talk: Talk) -> None:
    """A body after 204 or 304 is nobody's answer and part of nobody's, whatever fields say of its length."""
    for head, content in (
        ("204 No Content", "ok"),
        ("204 No Content", POISON),
        ("304 Not Modified", "ok"),
        ("304 Not Modified\r\nContent-Length: 2", "ok"),
        (f"304 Not Modified\r\nContent-Length: {len(POISON)}", POISON),
        ("304 Not Modified\r\nTransfer-Encoding: chunked", "2\r\nok\r\n0\r\n\r\n"),
    ):
        await _own_answers(talk, "GET", f"HTTP/1.1 {head}\r\n\r\n", content)


@case("FRM-20", requirement=_EXTRA_DATA, anchor="nginx proxy_extra_data.t; curl #5440")
async def while_idle(talk: Talk) -> None:
    """Bytes that come once the connection is idle answer nobody."""
    for extra in _EXTRAS:
        await _own_answers(talk, "GET", _LENGTH, extra, idle=True)
        await _own_answers(talk, "GET", _CHUNKS, extra, idle=True)
