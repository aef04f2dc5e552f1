"""The reader and h11 over the same bytes: alike, but for the differences on the list below."""

import re
from typing import NamedTuple

import h11
import pytest
from hypothesis import given

from shared.errors import UpstreamError
from shared.messages import Headers
from shared.upstream.wire.response import ResponseReader
from tests.unit.upstream.wire.streams import MUTATIONS, Made, Mutations, mutated, responses


class Whole(NamedTuple):
    """A response that ended. Names in lower case, as h11 has them."""

    status: int
    headers: Headers
    body: bytes


class Difference(NamedTuple):
    """why: the reason to accept it. example: bytes that one refuses. said: what that one says, a pattern."""

    why: str
    example: bytes
    said: str


_OK = b"HTTP/1.1 200 OK\r\n"
_EMPTY = b"Content-Length: 0\r\n\r\n"
_CHUNKED = _OK + b"Transfer-Encoding: chunked\r\n\r\n"

# What h11 reads and we refuse. A gateway passes on what it reads: what two recipients may read in two ways is
# not passed on (RFC 9112 section 11).
REFUSED = (
    Difference(
        "RFC 9112 section 6.1: a length beside a coding may be meant to smuggle; h11 lets the coding win",
        _OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        r"Transfer-Encoding can't be present with Content-Length|Content-Length can't be present with",
    ),
    Difference(
        "RFC 9112 section 6.3: a length said twice may be refused, though it is the same",
        _OK + b"Content-Length: 0\r\n" + _EMPTY,
        "Duplicate Content-Length",
    ),
    Difference(
        "the same as a list",
        _OK + b"Content-Length: 0, 0\r\n\r\n",
        "Invalid character in Content-Length",
    ),
    Difference(
        "RFC 9112 section 6.1: HTTP/1.0 knows no transfer coding, whoever sends one may mean another framing",
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "transfer coding that nobody asked for",
    ),
    Difference(
        "RFC 9110 section 5.5: control characters have no place in a value; h11 lets most of them through",
        _OK + b"X: a\x01\r\n" + _EMPTY,
        "Invalid header value char",
    ),
    Difference(
        "RFC 9112 section 2.2: a recipient may take LF for a line's end; this one does not",
        _OK + b"X: a\n" + _EMPTY,
        "Missing expected CR|Missing expected LF|Expected LF after|Invalid header (field char|token)",
    ),
    Difference(
        "RFC 9112 section 5.2: a folded line is refused, or unfolded, as h11 does",
        _OK + b"X: a\r\n b\r\n" + _EMPTY,
        "Unexpected whitespace after header value|Unexpected space after start line",
    ),
    Difference(
        "RFC 9110 section 2.5: another version is another message format; h11 takes any digits",
        b"HTTP/1.2 200 OK\r\n" + _EMPTY,
        "Invalid HTTP version",
    ),
    Difference("the same", b"HTTP/2.0 200 OK\r\n" + _EMPTY, "is not valid HTTP"),
    Difference(
        "an upstream that says it will close, and goes on, as an interim response of HTTP/1.0 does",
        b"HTTP/1.0 103 Hints\r\n\r\n" + _OK + _EMPTY,
        "Data after `Connection: close`",
    ),
    Difference(
        "RFC 9112 section 7.1.1: what is no chunk extension is refused; h11 skips to the line's end",
        _CHUNKED + b"1;a b\r\nx\r\n0\r\n\r\n",
        "Invalid character in chunk extensions",
    ),
    Difference(
        "RFC 9112 section 7.1: no white space after a chunk's size; h11 takes it away",
        _CHUNKED + b"1 \r\nx\r\n0\r\n\r\n",
        "Invalid character in chunk size",
    ),
)

# What we read and h11 refuses.
READ = (
    Difference(
        "RFC 9112 section 2.2 has servers take empty lines before a request; llhttp does it here, too",
        b"\r\n" + _OK + _EMPTY,
        "no response line received",
    ),
    Difference(
        "the words after a status are dropped, whatever they are: ASGI has no place for them",
        b"HTTP/1.1 200 O\x00K\r\n" + _EMPTY,
        "illegal status line",
    ),
    Difference(
        "zeros in front of a length or a chunk's size change nothing; h11 takes twenty digits at most",
        _OK + b"Content-Length: " + b"0" * 26 + b"\r\n\r\n",
        "bad Content-Length|illegal chunk header",
    ),
)


def _ours(stream: bytes, to_head: bool = False) -> Whole | str:
    """The response, or why there is none."""
    reader = ResponseReader(to_head=to_head)
    try:
        reader.feed(stream)
        reader.end()
    except UpstreamError as error:
        return str(error.__cause__ or error)
    return Whole(reader.status, _lower(reader.headers), b"".join(reader.chunks))


def _theirs(stream: bytes, to_head: bool = False) -> Whole | str:
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="HEAD" if to_head else "GET", target="/", headers=[("Host", "x")]))
    connection.send(h11.EndOfMessage())
    head, body = None, b""
    try:
        connection.receive_data(stream)
        connection.receive_data(b"")
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Response):
                head = event
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                assert head is not None
                return Whole(head.status_code, _lower(list(head.headers)), body)
            elif not isinstance(event, h11.InformationalResponse):
                return "the connection ended"
    except h11.RemoteProtocolError as error:
        return str(error)


def _lower(headers: Headers) -> Headers:
    """h11 writes names small, and the value of Transfer-Encoding."""
    lower = [(name.lower(), value) for name, value in headers]
    return [(name, value.lower() if name == b"transfer-encoding" else value) for name, value in lower]


def _known(differences: tuple[Difference, ...], said: str) -> bool:
    return any(re.search(known.said, said) for known in differences)


@pytest.mark.parametrize("known", REFUSED, ids=lambda known: known.example[:60])
def test_h11_reads_it_and_we_refuse(known: Difference) -> None:
    assert isinstance(_theirs(known.example), Whole)
    said = _ours(known.example)
    assert isinstance(said, str)
    assert re.search(known.said, said)


@pytest.mark.parametrize("known", READ, ids=lambda known: known.example[:60])
def test_we_read_it_and_h11_refuses(known: Difference) -> None:
    assert isinstance(_ours(known.example), Whole)
    said = _theirs(known.example)
    assert isinstance(said, str)
    assert re.search(known.said, said)


@given(responses())
def test_a_valid_stream_is_the_same_to_both(made: Made) -> None:
    assert _ours(made.data, made.to_head) == _theirs(made.data, made.to_head)


@given(responses(), MUTATIONS)
def test_where_the_two_differ_the_reason_is_on_the_list(made: Made, mutations: Mutations) -> None:
    stream = mutated(made.data, mutations)
    ours, theirs = _ours(stream, made.to_head), _theirs(stream, made.to_head)
    if isinstance(ours, str) and isinstance(theirs, Whole):
        assert _known(REFUSED, ours), f"refused: {ours}"
    elif isinstance(theirs, str) and isinstance(ours, Whole):
        assert _known(READ, theirs), f"h11 refused: {theirs}"
    elif isinstance(ours, Whole):
        assert ours == theirs
