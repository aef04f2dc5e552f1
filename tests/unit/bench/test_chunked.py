"""The rig's reader of chunked framing: the same content however it is cut, an error for what is none."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.load import Address, request_bytes
from shared.harness.origin.chunked import ChunkedError, ChunkedReader

GOOD = {
    "one chunk": (b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
    "none": (b"0\r\n\r\n", b""),
    "many zeros": (b"000A\r\n0123456789\r\n000\r\n\r\n", b"0123456789"),
    "extensions": (b'1;a=b;c="d e"\r\nx\r\n1 \t; a\r\ny\r\n0;z\r\n\r\n', b"xy"),
    "trailers": (b"1\r\nx\r\n0\r\nDigest: abc\r\nX-Empty:\r\n\r\n", b"x"),
    "content like framing": (b"7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n", b"\r\n0\r\n\r\n"),
}

BAD = {
    "white space after the size": b"5 \r\nhello\r\n",
    "white space before it": b" 5\r\nhello\r\n",
    "a sign": b"+5\r\nhello\r\n",
    "an underscore": b"1_0\r\n",
    "0x": b"0x5\r\nhello\r\n",
    "no size": b"\r\n",
    "an extension alone": b";a=b\r\n",
    "seventeen digits": b"0" * 16 + b"5\r\nhello\r\n",
    "a bare line feed": b"5\nhello\n0\n\n\r\n",
    "a carriage return in an extension": b"5;a\rb\r\nhello\r\n",
    "content longer than its size": b"4\r\nhello",
    "content shorter than its size": b"6\r\nhello\r\n0\r\n\r\n",
    "a trailer that is no field": b"0\r\nnothing\r\n\r\n",
    "a trailer with white space before its colon": b"0\r\nname : x\r\n\r\n",
    "a folded trailer": b"0\r\na: b\r\n c\r\n\r\n",
    "too many trailers": b"0\r\n" + b"a: b\r\n" * 65,
    "a line too long": b"5;" + b"a" * 4095 + b"\r\n",
    "a line too long that never ends": b"5;" + b"a" * 4096,
}


def read(reader: ChunkedReader, data: bytes, cuts: list[int]) -> bytes:
    places = [0, *sorted(cuts), len(data)]
    pieces = (data[a:b] for a, b in pairwise(places))
    return b"".join(part for piece in pieces for part in reader.feed(piece))


@pytest.mark.parametrize("name", GOOD)
@given(cuts=st.lists(st.integers(0, 60), max_size=8))
def test_framing_gives_its_content_however_it_is_cut(name: str, cuts: list[int]) -> None:
    data, content = GOOD[name]
    reader = ChunkedReader()
    assert read(reader, data, [cut for cut in cuts if cut < len(data)]) == content
    assert reader.done


@given(size=st.integers(1, 100), chunk=st.integers(1, 120))
def test_a_request_of_the_load_engine_is_framed_so(size: int, chunk: int) -> None:
    whole = request_bytes(Address("h", 1), "/", method="POST", body=bytes(size), chunk=chunk)
    head, _, body = whole.partition(b"\r\n\r\n")
    reader = ChunkedReader()
    assert b"\r\ntransfer-encoding: chunked" in head
    assert read(reader, body, []) == bytes(size)
    assert (reader.done, reader.rest) == (True, b"")


@pytest.mark.parametrize("name", GOOD)
def test_what_follows_the_message_is_handed_back(name: str) -> None:
    reader = ChunkedReader()
    reader.feed(GOOD[name][0] + b"HTTP/1.1 200 OK")
    assert reader.done
    assert reader.rest == b"HTTP/1.1 200 OK"


@pytest.mark.parametrize("name", GOOD)
def test_a_message_cut_short_is_not_done(name: str) -> None:
    data, _ = GOOD[name]
    reader = ChunkedReader()
    reader.feed(data[:-1])
    assert not reader.done


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_framing_is_an_error_whole_and_byte_by_byte(name: str) -> None:
    data = BAD[name]
    for cuts in ([], list(range(1, len(data)))):
        with pytest.raises(ChunkedError):
            read(ChunkedReader(), data, cuts)
