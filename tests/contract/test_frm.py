"""FRM: a request whose end two readers could see in two places is refused, or read in one way by everybody.

Behind each body stands SMUGGLED: what a reader with another idea of the end would take for the next request.
At the origin it would be a stray, which fails every case.
"""

from shared.harness.origin.scripted import Arrival
from tests.contract.case import case
from tests.contract.expect import closed_for_good, next_is_its_own, ok, refused, refused_or
from tests.contract.moves import SMUGGLED
from tests.contract.talk import Talk

_UNKNOWN = (400, 422, 501)
"""What a coding that is not known is answered with: 501 is a SHOULD, 422 HAProxy's word for it."""

_CHUNKED = "Transfer-Encoding: chunked"
_HELLO = b"5\r\nhello\r\n0\r\n\r\n"


@case(
    "FRM-01",
    requirement="RFC 9112 §6.1, §6.3",
    anchor="HAProxy http_transfer_encoding.vtc; nginx body_chunked.t",
)
async def both_framings(talk: Talk) -> None:
    """Content-Length beside chunked is 400, or chunked wins; the connection is closed either way, and a
    request hidden behind either end of the body is nobody's.
    """
    behind_chunks = b"0\r\n\r\n" + SMUGGLED
    in_a_chunk = b"%x\r\n%s\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED)
    for body, content, length in (
        (behind_chunks, b"", len(behind_chunks)),  # by its length the body is longer than its chunks
        (in_a_chunk, SMUGGLED, in_a_chunk.index(b"\r\n") + 2),  # and here it is shorter
    ):
        framing = (f"Content-Length: {length}", _CHUNKED)
        for fields in (framing, framing[::-1]):
            x = await talk.exchange()
            await x.ask("POST", *fields, tail=body)
            up = await x.reaches()
            if isinstance(up, Arrival):
                assert await up.content() == content, "the body was not read by its chunks"
                await up.answer()
                ok(await x.response())
            else:
                assert up.status == 400, f"status {up.status}"
            await closed_for_good(x.client)


@case(
    "FRM-01-odd",
    requirement="RFC 9112 §6.1, §6.3",
    anchor="HTTP Garden server bug 21, transducer bugs 15, 18",
)
async def length_beside_odd_coding(talk: Talk) -> None:
    """A coding that is not read as chunked does not bring the Content-Length beside it to life."""
    for value in ("xchunked", "identity", ",chunked", "gzip", "", "\x0bchunked", "chunked, identity"):
        behind_chunks = b"0\r\n\r\n" + SMUGGLED
        x = await talk.exchange()
        fields = (f"Transfer-Encoding: {value}", f"Content-Length: {len(behind_chunks)}")
        await x.ask("POST", *fields, tail=behind_chunks)
        if value == ",chunked":  # empty elements may be skipped
            await refused_or(x, b"", *_UNKNOWN, told=value)
            await closed_for_good(x.client)
        else:
            await refused(x, *_UNKNOWN, told=value)


@case("FRM-02", requirement="RFC 9112 §6.3", anchor="HTTP Garden server bugs 23, 33, 42")
async def two_lengths(talk: Talk) -> None:
    """Two lengths that differ, on two lines or on one, are 400, or hung up on; the connection is closed."""
    for fields in (
        ("Content-Length: 5", "Content-Length: 6"),
        ("Content-Length: 6", "X-Between: 1", "content-length: 5"),
        ("Content-Length: 5, 6",),
        ("Content-Length: 5,6",),
        ("Content-Length: 5", "Content-Length: 5", "Content-Length: 6"),
        ("Content-Length: 5", "Content-Length:"),
        ("Content-Length: 0", f"Content-Length: {len(SMUGGLED)}"),
    ):
        x = await talk.exchange()
        await x.ask("POST", *fields, tail=b"hello" + SMUGGLED)
        await refused(x, 400, told=str(fields))


@case("FRM-03", level="S", requirement="RFC 9112 §6.3", anchor="h11 collapses them; llhttp refuses them")
async def equal_lengths(talk: Talk) -> None:
    """Two Content-Lengths that agree are one, or 400."""
    for fields in (
        ("Content-Length: 5", "Content-Length: 5"),
        ("Content-Length: 5", "X-Between: 1", "content-length: 5"),
        ("Content-Length: 5, 5",),
    ):
        x = await talk.exchange()
        await x.ask("POST", *fields, tail=b"hello")
        await refused_or(x, b"hello", told=str(fields))


@case(
    "FRM-04",
    requirement="RFC 9112 §6.2, §6.3",
    anchor="HTTP Garden server bugs 10, 16, 29; llhttp content-length.md",
)
async def no_length(talk: Talk) -> None:
    """A Content-Length that is no decimal number is 400, or hung up on, and the connection is closed."""
    for value in (
        *("+5", "-5", "-0", "0x5", "5_0", "5;", "5 5", "5.0", "5e0", "five", "'5'", "5,", ",5", "5, 0x5"),
        *(b"\xb2", b"\xef\xbc\x95", b"\xd9\xa5"),  # digits to str.isdigit() and int(), of Unicode
        *(str((1 << 64) + 5), "5" * 25),
        "",
    ):
        x = await talk.exchange()
        await x.ask("POST", b"Content-Length: " + _raw(value), tail=b"hello" + SMUGGLED)
        await refused(x, 400, 413, told=f"Content-Length: {value!r}")


@case("FRM-04-zeros", requirement="RFC 9110 §8.6", anchor="HTTP Garden server bug 32")
async def leading_zeros(talk: Talk) -> None:
    """Leading zeros mean nothing, not octal: the body is as long as they say, or it is 400."""
    body = b"0123456789"
    for value in ("010", "0000000000000010"):
        x = await talk.exchange()
        await x.ask("POST", f"Content-Length: {value}", tail=body)
        await refused_or(x, body, told=f"Content-Length: {value}")


@case(
    "FRM-05",
    requirement="RFC 9112 §6.1, §6.3",
    anchor="HAProxy http_transfer_encoding.vtc; HTTP Garden server bug 12",
)
async def other_codings(talk: Talk) -> None:
    """Any transfer coding but one chunked is 400 or 501, or hung up on, and the connection is closed: no
    other rule is tried.
    """
    for fields in (
        *(
            "xchunked",
            "chunkedx",
            "gzip, chunked",
            "chunked, gzip",
            "chunked, chunked",
            "gzip",
            "chunked;a=b",
        ),
        *("chunked identity", '"chunked"', "'chunked'", "chunke", "", "cow"),
        *(b"\x0bchunked", b"\xa0chunked", b"chunked\x0c", b"\xc5\xbfchunked", b"chun\xe2\x84\xaaed"),
    ):
        await _coding_refused(talk, fields)


@case(
    "FRM-05-identity", requirement="RFC 9112 §6.3; RFC 9110 §16.3 (obsoleted)", anchor="nginx body_chunked.t"
)
async def identity(talk: Talk) -> None:
    """Identity, which RFC 7230 took away, is 400 or 501, or hung up on, and the connection is closed."""
    for value in ("identity", "identity, chunked", "chunked, identity"):
        await _coding_refused(talk, value)


@case(
    "FRM-05-lines",
    requirement="RFC 9112 §6.1, §6.3",
    anchor="nginx body_chunked.t; HTTP Garden server bug 11",
)
async def codings_on_two_lines(talk: Talk) -> None:
    """Two lines of transfer codings are one list, and refused as one: 400 or 501, or hung up on, and the
    connection is closed.
    """
    for lines in (
        (_CHUNKED, _CHUNKED),
        (_CHUNKED, "Transfer-Encoding: identity"),
        ("Transfer-Encoding: identity", _CHUNKED),
        ("Transfer-Encoding: gzip", "X-Between: 1", "transfer-encoding: chunked"),
        (_CHUNKED, "Transfer-Encoding: x"),
    ):
        x = await talk.exchange()
        await x.ask("POST", *lines, tail=_HELLO + SMUGGLED)
        await refused(x, *_UNKNOWN, told=str(lines))


@case(
    "FRM-05-empty", requirement="RFC 9110 §5.6.1.2", anchor="HTTP Garden server bug 21, transducer bugs 9, 18"
)
async def empty_elements(talk: Talk) -> None:
    """Empty elements of the list are skipped, or it is 400 or 501."""
    for value in (",chunked", "chunked,", ", ,chunked"):
        x = await talk.exchange()
        await x.ask("POST", f"Transfer-Encoding: {value}", tail=_HELLO)
        await refused_or(x, b"hello", *_UNKNOWN, told=value)


async def _coding_refused(talk: Talk, value: str | bytes) -> None:
    x = await talk.exchange()
    await x.ask("POST", b"Transfer-Encoding: " + _raw(value), tail=_HELLO + SMUGGLED)
    await refused(x, *_UNKNOWN, told=f"Transfer-Encoding: {value!r}")


@case(
    "FRM-29",
    requirement="RFC 9110 §5.1, §5.5; RFC 9112 §7",
    anchor="llhttp transfer-encoding.md; nginx http_header_ows.t",
)
async def chunked_however_spelt(talk: Talk) -> None:
    """Chunked is chunked in any case, with any white space around it."""
    for field in (
        "transfer-encoding: chunked",
        "TRANSFER-ENCODING: CHUNKED",
        "Transfer-Encoding:chunked",
        "Transfer-Encoding:   chunked  ",
    ):
        x = await talk.exchange()
        await x.ask("POST", field, tail=_HELLO)
        up = await x.arrival()
        assert await up.content() == b"hello", f"{field!r}: another content"
        await up.answer()
        ok(await x.response())


@case(
    "FRM-29-tab",
    requirement="RFC 9110 §5.5, §5.6.3",
    anchor="llhttp #876; nginx http_header_ows.t",
)
async def chunked_beside_a_tab(talk: Talk) -> None:
    """A tab before or after the value is white space like any other."""
    for value in ("\tchunked", "chunked\t", " \t chunked \t "):
        x = await talk.exchange()
        await x.ask("POST", f"Transfer-Encoding:{value}", tail=_HELLO)
        assert await refused_or(x, b"hello", told=repr(value)), f"{value!r}: refused"


@case("FRM-28", requirement="RFC 9112 §6.1, §6.2", anchor="CGI and WSGI read `_` as `-`")
async def names_that_resemble(talk: Talk) -> None:
    """A field whose name resembles one of framing frames nothing, on either side."""
    for field in (
        *("Transfer_Encoding: chunked", "Content_Length: 100", "X-Transfer-Encoding: chunked"),
        *("Transfer-Encoding-: chunked", "Content-Length2: 100", "TransferEncoding: chunked"),
        *("Transfer.Encoding: chunked", "Content-Lengt: 100", "TE: chunked"),
    ):
        x = await talk.exchange()
        await x.ask("POST", field, body=b"hello")
        await refused_or(x, b"hello", told=field)


@case("FRM-26", requirement="RFC 9110 §9.3.1; RFC 9112 §6.3", anchor="HTTP Garden transducer bug 21")
async def content_where_none_is_expected(talk: Talk) -> None:
    """The content of a GET, HEAD, DELETE or OPTIONS is content, sent on or refused; it is never the next
    request, even where it looks like one.
    """
    for method in ("GET", "HEAD", "DELETE", "OPTIONS"):
        for framing, body in (
            (f"Content-Length: {len(SMUGGLED)}", SMUGGLED),
            (_CHUNKED, b"%x\r\n%s\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED)),
        ):
            x = await talk.exchange()
            await x.ask(method, framing, tail=body)
            up = await x.reaches()
            if isinstance(up, Arrival):
                assert await up.content() == SMUGGLED, f"{method} {framing}: another content"
                await up.answer(body=None if method == "HEAD" else b"ok")
                ok(await x.response(), None)
                await next_is_its_own(talk, x)
            else:
                assert up.status in (400, 405, 411, 413), f"{method} {framing}: status {up.status}"
                await closed_for_good(x.client)


def _raw(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode()
