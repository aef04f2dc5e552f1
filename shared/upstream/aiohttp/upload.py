"""A request's body as aiohttp sends it: beside the response, in a task of aiohttp's own."""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

import aiohttp
from aiohttp.abc import AbstractStreamWriter

from shared.errors import BadRequest, WriteTimeout
from shared.messages import RequestBody

__all__ = ["Upload"]


class Socket(Protocol):
    """What is asked of aiohttp's connection while a body is written to it."""

    transport: asyncio.Transport | None

    @property
    def writing_paused(self) -> bool: ...


class Upload(aiohttp.Payload):
    """length: as announced, None for a chunked body. sent: called when all of it has been written. failed:
    told why it has not; what it is not told is that the upstream has gone."""

    def __init__(
        self,
        body: RequestBody,
        length: int | None,
        *,
        write_s: float,
        socket: Callable[[], Socket],
        sent: Callable[[], None],
        failed: Callable[[Exception], None],
    ) -> None:
        super().__init__(body)
        self._body = body
        self._length = length
        self._write_s = write_s
        self._socket = socket
        self._sent = sent
        self._failed = failed

    @property
    def size(self) -> int | None:
        return self._length

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        raise TypeError("a body that comes once cannot be looked at")

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Raises whatever prevents it, so that aiohttp does not write an end."""
        try:
            writer.send_headers()  # which it would keep back until the first chunk has come
            await self._write(writer)
        except OSError:
            raise  # the upstream closed; what it had to say, if anything, is being read
        except Exception as error:
            self._failed(error)
            raise
        finally:
            self._body.discard()
        self._sent()

    async def _write(self, writer: AbstractStreamWriter) -> None:
        written, length, socket = 0, self._length, self._socket()
        async for chunk in self._body:
            written += len(chunk)
            if length is not None and written > length:
                break
            await writer.write(chunk, drain=False)  # type: ignore[call-arg]  # StreamWriter's own
            while socket.writing_paused:
                await self._drained(writer, socket)
        if length is not None and written != length:
            raise BadRequest("the request body does not fit its Content-Length")

    async def _drained(self, writer: AbstractStreamWriter, socket: Socket) -> None:
        waiting = _unsent(socket)
        try:
            async with asyncio.timeout(self._write_s):
                await writer.drain()
        except TimeoutError:
            if _unsent(socket) >= waiting:
                raise WriteTimeout from None


def _unsent(socket: Any) -> int:
    return 0 if socket.transport is None else socket.transport.get_write_buffer_size()
