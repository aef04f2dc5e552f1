"""One request at the scripted origin, in the hands of the case that plays the upstream."""

import asyncio
from collections.abc import Awaitable, Callable

from shared.harness.origin.body import Reader
from shared.harness.origin.channel import WAIT_S, within
from shared.harness.origin.ledger import ConnectionRecord, ExchangeRecord, Ledger

__all__ = ["Arrival", "Script"]


class Arrival:
    """One request that has arrived, and the connection under it. Every wait inside is bounded by `WAIT_S`."""

    def __init__(self, record: ExchangeRecord, connection: ConnectionRecord, reader: Reader, ledger: Ledger):
        self.record, self.connection, self._ledger = record, connection, ledger
        self.channel, self.reader = connection.channel, reader
        self.head, self.body = record.head, record.body
        self.over = asyncio.Event()  # released, or the connection is gone
        self.channel.on_closed = self._closed

    async def content(self, deadline_s: float = WAIT_S) -> bytes:
        """The whole request content. Raises: IncompleteError, MalformedError, LateError."""
        return await within(deadline_s, "the rest of the request body at the origin", self.body.rest())

    async def some(self, size: int | None = None) -> bytes:
        """Exactly `size` bytes of request content, or whatever comes next.

        Raises: IncompleteError, MalformedError, LateError.
        """
        piece = self.body.exactly(size) if size is not None else self.body.some()
        return await within(WAIT_S, "more of the request body at the origin", piece)

    async def send(self, *pieces: str | bytes) -> None:
        """Send these bytes; str is Latin-1. Raises: ConnectionError, LateError."""
        data = b"".join(piece.encode("latin-1") if isinstance(piece, str) else piece for piece in pieces)
        await within(WAIT_S, "the proxy to take the response", self.channel.send(data))

    async def head_of(self, status: str, *fields: str | bytes) -> None:
        """Send a response head: `200 OK` and field lines without their line ends."""
        lines: list[str | bytes] = [f"HTTP/1.1 {status}", *fields, "", ""]
        await self.send(b"\r\n".join(x.encode("latin-1") if isinstance(x, str) else x for x in lines))

    async def answer(self, status: str = "200 OK", *fields: str | bytes, body: bytes | None = b"ok") -> None:
        """Read what is left of the request, send a whole response with Content-Length, release.

        body=None: no Content-Length and no body, for responses that have none (HEAD, 204, 304).
        """
        if not self.body.complete:
            await within(WAIT_S * 6, "the rest of the request body at the origin", self.body.swallow())
        length = () if body is None else (f"Content-Length: {len(body)}",)
        await self.head_of(status, *length, *fields)
        if body:
            await within(WAIT_S * 6, "the proxy to take the body", self.channel.send(body))
        self.release()

    async def chunk(self, data: bytes) -> None:
        """Send one chunk; b"" is the last chunk and the empty trailer."""
        await self.send(f"{len(data):x}\r\n", data, "\r\n")

    async def peer_closed(self, deadline_s: float = WAIT_S) -> str:
        """Wait until the proxy closes: "FIN" or "RST". What still comes is dropped. Raises: LateError.

        Only before `release()`: afterwards the origin itself reads, and `Ledger.until` is the way to wait.
        """
        return await self.channel.peer_closed(deadline_s)

    def release(self) -> None:
        """The response is whole: the connection may carry the next request."""
        self.record.released = True
        self._over()

    def close(self) -> None:
        self.channel.close()

    def reset(self) -> None:
        self.channel.reset()

    def _closed(self) -> None:
        if not self.record.released:
            self.record.ended = self.connection.ended
        self._over()

    def _over(self) -> None:
        self.over.set()
        self._ledger.touch()


Script = Callable[[Arrival], Awaitable[None]]
