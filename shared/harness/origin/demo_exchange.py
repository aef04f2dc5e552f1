"""One exchange of the demo origin over ASGI: answers, streams, and the client's leaving noticed."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import json
import logging
import random
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs

__all__ = [
    "BadQuery",
    "Exchange",
    "Message",
    "Receive",
    "Send",
    "Stream",
    "blocks",
    "lifespan",
    "sha256_of_blocks",
]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Fields = Sequence[tuple[bytes, bytes]]

_log = logging.getLogger("tandem.demo")
_BLOCK = 64 * 1024


class BadQuery(ValueError):
    """What was asked for makes no sense; the message is one line for whoever asked."""


class _ClientLeft(Exception):
    pass


class _NoBodyWanted(Exception):
    pass


class Exchange:
    """A request, and the ways to answer it. `str()` of it is what the log calls it."""

    def __init__(self, scope: Message, receive: Receive, send: Send) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.headers: list[tuple[bytes, bytes]] = list(scope["headers"])
        self._scheme: str = scope["scheme"]
        self._raw_query: bytes = scope["query_string"]
        self._raw_path: bytes = scope.get("raw_path") or self.path.encode()
        self._query = {
            name: values[-1] for name, values in parse_qs(self._raw_query.decode("latin-1")).items()
        }
        self._receive = receive
        self._send = send

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def target(self) -> str:
        """The request target as it arrived, as far as ASGI tells: path and query."""
        query = f"?{self._raw_query.decode('latin-1')}" if self._raw_query else ""
        return self._raw_path.decode("latin-1") + query

    def header(self, name: str) -> str:
        """The first value of a field, or ''."""
        return next((value.decode("latin-1") for key, value in self.headers if key == name.encode()), "")

    def base_url(self) -> str:
        """Where the client thinks it is: the forwarding fields when a proxy sent them, else Host."""
        scheme = self.header("x-forwarded-proto").split(",")[0].strip() or self._scheme
        host = self.header("x-forwarded-host").split(",")[0].strip() or self.header("host")
        return f"{scheme}://{host}"

    def number(self, name: str, default: float, *, most: float) -> float:
        """A number from 0 to `most` out of the query. Raises BadQuery."""
        text = self._query.get(name)
        try:
            value = default if text is None else float(text)
        except ValueError:
            value = -1
        if not 0 <= value <= most:  # NaN is not, either
            raise BadQuery(f"{name}={text} is not understood: it takes a number from 0 to {most:g}")
        return value

    def size(self, name: str, default: str, *, most: int) -> int:
        """A number of bytes out of the query, such as 512, 64K, 100M, 1G. Raises BadQuery."""
        text = self._query.get(name, default)
        found = re.fullmatch(r"([0-9]{1,12})([KMG]?)", text.upper())
        value = int(found[1]) << {"": 0, "K": 10, "M": 20, "G": 30}[found[2]] if found else most + 1
        if value > most:
            raise BadQuery(f"{name}={text} is not understood: bytes such as 64K or 100M, at most {most}")
        return value

    async def left(self) -> None:
        """Return once the client has left; a request body that still comes is thrown away."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def left_within(self, seconds_s: float) -> bool:
        """Wait for `seconds_s`; whether the client left meanwhile."""
        try:
            async with asyncio.timeout(seconds_s):
                await self.left()
        except TimeoutError:
            return False
        return True

    async def swallow(self) -> tuple[int | None, str]:
        """Read the whole request body: its length (None when the client left in it) and SHA-256."""
        digest, count = hashlib.sha256(), 0
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                _log.info("%s closed by client after %d bytes of upload", self, count)
                return None, ""
            digest.update(message.get("body", b""))
            count += len(message.get("body", b""))
            if not message.get("more_body", False):
                return count, digest.hexdigest()

    async def answer(
        self,
        body: str | bytes,
        *,
        status: int = 200,
        kind: str = "text/plain; charset=utf-8",
        headers: Fields = (),
    ) -> None:
        """A whole response."""
        content = body.encode() if isinstance(body, str) else body
        await self._start(status, kind, [(b"content-length", b"%d" % len(content)), *headers])
        await self._send({"type": "http.response.body", "body": content})
        _log.info("%s %d, %d bytes", self, status, len(content))

    async def answer_json(self, value: object, *, headers: Fields = ()) -> None:
        """A whole response: `value` as indented JSON with a line end."""
        await self.answer(json.dumps(value, indent=2) + "\n", kind="application/json", headers=headers)

    async def answer_nothing(self, status: int) -> None:
        """A response that has no body by its status."""
        await self._send({"type": "http.response.start", "status": status, "headers": []})
        await self._send({"type": "http.response.body", "body": b""})
        _log.info("%s %d", self, status)

    @asynccontextmanager
    async def stream(self, kind: str, *, unit: str, headers: Fields = ()) -> AsyncIterator[Stream]:
        """A response sent piece by piece. The block is left early, without an error, when the client leaves.

        `unit` names what is counted in the log: "bytes", or what each piece is.
        """
        await self._start(200, kind, [(b"cache-control", b"no-store"), *headers])
        _log.info("%s opened", self)
        left = asyncio.create_task(self.left())
        stream = Stream(self._send, left, unit=unit, bodiless=self.method == "HEAD")
        try:
            try:
                yield stream
            except _NoBodyWanted:
                pass
            await self._send({"type": "http.response.body", "body": b""})
            _log.info("%s complete, %d %s", self, stream.count, unit)
        except _ClientLeft:
            _log.info("%s closed by client after %d %s", self, stream.count, unit)
        finally:
            left.cancel()

    async def _start(self, status: int, kind: str, headers: Fields) -> None:
        fields = [(b"content-type", kind.encode()), *headers]
        await self._send({"type": "http.response.start", "status": status, "headers": fields})


class Stream:
    """The body of a streamed response, as long as somebody is there to read it."""

    def __init__(self, send: Send, left: asyncio.Task[None], *, unit: str, bodiless: bool) -> None:
        self.count = 0
        self._send = send
        self._left = left
        self._counts_bytes = unit == "bytes"
        self._bodiless = bodiless

    async def send(self, piece: bytes) -> None:
        """Send one piece; waits while the client's buffers are full."""
        if self._bodiless:
            raise _NoBodyWanted
        # A send() after the client has left is a silent no-op on every server, so it has to be asked. It does
        # not even suspend: without a turn of the loop a fast sender would never hear of the client's leaving.
        await asyncio.sleep(0)
        if self._left.done():
            raise _ClientLeft
        await self._send({"type": "http.response.body", "body": piece, "more_body": True})
        self.count += len(piece) if self._counts_bytes else 1

    async def pause(self, seconds_s: float) -> None:
        """Wait, but no longer than the client stays."""
        done, _ = await asyncio.wait({self._left}, timeout=seconds_s)
        if done:
            raise _ClientLeft


async def lifespan(receive: Receive, send: Send) -> None:
    """Agree to start and to stop."""
    while (await receive())["type"] == "lifespan.startup":
        await send({"type": "lifespan.startup.complete"})
    await send({"type": "lifespan.shutdown.complete"})


def blocks(size: int) -> Iterator[bytes]:
    """`size` bytes, the same each time. Each block starts with its number, so a lost one changes the hash."""
    filling = random.Random(9110).randbytes(_BLOCK - 8)
    for number in range(-(-size // _BLOCK)):
        block = number.to_bytes(8, "big") + filling
        yield block[: size - number * _BLOCK]


@functools.lru_cache(maxsize=64)
def sha256_of_blocks(size: int) -> str:
    """SHA-256 of what blocks(size) yields, in hex. Takes about a second per GiB, once."""
    digest = hashlib.sha256()
    for block in blocks(size):
        digest.update(block)
    return digest.hexdigest()
