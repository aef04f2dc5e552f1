"""FRM: request heads that two readers could cut into other lines, names or values."""

import asyncio

from shared.harness.origin.http1 import IncompleteError
from shared.harness.origin.scripted import Arrival
from tests.contract.case import case
from tests.contract.expect import absent, ok, refused, refused_or
from tests.contract.moves import HOARD, SMUGGLED
from tests.contract.talk import FRONT, Exchange, Talk
from tests.contract.wire import wire_bytes


async def _says(x: Exchange, *head: str | bytes, body: bytes = b"") -> None:
    """Send a request of exactly these bytes, but for `{}`, which is the exchange's path."""
    x.asked += 1
    await x.client.send(wire_bytes(*head).replace(b"{}", x.path.encode()), body)


@case(
    "FRM-09",
    level="S",
    requirement="RFC 9112 §2.2",
    anchor="llhttp invalid.md; HTTP Garden transducer bug 16",
)
async def line_feeds(talk: Talk) -> None:
    """Lines that end in LF alone are lines, all of them, or 400."""
    for head in (
        f"POST {{}} HTTP/1.1\nHost: {FRONT}\nX-A: a\nContent-Length: 5\n\n",
        f"POST {{}} HTTP/1.1\r\nHost: {FRONT}\r\nX-A: a\nContent-Length: 5\r\n\r\n",
        f"POST {{}} HTTP/1.1\nHost: {FRONT}\r\nX-A: a\r\nContent-Length: 5\r\n\r\n",
        f"POST {{}} HTTP/1.1\r\nHost: {FRONT}\r\nX-A: a\r\nContent-Length: 5\r\n\n",
        f"POST {{}} HTTP/1.1\r\nHost: {FRONT}\r\nX-A: a\r\nContent-Length: 5\n\r\n",
    ):
        x = await talk.exchange()
        await _says(x, head, body=b"hello")
        if await refused_or(x, b"hello", told=repr(head)):
            assert x.arrivals[0].head.all("X-A") == [b"a"], x.arrivals[0].head.all("X-A")


@case(
    "FRM-10", requirement="RFC 9110 §5.5; RFC 9112 §2.2", anchor="HTTP Garden server bugs 2, 13, 30, 34, 35"
)
async def bare_cr_and_nul(talk: Talk) -> None:
    """A bare CR or NUL anywhere in a head is 400, or hung up on, or a space for the upstream; never a byte on
    the wire and never the end of a line.
    """
    for field in (
        b"X-A: one\rtwo",
        b"X-A: one\rX-Smuggled: two",
        b"X-A: one\r\rX-Smuggled: two",
        b"X-A: one\r",
        b"X-A: \rone",
        b"X-A\r: one",
        b"X\r-A: one",
        b"\rX-A: one",
        b"X-A: one\0two",
        b"X-A: \0",
        b"X-A\0: one",
        b"X\0-A: one",
        b"Transfer-Encoding: chunked\r, identity",
    ):
        x = await talk.exchange()
        await x.ask("GET", field)
        await _spaced_or_refused(x, repr(field))
    for line in (
        b"GET\r{} HTTP/1.1",
        b"GET {}\rHTTP/1.1",
        b"GET {}\r HTTP/1.1",
        b"GET {} HTTP/1.1\r",
        b"G\0ET {} HTTP/1.1",
        b"GET {}\0 HTTP/1.1",
        b"GET {}?a\rb HTTP/1.1",
        b"GET {} HTTP\0/1.1",
        b"\0GET {} HTTP/1.1",
    ):
        x = await talk.exchange()
        await _says(x, line, f"\r\nHost: {FRONT}\r\n{x.stamp}\r\n\r\n")
        await _spaced_or_refused(x, repr(line))


async def _spaced_or_refused(x: Exchange, told: str) -> None:
    """400 or closed, or what arrives (strictly parsed) has no field more than was sent."""
    try:
        up = await x.reaches()
    except IncompleteError:
        assert not x.client.reader.buffer, f"{told}: the answer was cut: {bytes(x.client.reader.buffer)!r}"
        return
    if isinstance(up, Arrival):
        absent(up.head, "X-Smuggled", "Content-Length", "Transfer-Encoding")
        await up.answer()
        ok(await x.response())
    else:
        assert up.status in (400, 501), f"{told}: status {up.status}"


@case("FRM-10-control", level="S", requirement="RFC 9110 §5.5", anchor="h11 lets them through")
async def other_controls(talk: Talk) -> None:
    """Other control characters in a value are 400, or hung up on, or a space for the upstream: what stands
    beyond may read more into them (a MAY allows to keep them where that is safe, which a proxy cannot know).
    """
    for code in (0x01, 0x07, 0x08, 0x0B, 0x0C, 0x1B, 0x1F, 0x7F):
        x = await talk.exchange()
        await x.ask("GET", b"X-A: one%ctwo" % code)
        await _spaced_or_refused(x, f"0x{code:02x}")


@case("FRM-12", requirement="RFC 9112 §5.2", anchor="h11 unfolds, llhttp refuses")
async def folded(talk: Talk) -> None:
    """A folded field is unfolded, or 400; no fold goes upstream, and a coding or a length that is folded is
    not one that is not there.
    """
    for fields, body in (
        ("X-A: one\r\n two\r\nContent-Length: 5", b"hello"),
        ("X-A: one\r\n\ttwo\r\nContent-Length: 5", b"hello"),
        ("X-A:\r\n one two\r\nContent-Length: 5", b"hello"),
        ("X-A: one\r\n \r\n two\r\nContent-Length: 5", b"hello"),
        ("X-A: one two\r\nContent-Length:\r\n 5", b"hello"),
        ("X-A: one two\r\nTransfer-Encoding:\r\n chunked", b"5\r\nhello\r\n0\r\n\r\n"),
        ("X-A: one\r\n two\r\nTransfer-Encoding: chunked", b"5\r\nhello\r\n0\r\n\r\n"),
    ):
        x = await talk.exchange()
        await x.ask("POST", fields, tail=body)
        if await refused_or(x, b"hello", 400, 501, told=repr(fields)):
            (value,) = x.arrivals[0].head.all("X-A")
            assert value.split() == [b"one", b"two"], f"{fields!r}: X-A is {value!r}"


@case("FRM-12-hides", requirement="RFC 9112 §5.2", anchor="llhttp invalid.md: spaces before headers")
async def fold_that_hides(talk: Talk) -> None:
    """A framing field that stands in a fold is part of the value before it, or the request is 400."""
    for hidden in ("Transfer-Encoding: chunked", f"Content-Length: {len(SMUGGLED)}", "Host: evil.test"):
        x = await talk.exchange()
        await x.ask("GET", f"X-A: one\r\n {hidden}")
        up = await x.reaches()
        if isinstance(up, Arrival):
            absent(up.head, "Transfer-Encoding", "Content-Length")
            assert len(up.head.all("Host")) == 1
            await up.answer()
            ok(await x.response())
        else:
            assert up.status == 400, f"{hidden!r}: status {up.status}"


@case("FRM-30", requirement="RFC 9112 §5.1", anchor="HTTP Garden server bugs 3, 20")
async def space_before_the_colon(talk: Talk) -> None:
    """White space between a field's name and its colon is 400, or hung up on."""
    for field in (
        "X-A : a",
        "X-A\t: a",
        "Content-Length : 5",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding\t: chunked",
        "Transfer-Encoding \t : chunked",
        "Host : one.test",
    ):
        x = await talk.exchange()
        await x.ask("POST", field, tail=b"5\r\nhello\r\n0\r\n\r\n" if "Tra" in field else b"hello")
        await refused(x, 400, told=field)


@case(
    "FRM-31",
    requirement="RFC 9110 §5.1, §5.6.2",
    anchor="nginx ignore_invalid_headers.t; HTTP Garden server bugs 8, 14, 18, 28, 37",
)
async def no_name(talk: Talk) -> None:
    """A field whose name is no token, or a line without a colon, is 400 or goes no further."""
    for line in (
        *(b": forged", b": ", b"no colon", b"Content-Length 5", b"Transfer-\r\nEncoding: chunked"),
        *(b"X A: forged", b"X(A): forged", b"X/A: forged", b"X,A: forged", b"@: forged"),
        *(b"X[A]: forged", b'"X-A": forged', b"X\xe9: forged", b"X\x7f: forged", b"{X}: forged"),
        *(b"X\x01A: forged", b"X=A: forged", b"<X>: forged", b"\xc2\xa0X: forged"),
    ):
        x = await talk.exchange()
        await x.ask("GET", line, "X-B: b")
        up = await x.reaches()
        if isinstance(up, Arrival):
            assert b"forged" not in up.head.raw, f"{line!r} went upstream"
            assert b"no colon" not in up.head.raw, f"{line!r} went upstream"
            absent(up.head, "Content-Length", "Transfer-Encoding")
            await up.answer()
            ok(await x.response())
        else:
            assert up.status == 400, f"{line!r}: status {up.status}"


@case("FRM-32", requirement="RFC 9112 §2.2", anchor="HTTP Garden server bug 4; llhttp invalid.md")
async def space_before_the_first_field(talk: Talk) -> None:
    """A line that begins with white space, right after the request line, is 400 or counts for nothing."""
    for line in (" X-A: forged", "\tX-A: forged", " Transfer-Encoding: chunked", " Host: evil.test", " "):
        x = await talk.exchange()
        await _says(x, "GET {} HTTP/1.1\r\n", line, f"\r\nHost: {FRONT}\r\n{x.stamp}\r\n\r\n")
        up = await x.reaches()
        if isinstance(up, Arrival):
            absent(up.head, "X-A", "Transfer-Encoding")
            assert b"evil.test" not in up.head.raw, f"{line!r} was believed"
            await up.answer()
            ok(await x.response())
        else:
            assert up.status == 400, f"{line!r}: status {up.status}"


@case(
    "FRM-34",
    level="S",
    requirement="RFC 9110 §5.4; RFC 6585 §5",
    anchor="slowhttptest; uvicorn #1684",
    compare="verdict",  # whether the answer outruns the reset is the kernel's choice
)
async def endless_head(talk: Talk) -> None:
    """A head that does not end is refused, or hung up on, at some bound: the proxy does not hoard it."""
    x = await talk.exchange()
    x.asked += 1
    line = b"X-Filler: " + b"x" * 8180 + b"\r\n"
    refusing = asyncio.ensure_future(x.client.answered())
    try:
        await x.client.send(f"GET {x.path} HTTP/1.1\r\nHost: {FRONT}\r\n")
        while not refusing.done() and x.client.channel.sent < HOARD:
            await x.client.send(line)
    except ConnectionError:
        pass  # hung up, perhaps with an answer first
    finally:
        refusing.cancel()
        await asyncio.gather(refusing, return_exceptions=True)
    assert x.client.channel.sent < HOARD, f"{x.client.channel.sent} bytes of a head were taken"
    try:
        response = await x.response()
    except IncompleteError:
        return  # cut: what was not read of the request resets the connection
    assert response.status in (400, 414, 431), f"status {response.status}"
