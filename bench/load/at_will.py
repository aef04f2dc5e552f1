"""A client that reads when it is told to: what it leaves unread holds back whoever sends."""

from __future__ import annotations

import asyncio
import socket
import time
from typing import Self

from bench.load.expect import Address
from bench.load.response import Mismatch, Response, ResponseReader

__all__ = ["AtWill"]

_READ = 4096
# The kernel doubles it. What it holds for the client is the client's own: with the usual buffers, which grow
# to megabytes, a slow reader would be one only after minutes.
_BUFFER = 8192


class AtWill:
    """One request on a connection of its own; nothing is read beyond what is asked for."""

    def __init__(self, own: socket.socket) -> None:
        self._socket = own
        self._reader = ResponseReader()

    @classmethod
    async def ask(cls, address: Address, request: bytes) -> Self:
        """Connect and send. Raises Mismatch when the connection is refused."""
        own = socket.socket(socket.AF_INET6 if ":" in address.host else socket.AF_INET)
        own.setblocking(False)
        own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        loop = asyncio.get_running_loop()
        try:
            await loop.sock_connect(own, tuple(address))
            await loop.sock_sendall(own, request)
        except OSError as error:
            own.close()
            raise Mismatch("connection", f"cannot connect: {error.strerror}") from None
        except BaseException:
            own.close()
            raise
        return cls(own)

    async def read(self, most: int = _READ) -> Response | None:
        """Read once; return what has come of the response so far, None before the end of its head.

        Raises Mismatch when it is no 200, or when it ends: nothing that is asked for here does.
        """
        try:
            data = await asyncio.get_running_loop().sock_recv(self._socket, most)
        except OSError as error:
            raise Mismatch("connection", f"lost: {error.strerror}") from None
        if not data or self._reader.feed(data) is not None:
            raise Mismatch("truncated", "the response ended by itself")
        found = self._reader.partial
        if found is not None and found.head.status != 200:
            raise Mismatch("status", f"{found.head.status} instead of 200")
        return found

    async def body(self, least: int) -> bytes:
        """Read until that much of the body has come, with 0 until the head has; return what has come."""
        while (found := await self.read()) is None or len(found.body) < least:
            pass
        return found.body

    def leave(self) -> int:
        """Close, and return when, in ns of the clock that the origin shares."""
        now_ns = time.monotonic_ns()
        self._socket.close()
        return now_ns
