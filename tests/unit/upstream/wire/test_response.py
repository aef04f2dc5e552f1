"""One response after the other through the reader: whole, byte by byte, and cut at every place."""

import contextlib
import gc
from collections.abc import Iterable, Iterator

import pytest

from shared.errors import BodyIncomplete, ProtocolError, Terminated, UpgradeRefused, UpstreamError
from shared.headers import check_written
from shared.upstream.wire.response import MAX_HEAD, ResponseReader
from tests.unit.upstream.wire.streams import reusable

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
LENGTH = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"


def _feed(*pieces: bytes, to_head: bool = False, end: bool = False) -> ResponseReader:
    reader = ResponseReader(to_head=to_head)
    _into(reader, pieces)
    if end:
        reader.end()
    return reader


def _readers() -> int:
    return sum(isinstance(one, ResponseReader) for one in gc.get_objects())


def _into(reader: ResponseReader, pieces: Iterable[bytes]) -> None:
    for piece in pieces:
        reader.feed(piece)


def _splits(data: bytes) -> Iterator[tuple[bytes, ...]]:
    yield (data,)
    yield tuple(data[at : at + 1] for at in range(len(data)))
    for at in range(1, len(data)):
        yield data[:at], data[at:]


WHOLE = {
    "length": (LENGTH + b"hello", b"hello", True),
    "line ends for a body": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n\r\n\r\n\r\n\r\n",
        b"\r\n" * 4,
        True,
    ),
    "length between tabs": (b"HTTP/1.1 200 OK\r\nContent-Length:\t5\t\r\n\r\nhello", b"hello", True),
    "length of nothing": (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b"", True),
    "chunked": (CHUNKED + b'2\r\nhe\r\n3;ext="a;b"\r\nllo\r\n0\r\n\r\n', b"hello", True),
    "trailers": (CHUNKED + b"5\r\nhello\r\n0\r\nX-Sum: 1\r\nSet-Cookie: a\r\n\r\n", b"hello", True),
    "chunked, and white space": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: \t chunked \r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"hello",
        True,
    ),
    "chunked, and a tab": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\t\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\nX: y\r\n\r\n",
        b"hello",
        False,
    ),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", b"", True),
    "204 with a length": (b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", b"", True),
    "304 with a length": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", b"", True),
    "304 chunked": (b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n", b"", True),
    "connection: close": (
        b"HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 5\r\n\r\nhello",
        b"hello",
        False,
    ),
    "204, connection: close": (b"HTTP/1.1 204 None\r\nConnection: close\r\n\r\n", b"", False),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", b"hello", False),
    "HTTP/1.0 kept": (
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello",
        b"hello",
        True,
    ),
    "HTTP/1.0 304 kept": (b"HTTP/1.0 304 Same\r\nConnection: Keep-Alive\r\n\r\n", b"", True),
    "HTTP/1.0 304": (b"HTTP/1.0 304 Same\r\n\r\n", b"", False),
    "no reason": (b"HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello", b"hello", True),
    "after 1xx": (
        b"HTTP/1.1 103 Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + LENGTH + b"hello",
        b"hello",
        True,
    ),
}


@pytest.mark.parametrize("name", WHOLE)
def test_a_response_is_the_same_however_it_is_cut_into_reads(name: str) -> None:
    data, body, reused = WHOLE[name]
    for pieces in _splits(data):
        reader = _feed(*pieces)
        assert reader.ended, pieces
        assert b"".join(reader.chunks) == body, pieces
        assert reusable(reader) is reused, pieces


@pytest.mark.parametrize("name", WHOLE)
def test_it_has_ended_with_its_last_byte_and_not_before(name: str) -> None:
    data, _, _ = WHOLE[name]
    for at in range(len(data)):
        reader = _feed(data[:at])
        assert not reader.ended, data[:at]
        with pytest.raises(BodyIncomplete if reader.headed else Terminated):
            reader.end()


@pytest.mark.parametrize("name", [name for name, row in WHOLE.items() if row[2]])
@pytest.mark.parametrize(
    "extra",
    [LENGTH + b"other", b"x", b"HTTP/1.1 200 OK\r\n\r\n", b"5\r\nhello\r\n", b"\r\n", b"\n", b"\r\n\r\n"],
)
def test_bytes_past_the_end_are_dropped_and_forbid_reuse(name: str, extra: bytes) -> None:
    data, body, _ = WHOLE[name]
    for pieces in _splits(data + extra):
        reader = _feed(*pieces)
        assert reader.ended
        assert b"".join(reader.chunks) == body, pieces
        assert not reusable(reader), pieces
        assert reader.status == int(data.rpartition(b"HTTP/1.")[2][2:5]), "the head is still the first one"


@pytest.mark.parametrize("name", ["length", "chunked", "204"])
def test_no_byte_past_the_end_is_overlooked_whatever_it_is(name: str) -> None:
    data, body, _ = WHOLE[name]
    for extra in range(256):
        for line_ends in (b"", b"\r", b"\n", b"\r\n\r\n"):
            for read in (data + bytes([extra]) + line_ends, data + line_ends + bytes([extra])):
                reader = _feed(read)
                assert b"".join(reader.chunks) == body, read
                assert not reusable(reader), read


@pytest.mark.parametrize("body", [b"\r\n", b"aX\r\n\r\n", b"X\r\n\r\nX\r\n\r\n", b"\r\n" * 6])
def test_line_ends_are_the_bodys_as_long_as_it_is_and_no_longer(body: bytes) -> None:
    data = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    assert reusable(_feed(data))
    for number in range(1, 20):
        for extra in (b"\r" * number, b"\n" * number, b"\r\n" * number):
            reader = _feed(data + extra)
            assert b"".join(reader.chunks) == body
            assert not reusable(reader), extra


def test_a_connection_that_ends_after_the_response_is_not_used_again() -> None:
    assert not reusable(_feed(LENGTH + b"hello", end=True))


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.0 200 OK\r\n\r\n"])
def test_without_framing_the_body_ends_with_the_connection(head: bytes) -> None:
    reader = _feed(head, b"hel", b"lo")
    assert not reader.ended
    reader.end()
    assert (reader.ended, reusable(reader), b"".join(reader.chunks)) == (True, False, b"hello")


@pytest.mark.parametrize(
    "head",
    [LENGTH, CHUNKED, b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 123456789\r\n\r\n"],
)
def test_the_answer_to_head_has_no_body_whatever_it_says(head: bytes) -> None:
    for pieces in _splits(head):
        reader = _feed(*pieces, to_head=True)
        assert reader.ended
        assert reusable(reader)
    assert not reusable(_feed(head + b"hello", to_head=True))
    assert _feed(head + b"hello", to_head=True).chunks == []


def test_fields_keep_their_order_case_duplicates_and_bytes() -> None:
    fields = b"SET-cookie: a=1\r\nX-Empty:\r\nSet-Cookie: b=2\r\nX-Latin: caf\xe9\r\nX-Tab:\tone\ttwo\t\r\n"
    reader = _feed(b"HTTP/1.1 200 OK\r\n" + fields + b"Content-Length: 0\r\n\r\n")
    assert reader.headers == [
        (b"SET-cookie", b"a=1"),
        (b"X-Empty", b""),
        (b"Set-Cookie", b"b=2"),
        (b"X-Latin", b"caf\xe9"),
        (b"X-Tab", b"one\ttwo"),
        (b"Content-Length", b"0"),
    ]


def test_interim_responses_and_trailers_stand_apart_from_the_head() -> None:
    data = b"HTTP/1.1 103 Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Wait\r\n\r\n"
    reader = _feed(data + CHUNKED + b"0\r\nX-Sum: 1\r\n\r\n")
    assert reader.interim == [(103, [(b"Link", b"</a>")]), (102, [])]
    assert reader.headers == [(b"Transfer-Encoding", b"chunked")]
    assert reader.trailers == [(b"X-Sum", b"1")]


@pytest.mark.parametrize("name", [b"Content-Length: 7", b"content-length: 0"])
def test_a_length_among_the_trailers_says_nothing_and_ends_the_connection(name: bytes) -> None:
    """llhttp takes it for a second framing."""
    for pieces in _splits(CHUNKED + b"5\r\nhello\r\n0\r\n" + name + b"\r\n\r\n"):
        reader = _feed(*pieces)
        assert (reader.ended, reusable(reader)) == (True, False), pieces
        assert b"".join(reader.chunks) == b"hello"


REFUSED = {
    "not HTTP": b"garbage\r\n\r\n",
    "HTTP/0.9": b"HTTP/0.9 200 OK\r\n\r\n",
    "HTTP/2.0": b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.9": b"HTTP/1.9 200 OK\r\nContent-Length: 0\r\n\r\n",
    "HTTP/9.9": b"HTTP/9.9 200 OK\r\nContent-Length: 0\r\n\r\n",
    "status of two digits": b"HTTP/1.1 20 OK\r\n\r\n",
    "status below 100": b"HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n",
    "no colon": b"HTTP/1.1 200 OK\r\nX\r\n\r\n",
    "space before the colon": b"HTTP/1.1 200 OK\r\nX : y\r\n\r\n",
    "obs-fold": b"HTTP/1.1 200 OK\r\nX: y\r\n z\r\n\r\n",
    "bare LF": b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    "bare CR": b"HTTP/1.1 200 OK\r\nX: y\rz\r\n\r\n",
    "NUL": b"HTTP/1.1 200 OK\r\nX: y\x00\r\n\r\n",
    "control character": b"HTTP/1.1 200 OK\r\nX: y\x01\r\n\r\n",
    "length with a sign": b"HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n",
    "length in hex": b"HTTP/1.1 200 OK\r\nContent-Length: 0x5\r\n\r\n",
    "length as a list": b"HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\n",
    "length of 25 digits": b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 25 + b"\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
    "length, then chunked": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    "chunked, then length": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
    "other coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
    "two codings": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
    "chunked twice": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
    "chunked not last": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, identity\r\n\r\n",
    "HTTP/1.0 chunked": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_response_is_refused(name: str) -> None:
    for pieces in _splits(REFUSED[name]):
        with pytest.raises(ProtocolError):
            _feed(*pieces)


@pytest.mark.parametrize("fields", [b"", b"Upgrade: foo\r\nConnection: upgrade\r\n"])
def test_a_protocol_switched_unasked_is_refused(fields: bytes) -> None:
    for pieces in _splits(b"HTTP/1.1 101 Switching\r\n" + fields + b"\r\n"):
        with pytest.raises(UpgradeRefused):
            _feed(*pieces)


BAD_CHUNKS = {
    "hex prefix": b"0x5\r\nhello\r\n0\r\n\r\n",
    "sign": b"+5\r\nhello\r\n0\r\n\r\n",
    "underscore": b"5_0\r\nhello\r\n0\r\n\r\n",
    "empty": b"\r\nhello\r\n0\r\n\r\n",
    "space before": b" 5\r\nhello\r\n0\r\n\r\n",
    "17 digits": b"1" * 17 + b"\r\nhello\r\n0\r\n\r\n",
    "no CRLF after the data": b"5\r\nhelloX\r\n0\r\n\r\n",
    "bare LF": b"5\nhello\n0\n\n",
}


@pytest.mark.parametrize("name", BAD_CHUNKS)
def test_a_chunk_that_is_none_leaves_the_body_incomplete(name: str) -> None:
    for pieces in _splits(CHUNKED + b"2\r\nok\r\n" + BAD_CHUNKS[name]):
        reader = ResponseReader(to_head=False)
        with pytest.raises(BodyIncomplete):
            _into(reader, pieces)
        assert not reader.ended
        assert b"".join(reader.chunks).startswith(b"ok")


@pytest.mark.parametrize(
    ("start", "more"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"X: " + b"y" * 1000 + b"\r\n"),
        (b"HTTP/1.1 200 OK\r\nX: ", b"y" * 1000),
        (b"HTTP/1.1 200 ", b"y" * 1000),
        (b"", b"HTTP/1.1 102 Processing\r\n\r\n" * 40),
        (CHUNKED + b"0\r\n", b"X: " + b"y" * 1000 + b"\r\n"),
        (CHUNKED + b"5;", b"y" * 1000),
    ],
    ids=["fields", "value", "reason", "interim responses", "trailers", "chunk extension"],
)
def test_nothing_that_precedes_a_body_may_go_on_for_ever(start: bytes, more: bytes) -> None:
    reader = _feed(start)
    _into(reader, [more] * ((MAX_HEAD - len(start)) // len(more) - 1))
    with pytest.raises(UpstreamError):
        _into(reader, [more] * 3)


def test_a_connection_that_ends_before_the_head_was_terminated() -> None:
    for start in (b"", b"HTTP/1.1 200 OK\r\nX", b"HTTP/1.1 100 Continue\r\n\r\n"):
        with pytest.raises(Terminated):
            _feed(start, end=True)


@pytest.mark.parametrize(
    "start",
    [b"", LENGTH + b"hell", CHUNKED + b"4\r\nhe", CHUNKED.replace(b"\r\n\r\n", b"\t\r\n\r\n") + b"4\r\nhe"],
    ids=["nothing", "length", "chunks", "chunks, a tab"],
)
def test_a_reader_that_is_closed_half_way_leaves_the_collector_nothing(start: bytes) -> None:
    gc.collect()
    gc.disable()
    try:
        before = _readers()
        reader = _feed(start)
        reader.close()
        del reader
        assert _readers() == before
    finally:
        gc.enable()


@pytest.mark.parametrize(
    "field", [b"a%bb: v", b"%bb: v", b"a%b: v", b"%b: v", b"x: a%bb", b"x: %bb", b"x: a%b"]
)
def test_whatever_gets_past_it_can_be_written_again(field: bytes) -> None:
    """`reads_strictly`: the core does not look at names and values again. Every byte, in every place."""
    for byte in range(256):
        for pieces in _splits(b"HTTP/1.1 200 OK\r\n" + field % bytes([byte]) + b"\r\n\r\n"):
            reader = ResponseReader(to_head=True)
            with contextlib.suppress(ProtocolError):
                _into(reader, pieces)
            check_written(reader.headers)
