"""RQB: answers that come before the request has ended, and uploads that rest and go on."""

import asyncio
import contextlib

from shared.harness.origin.channel import LateError, within
from shared.harness.origin.http1 import IncompleteError
from shared.harness.origin.scripted import Arrival
from tests.contract.case import case
from tests.contract.expect import gateway_failure, ok
from tests.contract.moves import MIB, digest, noise, stall_bound
from tests.contract.talk import LEAVE_S, Talk, together


@case(
    "RQB-12",
    level="O",
    requirement="RFC 9112 §9.5",
    anchor="Caddy: both directions at once",
    compare="verdict",
)
async def both_ways_at_once(talk: Talk) -> None:
    """Told: whether a response that begins while the request goes on is relayed before the request has
    ended.
    """
    x = await talk.exchange()
    await x.ask("POST", "Transfer-Encoding: chunked")
    await x.client.send("5\r\nfirst\r\n")
    try:
        up = await x.arrival(2)
    except LateError:
        talk.note("both ways", "the request is held until it has ended")
        return
    assert await up.some(5) == b"first"
    await up.head_of("200 OK", "Transfer-Encoding: chunked")
    await up.chunk(b"answer")
    try:
        response = await x.head(1)
    except LateError:
        await x.client.send("0\r\n\r\n")
        assert await up.content() == b""
        await up.chunk(b"")
        up.release()
        ok(await x.response(), b"answer")
        talk.note("both ways", "the response is held until the request has ended")
        return
    assert await response.some(6) == b"answer"
    await x.client.send("6\r\nsecond\r\n0\r\n\r\n")
    talk.note("both ways", "at once" if await up.content() == b"second" else "the request is cut")
    await up.chunk(b"")
    up.release()
    ok(await response.to_the_end(), b"answer")


@case(
    "RQB-19",
    requirement="promise: back-pressure both ways",
    anchor="nginx proxy_request_buffering.t",
    needs=("streams",),
)
async def rests_and_goes_on(talk: Talk) -> None:
    """An upload that had to wait for its upstream goes on when the upstream reads on, and arrives whole."""
    size = 2 * stall_bound()
    body = noise(1 * MIB) * (size // MIB)
    x = await talk.exchange(await talk.connect(send_buffer=65536))
    await x.ask("PUT", f"Content-Length: {len(body)}")
    up = await x.arrival()
    up.channel.narrow()
    before = x.client.channel.sent
    with contextlib.suppress(LateError):
        await within(1, "the client to be made to wait", x.client.channel.send(body))
    at = x.client.channel.sent - before
    assert at < len(body), "the proxy took everything for an upstream that reads nothing"

    async def client() -> None:
        await x.client.send(body[at:], deadline_s=30)

    async def origin() -> None:
        await within(30, "the upload to arrive", up.body.swallow())
        await up.answer()

    await together(client(), origin())
    ok(await x.response())
    assert up.body.hash.hexdigest() == digest(body), "the upload arrived changed"


@case("RQB-21", requirement="RFC 9112 §9.3, §6.3", anchor="Go TestTransportNoReuseAfterEarlyResponse")
async def never_between(talk: Talk) -> None:
    """After an early answer nothing comes between the parts of the upload: on the upstream's connection no
    other request, on the client's no other response.
    """
    x = await talk.exchange()
    await x.ask("POST", "Content-Length: 10", tail=b"hello")
    if not talk.manifest.offers("streams"):
        await x.client.send(b"world")
    up = await x.arrival()
    assert await up.some(5) == b"hello"
    await up.head_of("413 Content Too Large", "Content-Length: 2")
    await up.send("no")
    other = await talk.exchange()  # before the upload has ended
    await other.ask()
    beside = await other.arrival()
    assert beside.connection.number != up.connection.number, "a request went into the middle of another"
    await beside.answer(body=b"mine")
    ok(await other.response(), b"mine")
    if talk.manifest.offers("streams"):
        with contextlib.suppress(ConnectionError):
            await x.client.send(b"world")
    with contextlib.suppress(IncompleteError):
        assert await up.content() == b"world"
    up.release()
    response = await x.response()
    ok(response, b"no", 413)
    y = await talk.exchange(x.client)
    with contextlib.suppress(ConnectionError, IncompleteError):  # closed, which is safe
        await y.ask()
        again = await y.reaches()
        assert isinstance(again, Arrival), f"the next request was answered {again.status}"
        await again.answer(body=b"next")
        ok(await y.response(), b"next")


@case("RQB-22", requirement="RFC 9112 §7.1", anchor="Go TestTransportRequestEmptyChunked; curl -T -")
async def empty_chunked(talk: Talk) -> None:
    """A chunked body of nothing but its last chunk arrives as an empty body."""
    client = await talk.connect()
    for apart in (False, True):
        x = await talk.exchange(client)
        await x.ask("POST", "Transfer-Encoding: chunked", tail=b"" if apart else b"0\r\n\r\n")
        if apart:
            await x.client.send("0\r\n\r\n")
        up = await x.arrival()
        assert await up.content() == b""
        await up.answer()
        ok(await x.response())


@case("RQB-23", requirement="RFC 9112 §7.1, §6.3", anchor="TCP keeps no boundaries")
async def byte_by_byte(talk: Talk) -> None:
    """A request that comes byte by byte, its head and its chunks, is the same request."""
    for framing, body in (
        ("Content-Length: 5", b"hello"),
        ("Transfer-Encoding: chunked", b"3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"),
    ):
        x = await talk.exchange()
        head = f"POST {x.path} HTTP/1.1\r\nHost: front.test\r\n{x.stamp}\r\n{framing}\r\n\r\n"
        x.method, x.asked = "POST", 1
        for byte in head.encode() + body:
            await x.client.send(bytes([byte]))
            await asyncio.sleep(0.001)  # apart for the kernel too
        up = await x.arrival()
        assert await up.content() == b"hello"
        await up.answer()
        ok(await x.response())


@case("RQB-24", requirement="RFC 9110 §9.2.2", anchor="Go PanicClosesIncomingBody (46866)", compare="verdict")
async def pool_after_early_answers(talk: Talk) -> None:
    """Uploads that were answered early give their connections back, or up: the next thirty go through."""

    async def early(up: Arrival) -> None:
        await up.head_of("401 Unauthorized", "Content-Length: 2", "Connection: close")
        await up.send("no")
        up.channel.finish()
        await up.peer_closed(20)

    async def upload() -> None:
        x = await talk.exchange(script=early)
        with contextlib.suppress(ConnectionError):
            await x.ask("POST", body=bytes(MIB // 2), deadline_s=10)
        response = await x.response(10)
        assert response.status == 401, f"status {response.status}: {response.content[:200]!r}"

    for _ in range(3):
        await together(*(upload() for _ in range(10)))
    y = await talk.exchange()
    ok((await y.trip("POST", body=b"content"))[1])


@case(
    "RQB-25",
    level="S",
    requirement="RFC 9112 §9.5",
    anchor="curl: an error before the end of the upload ends it",
    needs=("streams",),
)
async def refused_while_it_rests(talk: Talk) -> None:
    """A client that rests in the middle of its upload hears at once that the upstream has refused it."""
    for framing, body in (
        ("Content-Length: 10", b"hello"),
        ("Transfer-Encoding: chunked", b"5\r\nhello\r\n"),
    ):
        x = await talk.exchange()
        await x.ask("POST", framing, tail=body)
        up = await x.arrival()
        assert await up.some(5) == b"hello"
        await up.head_of("401 Unauthorized", "Content-Length: 2")
        await up.send("no")
        ok(await x.response(LEAVE_S), b"no", 401)
        up.close()


@case(
    "RQB-26",
    level="S",
    requirement="RFC 9110 §15.6.3; promise: either side's end is noticed within two seconds",
    anchor="YARP RequestBodyDestinationErrorBeforeResponseError_Returns502",
    needs=("streams",),
)
async def gone_while_it_rests(talk: Talk) -> None:
    """A client that rests in the middle of its upload hears at once that the upstream has gone: 502."""
    for framing, body in (
        ("Content-Length: 10", b"hello"),
        ("Transfer-Encoding: chunked", b"5\r\nhello\r\n"),
    ):
        for end in ("close", "reset"):
            x = await talk.exchange()
            await x.ask("POST", framing, tail=body)
            up = await x.arrival()
            assert await up.some(5) == b"hello"
            getattr(up, end)()
            gateway_failure(await x.response(LEAVE_S), 502)


@case(
    "RQB-27",
    level="S",
    requirement="RFC 9112 §9.6: read on for a while before closing",
    anchor="nginx lingering_close",
    compare="verdict",
    deadline_s=30,
)
async def sends_on(talk: Talk) -> None:
    """A client that sends on for a while after its upload was refused, as most do, still finds the refusal:
    the proxy does not close on its unread bytes, which would throw the answer away.
    """
    size = 64 * MIB
    x = await talk.exchange()
    await x.ask("POST", f"Content-Length: {size}")

    async def client() -> None:
        with contextlib.suppress(ConnectionError):
            await x.client.send(bytes(size), deadline_s=20)

    async def origin() -> None:
        up = await x.arrival()
        await up.head_of("413 Content Too Large", "Content-Length: 2", "Connection: close")
        await up.send("no")
        up.channel.finish()
        with contextlib.suppress(LateError):
            await up.peer_closed(20)

    await together(client(), origin())
    ok(await x.response(10), b"no", 413)


@case(
    "RQB-20",
    level="S",
    requirement="RFC 9112 §9.6: read on for a while before closing",
    anchor="nginx lingering_close; Node: an answered request's body is left unread",
    needs=("streams",),
    compare="verdict",
    deadline_s=30,
)
async def sends_on_unread(talk: Talk) -> None:
    """An upstream refuses an upload and reads no more of it, its connection open: the client, who sends all
    of it and then looks up, finds the refusal, not a 504.
    """
    await talk.origin.retire_idle()  # a connection that has carried much keeps the large buffers it was given
    size = 4 * stall_bound()
    x = await talk.exchange()
    await x.ask("POST", f"Content-Length: {size}")
    up = await x.arrival()
    up.channel.narrow()
    await up.head_of("413 Content Too Large", "Content-Length: 2")
    await up.send("no")
    with contextlib.suppress(ConnectionError):
        await x.client.send(bytes(size), deadline_s=20)
    ok(await x.response(10), b"no", 413)
    up.close()
