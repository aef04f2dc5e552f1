"""The strict reader: what RFC 9112 writes is read, anything else is refused; bodies end as their framing
says.
"""

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import pytest

from shared.harness.origin.body import Body, Reader
from shared.harness.origin.channel import Channel
from shared.harness.origin.http1 import (
    Framing,
    IncompleteError,
    MalformedError,
    parse_request,
    parse_response,
    request_framing,
    response_framing,
)
from tests.unit.aio import aio, settle


def test_request_is_read() -> None:
    head = parse_request(b"GET /a?b HTTP/1.1\r\nHost: h\r\nX-A:  1 \r\nx-a: caf\xe9\r\nX-E:\r\n\r\n")
    assert (head.method, head.target, head.version) == (b"GET", b"/a?b", b"HTTP/1.1")
    assert head.all("X-A") == [b"1", b"caf\xe9"]
    assert head.one("x-e") == b""
    assert head.one("absent") is None
    assert head.names() == ["host", "x-a", "x-a", "x-e"]
    with pytest.raises(MalformedError):
        head.one("X-A")


@pytest.mark.parametrize(
    "raw",
    [
        b"GET / HTTP/1.1\r\nHost: h\r\n",
        b"GET / HTTP/1.1\nHost: h\n\n",
        b"GET  / HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET / HTTP/1.2\r\nHost: h\r\n\r\n",
        b"GET /\x80 HTTP/1.1\r\nHost: h\r\n\r\n",
        b"G\xe9T / HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\nX-A : 1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\n folded\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\nX-A: 1\r2\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\nX-A: 1\x002\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\nX-A: \x01\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\nnothing\r\n\r\n",
    ],
)
def test_what_is_no_request_is_refused(raw: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_request(raw)


@pytest.mark.parametrize(
    "line",
    [
        b"HTTP/1.1 200",
        b"HTTP/1.1 20 OK",
        b"HTTP/2 200 OK",
        b"HTTP/1.1 2000 OK",
        b"http/1.1 200 OK",
        b"200 OK",
    ],
)
def test_what_is_no_status_line_is_refused(line: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_response(line + b"\r\n\r\n")


def test_empty_reason_is_read() -> None:
    head = parse_response(b"HTTP/1.1 200 \r\nA: b\r\n\r\n")
    assert (head.status, head.reason) == (200, b"")


@pytest.mark.parametrize(
    ("fields", "framing"),
    [
        (b"", Framing("none")),
        (b"Content-Length: 0\r\n", Framing("length", 0)),
        (b"Content-Length: 12\r\n", Framing("length", 12)),
        (b"Transfer-Encoding: chunked\r\n", Framing("chunked")),
        (b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", None),
        (b"Content-Length: 1\r\nContent-Length: 1\r\n", None),
        (b"Content-Length: +1\r\n", None),
        (b"Content-Length: \r\n", None),
        (b"Transfer-Encoding: gzip, chunked\r\n", None),
        (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", None),
    ],
)
def test_request_framing(fields: bytes, framing: Framing | None) -> None:
    head = parse_request(b"POST / HTTP/1.1\r\nHost: h\r\n" + fields + b"\r\n")
    if framing is not None:
        assert request_framing(head) == framing
    else:
        with pytest.raises(MalformedError):
            request_framing(head)


@pytest.mark.parametrize(
    ("status_line", "fields", "method", "framing"),
    [
        (b"HTTP/1.1 200 OK", b"", "GET", Framing("close")),
        (b"HTTP/1.1 200 OK", b"Content-Length: 5\r\n", "GET", Framing("length", 5)),
        (b"HTTP/1.1 200 OK", b"Content-Length: 5\r\n", "HEAD", Framing("none")),
        (b"HTTP/1.1 304 Not Modified", b"Content-Length: 5\r\n", "GET", Framing("none")),
        (b"HTTP/1.1 204 No Content", b"", "GET", Framing("none")),
        (b"HTTP/1.1 204 No Content", b"Content-Length: 0\r\n", "GET", None),
        (b"HTTP/1.1 204 No Content", b"Transfer-Encoding: chunked\r\n", "GET", None),
        (b"HTTP/1.0 200 OK", b"Transfer-Encoding: chunked\r\n", "GET", None),
    ],
)
def test_response_framing(status_line: bytes, fields: bytes, method: str, framing: Framing | None) -> None:
    head = parse_response(status_line + b"\r\n" + fields + b"\r\n")
    if framing is not None:
        assert response_framing(head, method) == framing
    else:
        with pytest.raises(MalformedError):
            response_framing(head, method)


@contextlib.contextmanager
def _ends() -> Iterator[tuple[Channel, Channel]]:
    """Two connected channels over TCP, so that a reset is one."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        first = socket.create_connection(listener.getsockname())
        second, _ = listener.accept()
    here, there = Channel(first), Channel(second)
    try:
        yield here, there
    finally:
        here.close()
        there.close()


@aio
async def test_chunked_body_comes_as_it_is_sent() -> None:
    with _ends() as (here, there):
        body = Body(Reader(there), Framing("chunked"))
        await here.send(b"5\r\nhel")
        assert await body.some() == b"hel"
        await here.send(b"lo")  # its CRLF may come with the next chunk
        assert await body.some() == b"lo"
        await here.send(b"\r\n1\r\n!\r\n0\r\nX-T: 1\r\n\r\n")
        assert await body.rest() == b"!"
        assert body.complete
        assert body.size == 6
        assert body.trailers == ((b"X-T", b"1"),)


@aio
@pytest.mark.parametrize(
    "wire", [b"5;a=b\r\nhello\r\n", b"0x5\r\nhello\r\n", b" 5\r\nhello\r\n", b"5\r\nhello..0\r\n\r\n"]
)
async def test_broken_chunks_are_refused(wire: bytes) -> None:
    with _ends() as (here, there):
        await here.send(wire)
        with pytest.raises(MalformedError):
            await Body(Reader(there), Framing("chunked")).rest()


@aio
@pytest.mark.parametrize("framing", [Framing("length", 99), Framing("chunked"), Framing("close")])
@pytest.mark.parametrize("how", ["FIN", "RST"])
async def test_a_cut_is_told_from_an_end(framing: Framing, how: str) -> None:
    with _ends() as (here, there):
        body = Body(Reader(there), framing)
        await here.send(b"5\r\nhello\r\n")
        while body.size < 5:
            await body.some()
        here.close() if how == "FIN" else here.reset()
        if framing.kind == "close" and how == "FIN":
            await body.rest()
            assert body.complete
        else:
            with pytest.raises(IncompleteError) as error:
                await body.rest()
            assert error.value.how == how
            assert body.cut == how
            assert not body.complete


@aio
async def test_body_leaves_the_next_message_alone() -> None:
    with _ends() as (here, there):
        reader = Reader(there)
        await here.send(b"helloHTTP/1.1 200 OK\r\n\r\n")
        assert await Body(reader, Framing("length", 5)).rest() == b"hello"
        assert parse_response(await reader.head()).status == 200
        here.close()
        with pytest.raises(IncompleteError) as error:
            await reader.head()
        assert error.value.got == b""


@aio
@pytest.mark.parametrize("turns", range(6))
async def test_a_wait_that_is_given_up_has_taken_nothing(turns: int) -> None:
    """Whichever turn of the loop the cancellation falls into, also the one between bytes and waiter."""
    with _ends() as (here, there):
        waiting = asyncio.ensure_future(there.receive())
        await settle()
        await here.send(b"x")
        await settle(turns)
        waiting.cancel()
        outcome = (await asyncio.gather(waiting, return_exceptions=True))[0]
        assert (outcome if isinstance(outcome, bytes) else await there.receive()) == b"x"
