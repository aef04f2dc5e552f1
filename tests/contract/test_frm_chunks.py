"""FRM: chunks that two readers could cut in two ways are refused, or cut in one way by everybody.

A body that streams may have gone upstream in part when its fault is seen; it then never ends there as if it
were whole.
"""

from shared.harness.origin.channel import LateError
from shared.harness.origin.http1 import IncompleteError
from shared.harness.origin.scripted import Arrival
from tests.contract.case import case
from tests.contract.expect import BROKEN_OFF, never_whole, next_is_its_own, ok, refused, refused_or
from tests.contract.moves import SMUGGLED
from tests.contract.talk import Talk

_CHUNKED = "Transfer-Encoding: chunked"
_WITH_TRAILER = b"5\r\nhello\r\n0\r\n%s\r\n\r\n"
_BUFFERS_S = 1.0  # after which a proxy that says nothing is one that waits for the whole body


@case(
    "FRM-06", requirement="RFC 9112 §7.1", anchor="HTTP Garden server bugs 1, 17, 22, 25", compare="verdict"
)
async def no_chunk_size(talk: Talk) -> None:
    """A chunk size that is no hexadecimal number is 400, or hung up on, and the connection is closed; nothing
    that has gone upstream by then ends as if it were whole.
    """
    for size in (
        *("0x5", "+5", "-5", "-0", "5_0", "0_0", "0x0", "", " 5", "\t5", "g", "x", "5g", "five"),
        *("5\0", "\x0b5", "\x0c5", "5\x0b"),
    ):
        x = await talk.exchange()
        await x.ask("POST", _CHUNKED, tail=size.encode() + b"\r\nhello\r\n0\r\n\r\n" + SMUGGLED)
        await refused(x, 400, told=f"chunk size {size!r}", cut=True)


@case(
    "FRM-06-tail",
    level="S",
    requirement="RFC 9112 §7.1, §2.2",
    anchor="nginx reads it as an extension",
    compare="verdict",
)
async def chunk_size_and_more(talk: Talk) -> None:
    """A chunk size that something else follows than an extension is no size: 400, or hung up on, and the
    connection is closed.
    """
    for size in ("5 5", "5,", "5.0", "5 a=b", "5:"):
        x = await talk.exchange()
        await x.ask("POST", _CHUNKED, tail=size.encode() + b"\r\nhello\r\n0\r\n\r\n" + SMUGGLED)
        await refused(x, 400, told=f"chunk size {size!r}", cut=True)


@case(
    "FRM-06-later",
    requirement="RFC 9112 §7.1",
    anchor="HTTP Garden transducer bugs 17, 19",
    compare="verdict",
)
async def no_chunk_size_later(talk: Talk) -> None:
    """A chunk size that is no hexadecimal number, behind whole chunks that have gone upstream, is 400, or
    hung up on, and the connection is closed; the body never ends as if it were whole.
    """
    for size in ("0x5", "-1", "", "five"):
        x = await talk.exchange()
        await x.ask("POST", _CHUNKED, tail=b"5\r\nhello\r\n")
        up = await x.arrival()
        assert await up.some(5) == b"hello"
        await x.client.send(size, b"\r\nhello\r\n0\r\n\r\n", SMUGGLED)
        await refused(x, 400, told=f"chunk size {size!r}", cut=True)


@case(
    "FRM-06-space",
    level="S",
    requirement="RFC 9112 §7.1.1",
    anchor="old servers pad their sizes",
    compare="verdict",
)
async def padded_chunk_size(talk: Talk) -> None:
    """A size followed by white space, as old senders pad it, is read as if it were not, or refused."""
    for size in ("5 ", "5   ", "5\t"):
        x = await talk.exchange()
        await x.ask("POST", _CHUNKED, tail=f"{size}\r\nhello\r\n0\r\n\r\n".encode())
        await refused_or(x, b"hello", told=f"chunk size {size!r}")


@case(
    "FRM-21",
    requirement="RFC 9112 §7.1",
    anchor="CVE-2013-2028 (nginx); llhttp transfer-encoding.md",
    compare="verdict",
)
async def overflowing_chunk_size(talk: Talk) -> None:
    """A size past every integer's range is refused, or read as what it is, never as its last digits; zeros
    in front of one mean nothing.
    """
    silent = []
    for size in ("100000005", "10000000000000005", "100000000000000005", "fffffffffffffffb", "f" * 40):
        x = await talk.exchange()
        await x.ask("POST", _CHUNKED, tail=size.encode() + b"\r\nhello\r\n0\r\n\r\n" + SMUGGLED)
        try:
            up = await x.reaches(_BUFFERS_S)
        except LateError:
            x.client.close()
            silent.append(x)
            continue
        x.client.close()  # nothing more will come of such a chunk
        if isinstance(up, Arrival):
            await never_whole(up.body)
        else:
            assert up.status in BROKEN_OFF, f"{size}: status {up.status}"
    for size in ("0005", "0" * 17 + "5"):
        x = await talk.exchange()
        await x.ask("POST", _CHUNKED, tail=size.encode() + b"\r\nhello\r\n" + b"000\r\n\r\n")
        await refused_or(x, b"hello", 400, 413, 502, told=f"chunk size {size}")
    for x in silent:  # by now the proxy knows that its client has gone
        if x.expected.count:
            await never_whole((await x.arrival()).body)


@case("FRM-22", requirement="RFC 9112 §7.1", anchor="nginx body_chunked.t: runaway chunk", compare="verdict")
async def chunk_data_without_its_end(talk: Talk) -> None:
    """Chunk data that does not end where its size says is 400, or hung up on; the connection is closed."""
    for chunk in (b"5\r\nhelloX\r\n", b"5\r\nhello", b"5\r\nhello0\r\n", b"4\r\nhello\r\n", b"5\r\nhelloXX"):
        x = await talk.exchange()
        await x.ask("POST", _CHUNKED, tail=chunk + b"0\r\n\r\n" + SMUGGLED)
        await refused(x, 400, told=repr(chunk), cut=True)


@case(
    "FRM-23",
    requirement="RFC 9112 §2.2, §7.1",
    anchor="CVE-2025-22871 (Go); HTTP Garden server bug 31",
    compare="verdict",
)
async def line_feeds_in_chunks(talk: Talk) -> None:
    """LF alone ends a chunk's lines for everybody or the request is refused: what stands behind it is never a
    request of its own.
    """
    for body, read in (
        (b"5\nhello\r\n0\r\n\r\n", b"hello"),
        (b"5\r\nhello\n0\r\n\r\n", b"hello"),
        (b"5\r\nhello\r\n0\n\r\n", b"hello"),
        (b"5;a\nb\r\nhello\r\n0\r\n\r\n", b"hello"),
        (b"5;\nhello\r\n0\r\n\r\n", b"hello"),
        (b"5\rXhello\r\n0\r\n\r\n", b"hello"),
        (b"5\r\rhello\r\n0\r\n\r\n", b"hello"),
        (b"5\r\nhello\rX0\r\n\r\n", b"hello"),
        (b"0;a\n\r\n\r\n", b""),
    ):
        x = await talk.exchange()
        await x.ask("POST", _CHUNKED, tail=body)
        up = await x.reaches()
        if isinstance(up, Arrival):
            try:
                content = await up.content()
            except IncompleteError:
                continue
            assert content == read, f"{body!r}: content {content!r}, not {read!r}"
            await up.answer()
            ok(await x.response())
        else:
            assert up.status in BROKEN_OFF, f"{body!r}: status {up.status}"


@case(
    "FRM-23-hides",
    requirement="RFC 9112 §7.1, §7.1.1, §11.2",
    anchor="EXT.TERM and TERM.EXT of funky chunks; CVE-2025-22871 (Go)",
    compare="verdict",
)
async def line_feeds_that_hide(talk: Talk) -> None:
    """An LF in a chunk extension ends its line, or the request is refused: a reader that reads on to CRLF
    would see another request in the content.
    """
    # A bare CR may be read as a space (RFC 9112 §2.2), so what is behind one may be either.
    inner = b"0\r\n\r\n" + SMUGGLED
    size = b"%x" % len(inner)
    for extension in (b";", b";a", b";a=b", b';a="'):
        # Read on to CRLF, the two bytes of content are the digits of the next size.
        body = b"2" + extension + b"\nxx\r\n" + size + b"\r\n" + inner + b"\r\n0\r\n\r\n"
        x = await talk.exchange()
        await x.ask("POST", _CHUNKED, tail=body)
        await refused_or(x, b"xx" + inner, told=repr(body[:20]))


@case(
    "FRM-24",
    level="S",
    requirement="RFC 9112 §7.1.1",
    anchor="CVE-2023-39326 (Go)",
    compare="verdict",
)
async def overlong_extensions(talk: Talk) -> None:
    """Chunk extensions longer than any use of them end in a refusal, or are dropped; the body is the same."""
    for extension in (";" + "a" * 9_000, ";a=" + "b" * 100_000, ';a="' + "b" * 100_000 + '"', ";a" * 60_000):
        x = await talk.exchange()
        await x.ask("POST", _CHUNKED, tail=f"5{extension}\r\nhello\r\n0\r\n\r\n".encode())
        await refused_or(x, b"hello", 400, 413, 431, 502, told=f"extension of {len(extension)} bytes")


@case(
    "FRM-25",
    requirement="RFC 9110 §6.5.1; RFC 9112 §7.1.2",
    anchor="HTTP Garden server bug 39",
    compare="verdict",
)
async def trailers_of_framing(talk: Talk) -> None:
    """What a request's trailers say of framing or of its host changes nothing, or the request is refused; the
    next one on the connection is read from where they end.
    """
    for trailer in (
        *("Content-Length: 100", "Transfer-Encoding: gzip", "Host: evil.test", "X-Trailer: 1"),
        "X:GET /SMUGGLED HTTP/1.1\r\nHost: evil.test",
    ):
        x = await talk.exchange()
        await x.ask("POST", _CHUNKED, tail=_WITH_TRAILER % trailer.encode())
        if await refused_or(x, b"hello", 400, 501, told=trailer):
            assert b"evil.test" not in x.arrivals[0].head.raw
            await next_is_its_own(talk, x)
