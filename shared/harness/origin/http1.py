"""HTTP/1.1 messages read strictly, as RFC 9112 writes them and nothing else: the suite's oracle for framing.

A proxy's own parser forgives; this one may not, because what it forgave would be a fault that no case sees.
Whatever it refuses is `MalformedError`, with the bytes.
"""

import dataclasses
import hashlib
import re
from typing import Literal

from shared.harness.origin.channel import Channel

__all__ = [
    "Body",
    "Fields",
    "Framing",
    "Head",
    "IncompleteError",
    "MalformedError",
    "Reader",
    "RequestHead",
    "ResponseHead",
    "parse_request",
    "parse_response",
    "request_framing",
    "response_framing",
]

Fields = tuple[tuple[bytes, bytes], ...]

_MAX_HEAD = 1 << 20
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 §5.6.2
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")  # RFC 9110 §5.5: no control character but HTAB
_TARGET = re.compile(rb"[\x21-\x7e]+")
_CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]{1,16}")
_DIGITS = re.compile(rb"[0-9]{1,19}")


class MalformedError(Exception):
    """Bytes that RFC 9112 does not allow on the wire."""


class IncompleteError(Exception):
    """The connection ended inside a message. how: "FIN" or "RST"; got: what had come of the current part."""

    def __init__(self, how: str, got: bytes = b""):
        super().__init__(f"the connection ended ({how}) inside a message, after {got[-80:]!r}")
        self.how, self.got = how, got


@dataclasses.dataclass(frozen=True, slots=True)
class Head:
    """A start line and its fields, in order, names as they were spelt."""

    raw: bytes
    fields: Fields

    def all(self, name: str) -> list[bytes]:
        """The values of every line of that name, in order."""
        wanted = name.encode().lower()
        return [value for key, value in self.fields if key.lower() == wanted]

    def one(self, name: str) -> bytes | None:
        """The value, None when absent. Raises: MalformedError when there is more than one line."""
        values = self.all(name)
        if len(values) > 1:
            raise MalformedError(f"{len(values)} lines of {name}: {values}")
        return values[0] if values else None

    def names(self) -> list[str]:
        """Lower-case names, in order, repeated as they are repeated."""
        return [key.decode().lower() for key, _ in self.fields]


@dataclasses.dataclass(frozen=True, slots=True)
class RequestHead(Head):
    method: bytes
    target: bytes
    version: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class ResponseHead(Head):
    version: bytes
    status: int
    reason: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class Framing:
    """How a body ends: RFC 9112 §6.3. `length` belongs to "length" and is 0 for "none"."""

    kind: Literal["none", "length", "chunked", "close"]
    length: int = 0


def _lines(raw: bytes) -> list[bytes]:
    if not raw.endswith(b"\r\n\r\n"):
        raise MalformedError(f"head does not end in CRLF CRLF: {raw[-40:]!r}")
    lines = raw[:-4].split(b"\r\n")
    for line in lines:
        if b"\r" in line or b"\n" in line or b"\0" in line:
            raise MalformedError(f"bare CR, bare LF or NUL in {line!r}")
    return lines


def _fields(lines: list[bytes]) -> Fields:
    fields = []
    for line in lines:
        name, colon, value = line.partition(b":")
        value = value.strip(b" \t")
        if not colon or not _TOKEN.fullmatch(name):
            raise MalformedError(f"not a field line: {line!r}")
        if not _VALUE.fullmatch(value):
            raise MalformedError(f"control character in {line!r}")
        fields.append((name, value))
    return tuple(fields)


def parse_request(raw: bytes) -> RequestHead:
    """Read a request head that ends in its empty line. Raises: MalformedError."""
    start, *rest = _lines(raw)
    parts = start.split(b" ")
    if len(parts) != 3:
        raise MalformedError(f"not a request line: {start!r}")
    method, target, version = parts
    if not _TOKEN.fullmatch(method) or not _TARGET.fullmatch(target):
        raise MalformedError(f"not a request line: {start!r}")
    if version not in (b"HTTP/1.1", b"HTTP/1.0"):
        raise MalformedError(f"not a version: {start!r}")
    head = RequestHead(raw=raw, fields=_fields(rest), method=method, target=target, version=version)
    if version == b"HTTP/1.1" and len(head.all("host")) != 1:
        raise MalformedError(f"RFC 9112 §3.2 wants one Host, not {head.all('host')}")
    return head


def parse_response(raw: bytes) -> ResponseHead:
    """Read a response head that ends in its empty line. Raises: MalformedError."""
    start, *rest = _lines(raw)
    # The space after the status is required even when the reason is empty (RFC 9112 §4).
    match = re.fullmatch(rb"(HTTP/1\.[01]) ([1-9][0-9]{2}) ([\t\x20-\x7e\x80-\xff]*)", start)
    if match is None:
        raise MalformedError(f"not a status line: {start!r}")
    version, status, reason = match.groups()
    return ResponseHead(raw=raw, fields=_fields(rest), version=version, status=int(status), reason=reason)


def _declared(head: Head) -> Framing | None:
    coding, length = head.one("transfer-encoding"), head.one("content-length")
    if coding is not None and length is not None:
        raise MalformedError("both Transfer-Encoding and Content-Length")
    if coding is not None:
        if coding.lower() != b"chunked":
            raise MalformedError(f"Transfer-Encoding is {coding!r}, not chunked")
        return Framing("chunked")
    if length is not None:
        if not _DIGITS.fullmatch(length):
            raise MalformedError(f"Content-Length is {length!r}")
        return Framing("length", int(length))
    return None


def request_framing(head: RequestHead) -> Framing:
    """RFC 9112 §6.3 for a request: without either field there is no body. Raises: MalformedError."""
    return _declared(head) or Framing("none")


def response_framing(head: ResponseHead, method: str) -> Framing:
    """RFC 9112 §6.3 for a response to `method`.

    Raises: MalformedError, also for framing fields where none may be.
    """
    declared = _declared(head)
    if head.status == 204 or head.status < 200:
        if declared is not None:  # RFC 9110 §8.6, RFC 9112 §6.1
            raise MalformedError(
                f"a {head.status} with {'Content-Length' if declared.kind == 'length' else 'chunked'}"
            )
        return Framing("none")
    if declared is not None and declared.kind == "chunked" and head.version == b"HTTP/1.0":
        raise MalformedError("chunked in an HTTP/1.0 response")
    if method == "HEAD" or head.status == 304:
        return Framing("none")
    return declared or Framing("close")


class Reader:
    """Takes messages off a channel. Bytes past what was asked for wait in `buffer`."""

    def __init__(self, channel: Channel):
        self.channel = channel
        self.buffer = bytearray()

    async def _more(self) -> None:
        try:
            data = await self.channel.receive()
        except ConnectionResetError:
            raise IncompleteError("RST", bytes(self.buffer)) from None
        if not data:
            raise IncompleteError("FIN", bytes(self.buffer))
        self.buffer += data

    async def until(self, mark: bytes, limit: int = _MAX_HEAD) -> bytes:
        """Bytes up to and including `mark`. Raises: IncompleteError, MalformedError past `limit`."""
        start = 0
        while (at := self.buffer.find(mark, start)) < 0:
            if len(self.buffer) > limit:
                raise MalformedError(f"no {mark!r} in {limit} bytes")
            start = max(0, len(self.buffer) - len(mark) + 1)
            await self._more()
        return self.take(at + len(mark))

    async def head(self) -> bytes:
        """One message head with its empty line.

        Raises: IncompleteError (`got` is empty between messages), MalformedError.
        """
        return await self.until(b"\r\n\r\n")

    async def head_ready(self) -> None:
        """Wait until a head, or an end, is there to be read; nothing is taken."""
        try:
            while b"\r\n\r\n" not in self.buffer:
                await self._more()
        except IncompleteError:
            pass

    async def some(self, limit: int) -> bytes:
        """At least one byte, at most `limit`. Raises: IncompleteError."""
        if not self.buffer:
            await self._more()
        return self.take(min(limit, len(self.buffer)))

    def take(self, size: int) -> bytes:
        data = bytes(self.buffer[:size])
        del self.buffer[:size]
        return data


class Body:
    """A message body as its framing tells it, piece by piece, hashed as it passes.

    complete: the framing said that it ended. cut: "FIN" or "RST" when the connection ended first.
    """

    def __init__(self, reader: Reader, framing: Framing):
        self.reader, self.framing = reader, framing
        self.size = 0
        self.hash = hashlib.sha256()
        self.complete = framing.kind == "none" or (framing.kind == "length" and framing.length == 0)
        self.cut: str | None = None
        self.trailers: Fields = ()
        self._chunk_left: int | None = None  # None: a size line is due
        self._line_end_due = False  # read late: the sender may hold the CRLF back until its next chunk

    @property
    def begun(self) -> bool:
        """Something of it has been read."""
        return self.size > 0 or self._chunk_left is not None

    async def some(self, limit: int = 1 << 18) -> bytes:
        """Some bytes of the content as they came, b"" at the end. Raises: IncompleteError, MalformedError."""
        if self.complete:
            return b""
        try:
            data = await self._next(limit)
        except IncompleteError as error:
            if self.framing.kind == "close" and error.how == "FIN":
                self.complete = True
                return b""
            self.cut = error.how
            raise
        self.size += len(data)
        self.hash.update(data)
        if self.framing.kind == "length" and self.size == self.framing.length:
            self.complete = True
        return data

    async def exactly(self, size: int) -> bytes:
        """That many bytes. Raises: IncompleteError, MalformedError, AssertionError if it ends before."""
        data = b""
        while len(data) < size:
            piece = await self.some(size - len(data))
            assert piece, f"the body ended after {len(data)} of {size} bytes"
            data += piece
        return data

    async def rest(self) -> bytes:
        """All the content that is left. Raises: IncompleteError, MalformedError."""
        pieces = []
        while piece := await self.some():
            pieces.append(piece)
        return b"".join(pieces)

    async def swallow(self) -> int:
        """Read to the end, keep only hash and size. Raises: IncompleteError, MalformedError."""
        while await self.some():
            pass
        return self.size

    async def _next(self, limit: int) -> bytes:
        if self.framing.kind == "length":
            return await self.reader.some(min(limit, self.framing.length - self.size))
        if self.framing.kind == "close":
            return await self.reader.some(limit)
        return await self._chunk(limit)

    async def _chunk(self, limit: int) -> bytes:
        if self._line_end_due:
            if (end := await self.reader.until(b"\r\n", 4096)) != b"\r\n":
                raise MalformedError(f"{end!r} after chunk data")
            self._line_end_due = False
        if self._chunk_left is None:
            line = (await self.reader.until(b"\r\n", 4096))[:-2]
            # Chunk extensions are hop-by-hop (RFC 9112 §7.1.1); nothing here has any business sending one.
            if not _CHUNK_SIZE.fullmatch(line):
                raise MalformedError(f"chunk size line {line!r}")
            self._chunk_left = int(line, 16)
        if self._chunk_left == 0:
            await self._trailer()
            self.complete = True
            return b""
        data = await self.reader.some(min(limit, self._chunk_left))
        self._chunk_left -= len(data)
        if self._chunk_left == 0:
            self._chunk_left, self._line_end_due = None, True
        return data

    async def _trailer(self) -> None:
        lines = []
        while (line := (await self.reader.until(b"\r\n", 65536))[:-2]) != b"":
            lines.append(line)
        self.trailers = _fields(lines)
