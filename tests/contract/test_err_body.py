"""ERR: bodies that break off, or stall, or say their length twice, and what a client can tell of it."""

import asyncio
import contextlib

from shared.harness.origin.channel import WAIT_S, within
from shared.harness.origin.http1 import IncompleteError
from tests.contract.case import case
from tests.contract.expect import gateway_failure, never_whole, ok
from tests.contract.moves import SLACK_S, begun, noise
from tests.contract.talk import Talk

_CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"


@case(
    "ERR-08",
    requirement="RFC 9112 §8",
    anchor="Go CopyBuffer (16659); HAProxy truncated.vtc; nginx proxy_unfinished.t",
)
async def cut_in_content_length(talk: Talk) -> None:
    """A response that the upstream cuts before its Content-Length is cut for the client too, never ended."""
    for end in ("close", "reset"):
        head = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"
        x, response = await begun(talk, head, b"x" * 50, got=b"x" * 50)
        getattr(x.arrivals[0], end)()
        await never_whole(response.body)
        await x.client.peer_closed()


@case("ERR-09", requirement="RFC 9112 §8", anchor="Go 23643")
async def cut_in_chunks(talk: Talk) -> None:
    """A chunked response without its last chunk does not get one from the proxy."""
    for end in ("close", "reset"):
        x, response = await begun(talk, _CHUNKED, got=b"hello")
        getattr(x.arrivals[0], end)()
        await never_whole(response.body)
        await x.client.peer_closed()


@case("ERR-09-size", requirement="RFC 9112 §7.1, §8", anchor="HTTP Garden")
async def broken_chunk(talk: Talk) -> None:
    """A chunk size that is none, in mid-body, cuts the response."""
    for size in ("zz\r\n", "-5\r\nhello\r\n", "0x5\r\nhello\r\n0\r\n\r\n"):
        x, response = await begun(talk, _CHUNKED, got=b"hello")
        await x.arrivals[0].send(size)
        await never_whole(response.body)
        await x.arrivals[0].peer_closed(talk.manifest.leave_s + SLACK_S)


@case(
    "ERR-10",
    requirement="RFC 9209 §2.3 connection_read_timeout; RFC 9112 §8",
    anchor="YARP: second read aborted",
    settings="tight",
    needs=("read_timeout_s",),
)
async def stalled(talk: Talk) -> None:
    """A response that stalls in mid-body past the read timeout is cut at both ends, never ended."""
    assert talk.manifest.read_timeout_s is not None
    x, response = await begun(talk, _CHUNKED, got=b"hello")
    await never_whole(response.body, talk.manifest.read_timeout_s + SLACK_S)
    await x.arrivals[0].peer_closed(1 + SLACK_S)


@case("ERR-11", level="O", requirement="RFC 9112 §6.3 item 8", anchor="RFC 9112 §8", compare="verdict")
async def old_client_cut(talk: Talk) -> None:
    """Told: how an HTTP/1.0 client's connection ends when the upstream's response was cut."""
    framed = {"length": "with its length", "chunked": "in chunks", "close": "until the connection closes"}
    for name, head in (
        ("short of its length", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello"),
        ("without its last chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"),
    ):
        x = await talk.exchange()
        await x.ask(version="HTTP/1.0")
        up = await x.arrival()
        await up.send(head)
        response = await x.head()
        await response.some(5)
        up.close()
        await response.to_the_end()
        ended = "ended as if whole" if response.complete else f"cut by {response.body.cut}"
        talk.note(name, f"sent {framed[response.body.framing.kind]}, {ended}")


@case("ERR-07-both", requirement="RFC 9112 §6.3", anchor="nginx proxy_duplicate_headers.t")
async def both_framings(talk: Talk) -> None:
    """Transfer-Encoding beside Content-Length is 502, or wins and takes the length away, in either order."""
    for fields in (
        "Content-Length: 7\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 7",
    ):
        x = await talk.exchange()
        await x.ask()
        up = await x.arrival()
        await up.send(f"HTTP/1.1 200 OK\r\n{fields}\r\n\r\n2\r\nok\r\n0\r\n\r\n")
        response = await x.response()
        if response.status == 200:
            ok(response)  # strict framing: not both fields
        else:
            gateway_failure(response, 502)
        up.release()


@case("ERR-20", requirement="RFC 9112 §6.3 item 5", anchor="nginx proxy_duplicate_headers.t")
async def equal_lengths(talk: Talk) -> None:
    """Content-Length that is said twice, and the same twice, is one length or 502, and never two to the
    client.
    """
    for fields in ("Content-Length: 2\r\nContent-Length: 2", "Content-Length: 2, 2"):
        x = await talk.exchange()
        await x.ask()
        up = await x.arrival()
        await up.send(f"HTTP/1.1 200 OK\r\n{fields}\r\n\r\nok")
        response = await x.response()  # strictly: one Content-Length, of digits
        up.release()
        if response.status == 200:
            ok(response)
        else:
            gateway_failure(response, 502)


@case(
    "ERR-21", level="S", requirement="RFC 9112 §8", anchor="HAProxy truncated_response.vtc", compare="verdict"
)
async def nothing_is_lost(talk: Talk) -> None:
    """A response that is cut reaches the client up to the cut: no byte that came is thrown away with it."""
    body = noise(40_010)
    for framing, wire in (
        ("Content-Length: 100000", body),
        ("Transfer-Encoding: chunked", b"9c4a\r\n" + body + b"\r\n"),
    ):
        for apart in (0, 10):
            x = await talk.exchange()
            await x.ask()
            up = await x.arrival()
            await up.head_of("200 OK", framing)
            await up.send(wire[: len(wire) - apart])
            response = await x.head()
            if apart:
                await response.some(40_000 if framing.startswith("C") else 40_002)
                await up.send(wire[-apart:])
            up.channel.finish()
            await response.to_the_end()
            assert not response.complete, "a response that was cut ended as if it were whole"
            assert response.content == body, f"{len(response.content)} of {len(body)} bytes came"


@case(
    "ERR-22",
    level="S",
    requirement="RFC 9209 §2.3 http_response_timeout: 504",
    anchor="an upstream that is slow on purpose",
    settings="tight",
    needs=("response_timeout_s",),
    compare="verdict",
)
async def trickling_head(talk: Talk) -> None:
    """A head that comes byte by byte, without end, is over when the response timeout is: it is not put off by
    each byte.
    """
    assert talk.manifest.response_timeout_s is not None
    timeout_s = talk.manifest.response_timeout_s
    x = await talk.exchange()
    await x.ask()
    up = await x.arrival()

    async def origin() -> None:
        with contextlib.suppress(ConnectionError):
            await up.send("HTTP/1.1 200 OK\r\nX-Slow: ")
            while True:
                await up.send("x")
                await asyncio.sleep(timeout_s / 20)  # the case is about time

    trickling = asyncio.ensure_future(origin())
    try:
        gateway_failure(await x.response(2 * timeout_s + SLACK_S), 502, 504)
        await within(talk.manifest.leave_s + SLACK_S, "the upstream to be hung up on", trickling)
    finally:
        trickling.cancel()


@case(
    "ERR-23", requirement="RFC 9112 §9.3", anchor="GoConn: an error is one exchange's", needs=("keepalive",)
)
async def errors_are_answers(talk: Talk) -> None:
    """An upstream's own 4xx and 5xx are answers: the connections on both sides carry the next exchange."""
    client = await talk.connect()
    for status in (
        "400 Bad Request",
        "404 Not Found",
        "408 Request Timeout",
        "500 Oops",
        "503 Busy",
        "504 Late",
    ):
        x = await talk.exchange(client)
        _, response = await x.trip("POST", body=b"content", status=status, reply=("Retry-After: 1",))
        ok(response, status=int(status.split()[0]))
        assert response.one("Retry-After") == b"1"
    assert talk.accepted <= 1, f"{talk.accepted} upstream connections for six errors in a row"


@case("ERR-24", requirement="RFC 9112 §7.1, §8", anchor="HTTP Garden; nginx proxy_chunked_extra.t")
async def chunk_ends(talk: Talk) -> None:
    """A chunk whose data does not end where its size said cuts the response: a size is not a hint."""
    for data in (
        "5\r\nhelloo\r\n0\r\n\r\n",
        "5\r\nhello0\r\n\r\n",
        "5\r\nhel\r\n0\r\n\r\n",
        "\r\n",
    ):
        x = await talk.exchange()
        await x.ask()
        up = await x.arrival()
        await up.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
        response = await x.head()
        assert await response.some(3) == b"one"
        await up.send(data)
        up.channel.finish()
        with contextlib.suppress(IncompleteError):
            await within(WAIT_S, "the response to be cut", response.body.swallow())
        assert not response.complete, f"{data!r} passed for a chunk"
        up.close()
