"""Response streams made by hypothesis, with what they mean."""

from typing import TypeAlias

from hypothesis import strategies as st

from shared.messages import Headers
from shared.upstream.wire.response import ResponseReader
from shared.upstream.wire.state import may_be_reused

__all__ = ["MUTATIONS", "Made", "Mutations", "cuts", "mutated", "responses", "reusable"]

Mutations: TypeAlias = list[tuple[str, int, bytes]]

_NAMES = st.text("abcXYZ-_09!#$", min_size=1, max_size=12).map(lambda text: b"X-" + text.encode())
_VALUES = (
    st.binary(max_size=20)
    .map(lambda data: bytes(byte if byte in (9, 32) or (byte > 32 and byte != 127) else 46 for byte in data))
    .map(lambda data: data.strip(b" \t"))
)
_FIELDS = st.lists(st.tuples(_NAMES, _VALUES), max_size=5)
_BODIES = st.lists(st.binary(min_size=1, max_size=40), max_size=5)


class Made:
    """A valid response as bytes, and what a reader has to find in it."""

    def __init__(self, data: bytes, status: int, headers: Headers, interim: list[int], body: bytes) -> None:
        self.data, self.status, self.headers = data, status, headers
        self.interim, self.body = interim, body
        self.to_head = False
        self.ends_with_connection = False
        self.trailers: Headers = []

    def __repr__(self) -> str:
        return f"Made({self.data!r}, to_head={self.to_head})"


def _head(status: int, fields: Headers) -> bytes:
    lines = [b"HTTP/1.1 %d Some words" % status, *[b": ".join(field) for field in fields]]
    return b"\r\n".join([*lines, b"", b""])


@st.composite
def responses(draw: st.DrawFn) -> Made:
    """Any framing, with interim responses, odd fields, chunk extensions and trailers."""
    interim = draw(st.lists(st.sampled_from([100, 102, 103, 199]), max_size=3))
    before = b"".join(_head(status, draw(_FIELDS)) for status in interim)
    framing = draw(st.sampled_from(["length", "chunked", "close", "none", "head"]))
    status = draw(st.sampled_from([204, 304] if framing == "none" else [200, 206, 299, 404, 451, 503, 599]))
    fields, pieces = draw(_FIELDS), draw(_BODIES)
    body, after, trailers = b"".join(pieces), b"", Headers()
    if framing == "length":
        fields.append((b"content-LENGTH", b"%d" % len(body)))
        after = body
    elif framing == "close":
        after = body
    elif framing == "chunked":
        fields.append((b"Transfer-Encoding", draw(st.sampled_from([b"chunked", b"Chunked"]))))
        extension = draw(st.sampled_from([b"", b";a", b";a=b", b';a="b;c"']))
        trailers = draw(_FIELDS)
        after = b"".join(b"%x%b\r\n%b\r\n" % (len(piece), extension, piece) for piece in pieces)
        after += b"0\r\n" + b"".join(b"%b: %b\r\n" % field for field in trailers) + b"\r\n"
    else:
        body = b""
        if framing == "head":
            fields.append((b"Content-Length", b"12345"))
    made = Made(before + _head(status, fields) + after, status, fields, interim, body)
    made.to_head = framing == "head"
    made.ends_with_connection = framing == "close"
    made.trailers = trailers
    return made


@st.composite
def cuts(draw: st.DrawFn, data: bytes) -> list[bytes]:
    """The same bytes in some reads."""
    marks = sorted(draw(st.lists(st.integers(0, len(data)), max_size=6)))
    return [data[start:end] for start, end in zip([0, *marks], [*marks, len(data)], strict=True)]


MUTATIONS: st.SearchStrategy[Mutations] = st.lists(
    st.tuples(
        st.sampled_from(["flip", "drop", "insert", "double", "cut"]),
        st.integers(0, 2000),
        st.binary(max_size=3),
    ),
    min_size=1,
    max_size=4,
)


def mutated(data: bytes, mutations: Mutations) -> bytes:
    """The stream with bits flipped, bytes dropped, inserted or said twice, or its end cut off."""
    for kind, number, insert in mutations:
        at = number % (len(data) + 1)
        before, after = data[:at], data[at:]
        if kind == "flip":
            data = before + bytes(byte ^ (1 << number % 8) for byte in after[:1]) + after[1:]
        elif kind == "drop":
            data = before + after[1:]
        elif kind == "insert":
            data = before + insert + after
        elif kind == "double":
            data = before + data[max(0, at - 9) :]
        else:
            data = before
    return data


def reusable(reader: ResponseReader) -> bool:
    """Whether the response alone would let its connection carry another exchange."""
    return may_be_reused(
        is_open=True, sent=True, whole=reader.ended, kept=reader.keep_alive, followed=reader.followed
    )
