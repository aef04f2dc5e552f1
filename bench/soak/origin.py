"""The origin of a soak: /<kind>/<number>/<length> says what it answers, or how it fails.

whole chunked close    the body of that number and length, framed so        hint    the same after a 103
excess                 the same, and in the same write a response that nobody asked for
late                   the same, after a while                              trickle pieces without end
upload                 the length and checksum of what was sent             early   413 before it is read
short cut reset        half of the body, then the end; chunked; a reset     stall   nothing, ever
refuse garbage         the end instead of an answer; no HTTP

hold                   the same once `release` was called
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

from bench.soak.body import body, checksum, send

__all__ = ["EARLY", "SoakOrigin", "soak_origin"]

EARLY = b"too much"
_LATE_S = 0.05
_CLOSE_S = 5.0
_TRICKLE_S = 0.02
_READ_THEIR_OWN = ("upload", "early")
_RESET = struct.pack("ii", 1, 0)  # socket(7): SO_LINGER with no time, so that a close resets
_POISON = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nPOISONED"


class _Request(NamedTuple):
    kind: str
    number: int
    length: int
    headers: bytes
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @property
    def body(self) -> bytes:
        return body(self.number, self.length)


class SoakOrigin:
    """What it has seen: connections open now, exchanges begun and not ended, held ones among them."""

    def __init__(self) -> None:
        self.connections = 0
        self.busy = 0
        self.held = 0
        self._release = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()

    def release(self) -> None:
        """Let all held exchanges go, and those that come later."""
        self._release.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection until either side has had enough."""
        self.connections += 1
        self._writers.add(writer)
        try:
            while await self._one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the proxy has closed it, in the middle of something or between two exchanges
        finally:
            self.connections -= 1
            self._writers.discard(writer)
            writer.close()

    async def close(self) -> None:
        """Close every connection. Raises TimeoutError when one does not end."""
        self.release()
        for writer in self._writers:
            writer.transport.abort()
        async with asyncio.timeout(_CLOSE_S):
            while self.connections:
                await asyncio.sleep(0.01)

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Read one request, answer it; whether the connection may be used again."""
        head = await reader.readuntil(b"\r\n\r\n")
        self.busy += 1
        try:
            line, _, headers = head.partition(b"\r\n")
            # httpx.URL(query=b"") makes "/p?" of "/p"
            _, kind, number, length = line.split(b" ")[1].rstrip(b"?").split(b"/")
            request = _Request(kind.decode(), int(number), int(length), headers.lower(), reader, writer)
            if request.kind not in _READ_THEIR_OWN:
                await _read_body(request)  # some clients chunk even the empty body of a GET
            return await _ANSWERS[request.kind](self, request)
        finally:
            self.busy -= 1

    async def _whole(self, request: _Request) -> bool:
        await send(request.writer, _head(request.length) + request.body)
        return True

    async def _chunked(self, request: _Request) -> bool:
        await send(request.writer, _head(None) + _chunks(request.body) + b"0\r\n\r\n")
        return True

    async def _close(self, request: _Request) -> bool:
        await send(request.writer, b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + request.body)
        return False

    async def _hint(self, request: _Request) -> bool:
        await send(request.writer, b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n")
        return await self._whole(request)

    async def _excess(self, request: _Request) -> bool:
        # in one segment: bytes that come later could not be told from an answer to the next request
        request = request._replace(length=min(request.length, 1024))
        await send(request.writer, _head(request.length) + request.body + _POISON)
        return True  # whether to use it again is for the proxy to decide

    async def _late(self, request: _Request) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LATE_S):
                await request.reader.read(1)
                return False  # who asked has left
        return await self._whole(request)

    async def _trickle(self, request: _Request) -> bool:
        await send(request.writer, _head(None))
        while True:
            await send(request.writer, _chunks(body(request.number, 200)))
            await asyncio.sleep(_TRICKLE_S)

    async def _upload(self, request: _Request) -> bool:
        data = await _read_body(request)
        answer = checksum(data)
        await send(request.writer, _head(len(answer)) + answer)
        return True

    async def _early(self, request: _Request) -> bool:
        head = b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
        await send(request.writer, head % len(EARLY) + EARLY)
        with contextlib.suppress(
            TimeoutError
        ):  # RFC 9112 section 9.6: a close on unread bytes may lose the answer
            async with asyncio.timeout(_LATE_S):
                while await request.reader.read(65536):
                    pass
        return False

    async def _short(self, request: _Request) -> bool:
        await send(request.writer, _head(request.length + 1) + request.body[: request.length // 2])
        return False

    async def _cut(self, request: _Request) -> bool:
        await send(request.writer, _head(None) + _chunks(request.body[: request.length // 2]))
        return False

    async def _reset(self, request: _Request) -> bool:
        await self._short(request)
        request.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        request.writer.transport.abort()
        return False

    async def _stall(self, request: _Request) -> bool:
        await request.reader.read(1)
        return False

    async def _refuse(self, request: _Request) -> bool:
        return False

    async def _garbage(self, request: _Request) -> bool:
        await send(request.writer, b"this is no HTTP\r\n\r\n")
        return False

    async def _hold(self, request: _Request) -> bool:
        self.held += 1
        try:
            await self._release.wait()
        finally:
            self.held -= 1
        return await self._whole(request)


_ANSWERS: dict[str, Callable[[SoakOrigin, _Request], Awaitable[bool]]] = {
    name: getattr(SoakOrigin, f"_{name}")
    for name in (
        "whole", "chunked", "close", "hint", "excess", "late", "trickle", "upload", "early", "short", "cut",
        "reset", "stall", "refuse", "garbage", "hold",
    )
}  # fmt: skip


def _head(length: int | None) -> bytes:
    framing = b"Transfer-Encoding: chunked" if length is None else b"Content-Length: %d" % length
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n%b\r\n\r\n" % framing


def _chunks(data: bytes) -> bytes:
    pieces = (data[at : at + 10_007] for at in range(0, len(data), 10_007))
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)


async def _read_body(request: _Request) -> bytes:
    """Read the body as the request frames it. Raises IncompleteReadError when it is cut."""
    if b"transfer-encoding: chunked" not in request.headers:
        at = request.headers.find(b"content-length:") + len(b"content-length:")
        if at < len(b"content-length:"):
            return b""
        return await request.reader.readexactly(int(request.headers[at:].split(b"\r\n", 1)[0]))
    data = bytearray()
    while length := int(await request.reader.readuntil(b"\r\n"), 16):
        data += await request.reader.readexactly(length)
        await request.reader.readexactly(2)
    await request.reader.readexactly(2)
    return bytes(data)


@asynccontextmanager
async def soak_origin() -> AsyncIterator[tuple[SoakOrigin, int]]:
    """An origin in this loop, on the port that comes with it."""
    origin = SoakOrigin()
    server = await asyncio.start_server(origin.serve, "127.0.0.1", 0, backlog=1024)
    try:
        yield origin, server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await origin.close()
