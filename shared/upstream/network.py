"""The network backend that httpcore is given: one asyncio.Protocol per connection, no timer per read.

    transport -> buffer -> chunks (past HIGH_WATER bytes of them the socket rests) -> read()
    write() -> transport, and waits only while the transport's buffer is over its mark

httpcore's own backend goes through anyio: a cancel scope with a timer for each read and write, and a system
call for each idle connection whenever a request begins (docs/decisions/0006 has the measurement).
"""

import asyncio
import re
import ssl
from collections import deque
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, cast

from shared.upstream.connect import open_socket, transport_on
from shared.upstream.waiter import Waiter

__all__ = ["ANSWERED_S", "HIGH_WATER", "Network", "Stream", "written_to"]

HIGH_WATER = 64 * 1024  # bytes read ahead of whoever reads
ANSWERED_S = 1.0  # without progress, after which an upload that has been answered is given up

# The status line of a final response, whatever interim ones come before it.
_FINAL = re.compile(rb"(?:HTTP/1\.[01] 1[0-9]{2}.*?\r\n\r\n)*HTTP/1\.[01] ([2-9])", re.DOTALL)
_REFUSALS = (b"4", b"5")

_last_written: ContextVar["Stream"] = ContextVar("_last_written")


def written_to() -> "Stream":
    """The stream that this task has written to last. A request's body is asked for in the task that has just
    written its head, and httpcore does not tell it where."""
    return _last_written.get()


class Network:
    """httpcore's AsyncNetworkBackend; `core` is httpcore or httpcore2, whose exceptions it raises."""

    def __init__(self, core: Any) -> None:
        self._core = core
        # One for all streams: the loop fills it and tells of it in one go. (A plain Protocol would be handed
        # up to 256 KiB at a time, which is more than an exchange may hold.)
        self._buffer = memoryview(bytearray(HIGH_WATER))

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: Any = None,
        socket_options: Any = None,
    ) -> "Stream":
        """Raises ConnectTimeout or ConnectError. httpcore names the last two parameters; nobody sets them."""
        loop = asyncio.get_running_loop()
        deadline = None if timeout is None else loop.time() + timeout
        try:
            async with asyncio.timeout_at(deadline):
                sock = await open_socket(host, port)
                stream = Stream(self._core, loop, self._buffer, deadline)
                await transport_on(sock, stream)
        except TimeoutError as error:
            raise self._core.ConnectTimeout("no connection in time") from error
        except OSError as error:
            raise self._core.ConnectError(str(error)) from error
        return stream

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Stream(asyncio.BufferedProtocol):
    """httpcore's AsyncNetworkStream, and the protocol of its own transport."""

    def __init__(
        self, core: Any, loop: asyncio.AbstractEventLoop, buffer: memoryview, deadline: float | None
    ) -> None:
        self._core = core
        self._connect_by = deadline
        self._buffer = buffer
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._chunks: deque[bytes] = deque()
        self._held = 0
        self._resting = False  # reading is paused
        self._ended = False  # nothing more will be read
        self._lost: BaseException | None = None
        self._closed = False
        self._reader = Waiter(loop)
        self._writer = Waiter(loop)
        self._full = False  # writing is paused
        self._in_vain: Callable[[], None] | None = None
        self._idle = False  # between two exchanges

    # the protocol's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self._chunks.append(bytes(self._buffer[:nbytes]))
        self._held += nbytes
        if self._held > HIGH_WATER and not self._resting and self._transport is not None:
            self._resting = True
            self._transport.pause_reading()
        self._reader.wake()
        if self._full and len(self._chunks) == 1:  # an answer may have begun: see write()
            self._writer.wake()
        self._look()
        if self._idle:
            self._abandon()

    def eof_received(self) -> bool:
        self._ended = True
        self._reader.wake()
        self._look()
        if self._idle:
            self._abandon()
        # Half open, where that exists: an upload may still be wanted.
        return self._transport is not None and self._transport.get_extra_info("ssl_object") is None

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended = self._closed = True
        self._lost = exc
        self._reader.wake()
        self._writer.wake()
        self._look()

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        self._writer.wake()

    # httpcore's side

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """The next bytes, b"" at the end. Raises ReadTimeout, ReadError, ssl.SSLError."""
        while not self._chunks:
            if isinstance(self._lost, ssl.SSLError):
                raise self._lost  # the alert says what is wrong, and the pool drops causes
            if self._lost is not None:
                raise self._core.ReadError(str(self._lost)) from self._lost
            if self._ended:
                return b""
            if not await self._reader.wait(timeout):
                raise self._core.ReadTimeout("nothing came in time")
        data = self._chunks.popleft()
        if len(data) > max_bytes:
            self._chunks.appendleft(data[max_bytes:])
            data = data[:max_bytes]
        self._held -= len(data)
        if (
            self._resting
            and self._held <= HIGH_WATER // 2
            and not self._closed
            and self._transport is not None
        ):
            self._resting = False
            self._transport.resume_reading()
        return data

    def idle(self, extra: bytes) -> None:
        """The exchange is over; `extra` is what read() gave of what nobody has asked for.

        Until the next write(), a stream that has any of that, or whose other side has closed, is closed (RFC
        9112 section 9.5): httpcore looks at its idle connections when it is asked for one, and till then they
        would stand in CLOSE_WAIT.
        """
        self._idle = True
        if extra or self._chunks or self._ended:
            self._abandon()

    def _abandon(self) -> None:
        self._ended = True  # which the pool takes for readable, and drops the connection
        if self._transport is not None:
            self._transport.abort()

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Returns when there is room for more. Raises WriteTimeout when none was made in time, WriteError.

        An upstream that has answered and takes no more (Node leaves an upload unread that nobody asked for)
        will not make room: after ANSWERED_S that is a WriteError, at which httpcore goes on to the answer.
        """
        _last_written.set(self)
        self._idle = False
        if buffer and not self._closed and self._transport is not None:
            self._transport.write(buffer)
        while self._full and not self._closed:
            waiting = self._unsent()
            patience_s = min(ANSWERED_S, timeout or ANSWERED_S) if self._answer() else timeout
            if not await self._writer.wait(patience_s) and self._unsent() >= waiting:
                if self._answer():
                    raise self._core.WriteError("the other side has answered and takes no more")
                raise self._core.WriteTimeout("the other side takes nothing")
        if self._closed:
            raise self._core.WriteError("the connection is closed")

    def tell(self, in_vain: Callable[[], None] | None) -> None:
        """While an upload goes on: call this when the rest of it is in vain, now or later. The
        other side has gone, or has answered with an error before the end (curl stops at that, too; whoever
        answers with success may go on reading)."""
        self._in_vain = in_vain
        self._look()

    def _look(self) -> None:
        if self._in_vain is None:
            return
        answer = self._answer()
        if self._closed or (self._ended and not answer) or answer in _REFUSALS:
            in_vain, self._in_vain = self._in_vain, None
            in_vain()

    def _answer(self) -> bytes:
        """The class of the final status that waits to be read, b"" while there is none."""
        found = _FINAL.match(b"".join(self._chunks)) if self._chunks else None
        return found[1] if found else b""

    def _unsent(self) -> int:
        return self._transport.get_write_buffer_size() if self._transport is not None else 0

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> "Stream":
        """The same stream, encrypted from here on. Raises ConnectTimeout, ConnectError.

        httpcore gives the handshake the connect timeout anew; here both share one.
        """
        assert self._transport is not None
        try:
            async with asyncio.timeout_at(self._connect_by):
                self._transport = await self._loop.start_tls(
                    self._transport, self, ssl_context, server_hostname=server_hostname
                )
        except BaseException as error:
            await self.aclose()
            if isinstance(error, TimeoutError):
                raise self._core.ConnectTimeout("no TLS session in time") from error
            if isinstance(error, OSError):
                raise self._core.ConnectError(str(error)) from error
            raise
        if self._transport is None:
            raise self._core.ConnectError("closed during the TLS handshake")
        return self

    async def aclose(self) -> None:
        """At once: what has not been written by now is not worth waiting for."""
        self._closed = self._ended = True
        self._reader.close()
        self._writer.close()
        if self._transport is not None:
            self._transport.abort()

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":
            # httpcore asks this of idle connections: is there something that nobody asked for, an end or
            # bytes?
            return self._ended or bool(self._chunks)
        return None if self._transport is None else self._transport.get_extra_info(info)
