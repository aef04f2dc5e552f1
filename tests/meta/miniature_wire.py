"""The miniature's lower half: one connection, and messages read off it as RFC 9112 writes them."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import TypeVar

__all__ = [
    "LOOK_AHEAD",
    "TOKEN",
    "Cut",
    "Fields",
    "Framing",
    "Refused",
    "Wire",
    "fields_of",
    "framing_of",
    "head_of",
    "options",
    "pieces",
    "values",
]

Fields = list[tuple[bytes, bytes]]
Framing = int | str  # bytes of Content-Length, or "chunked", or "close"
T = TypeVar("T")

MAX_HEAD, LOOK_AHEAD = 1 << 17, 1 << 16
TOKEN = rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+)"
FIELD = re.compile(TOKEN + rb":[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*")


class Cut(Exception):
    """The connection ended where a message did not."""


class Refused(Exception):
    """This exchange is answered by the proxy itself, with this status."""

    def __init__(self, status: int):
        self.status = status


class Wire(asyncio.Protocol):
    """One connection: bytes in as they are asked for, bytes out as they are taken, and whether it has
    ended.
    """

    def __init__(self) -> None:
        self.buffer, self.failed = bytearray(), False
        self.changed, self.room, self.ended = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.room.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if len(self.buffer) > LOOK_AHEAD:
            self.transport.pause_reading()
        self.changed.set()

    def eof_received(self) -> None:
        self.connection_lost(None)

    def connection_lost(self, error: Exception | None) -> None:
        self.failed = self.failed or error is not None
        for event in (self.ended, self.changed, self.room):
            event.set()

    def pause_writing(self) -> None:
        self.room.clear()

    def resume_writing(self) -> None:
        self.room.set()

    async def more(self) -> None:
        if self.ended.is_set():
            raise Cut
        self.changed.clear()
        self.transport.resume_reading()
        await self.changed.wait()

    async def line(self) -> bytes:
        """The next one, which CRLF ends and nothing else. Raises: Cut, Refused."""
        while (at := self.buffer.find(b"\r\n")) < 0:
            if len(self.buffer) > MAX_HEAD or b"\n" in self.buffer:
                raise Refused(400)
            await self.more()
        line = self.take(at + 2)[:-2]
        if b"\n" in line:
            raise Refused(400)
        return line

    async def head(self) -> list[bytes]:
        """The lines before the next empty one. Raises: Cut, Refused."""
        lines, size = [], 0
        while line := await self.line():
            lines.append(line)
            size += len(line)
            if size > MAX_HEAD:
                raise Refused(400)
        return lines

    async def some(self, limit: int) -> bytes:
        while not self.buffer:
            await self.more()
        return self.take(limit)

    def take(self, limit: int) -> bytes:
        data = bytes(self.buffer[:limit])
        del self.buffer[:limit]
        if len(self.buffer) <= LOOK_AHEAD and not self.ended.is_set():
            self.transport.resume_reading()
        return data

    async def send(self, data: bytes) -> None:
        if self.ended.is_set():
            raise Cut
        self.transport.write(data)
        await self.room.wait()


def fields_of(lines: list[bytes]) -> Fields:
    matches = [FIELD.fullmatch(line) for line in lines]
    if not all(matches):
        raise Refused(400)
    return [(match[1], match[2]) for match in matches if match]


def values(fields: Fields, name: bytes) -> list[bytes]:
    return [value for key, value in fields if key.lower() == name]


def options(fields: Fields) -> set[bytes]:
    return {option.strip(b" \t").lower() for option in b",".join(values(fields, b"connection")).split(b",")}


def framing_of(fields: Fields, otherwise: T, refusal: int = 400) -> Framing | T:
    """RFC 9112 section 6.3; whatever two readers could read in two ways is refused."""
    codings, lengths = values(fields, b"transfer-encoding"), values(fields, b"content-length")
    if codings:
        if [coding.lower() for coding in codings] != [b"chunked"] or lengths:
            raise Refused(refusal)
        return "chunked"
    if lengths:
        if len(set(lengths)) > 1 or not re.fullmatch(rb"[0-9]{1,18}", lengths[0]):
            raise Refused(refusal)
        return int(lengths[0])
    return otherwise


async def pieces(wire: Wire, framing: Framing) -> AsyncIterator[bytes]:
    """The content as it comes.

    Raises: Cut where it ends before its framing says so, Refused where that is broken.
    """
    if framing == "close":
        while True:
            try:
                piece = await wire.some(LOOK_AHEAD)
            except Cut:
                if wire.failed:
                    raise
                return
            yield piece
    elif framing == "chunked":
        while size := await chunk_size(wire):
            while size:
                piece = await wire.some(size)
                size -= len(piece)
                yield piece
            if await wire.line():
                raise Refused(400)
        while await wire.line():
            pass
    else:
        left = int(framing)
        while left:
            piece = await wire.some(left)
            left -= len(piece)
            yield piece


async def chunk_size(wire: Wire) -> int:
    match = re.fullmatch(rb"([0-9A-Fa-f]{1,16})([ \t]*;.*)?", await wire.line())
    if match is None:
        raise Refused(400)
    return int(match[1], 16)


def head_of(start: bytes, fields: Fields) -> bytes:
    return b"\r\n".join([start, *(b"%s: %s" % field for field in fields), b"", b""])
