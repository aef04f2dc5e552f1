"""HTTP/1.1 messages as they come off a connection: heads whole, bodies piece by piece, as strictly as
http1.py.
"""

import hashlib
import re

from shared.harness.origin.channel import Channel
from shared.harness.origin.http1 import Fields, Framing, IncompleteError, MalformedError, parse_fields

__all__ = ["Body", "Reader"]

_MAX_HEAD = 1 << 20
_CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]{1,16}")


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
        self.trailers = parse_fields(lines)
