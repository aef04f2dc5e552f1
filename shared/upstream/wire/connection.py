"""One connection to the upstream: an asyncio protocol around a ResponseReader.

              begin                     reuse (state.may_be_reused says when)
        idle ------> exchanging ------------------------------------------> idle
          |              |
          | bytes, end,  | lost,
          | lost, abort  | abort
          `--------------+--> closed

    state \\ event   begin        bytes        end          lost     reuse   abort
    idle            exchanging   closed       closed       closed   -       closed
    exchanging      -            exchanging   exchanging   closed   idle    closed
    closed          -            closed       closed       closed   -       closed

state.py holds that table; what stands as "-" cannot happen, and raises. What arrives is read into one buffer
that all connections share, parsed at once, and held as chunks; past HIGH_WATER bytes of them the socket rests
until somebody takes them, unless they are the last. Writing waits only while the transport's buffer is over
its mark.
"""

import asyncio
import ssl
from collections.abc import Callable
from typing import cast

from shared.errors import (
    BodyIncomplete,
    ReadTimeout,
    ResponseTimeout,
    Terminated,
    UpstreamError,
    WriteTimeout,
)
from shared.messages import Interim
from shared.upstream.connect import connect_failure
from shared.upstream.waiter import Waiter
from shared.upstream.wire.response import ResponseReader
from shared.upstream.wire.state import TRANSITIONS, Event, State, may_be_reused

__all__ = ["HIGH_WATER", "READ", "Connection"]

HIGH_WATER = 64 * 1024  # bytes held before the socket rests
READ = 2 * HIGH_WATER  # at most in one read, so that a body of HIGH_WATER comes with its head


class Connection(asyncio.BufferedProtocol):
    """lost: called when the connection has ended, whoever ended it; more than once when bytes or an end that
    nobody asked for ended it.

    state: as drawn above. used: exchanges begun. loop: the running one.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, buffer: memoryview, lost: "Callable[[Connection], None]"
    ) -> None:
        self.loop = loop
        self._buffer = buffer
        self._lost = lost
        self._transport: asyncio.Transport  # from connection_made() on, before which nobody has this
        self._reader: ResponseReader | None = None  # of the exchange that goes on
        self._interim: Interim | None = None  # who wants to hear of its 1xx
        self._failure: Exception | None = None  # why there is nothing more to take
        self._held = 0
        self._resting = False  # reading is paused
        self._full = False  # writing is paused
        self._sent = True  # the request, whole
        self._head = b""  # of a request whose body may come with it
        self._answer_by: float | None = None  # when the response's head has to be there
        self._arrived = Waiter(loop)
        self._drained = Waiter(loop)
        self.state: State = "idle"
        self.used = 0

    @property
    def closed(self) -> bool:
        return self.state == "closed"

    def _happens(self, event: Event) -> None:
        self.state = TRANSITIONS[self.state][event]

    # the transport's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        # Until begin(): what an upstream says, or that it closes, as soon as it has accepted is for whoever
        # asks first. (uvloop may have read it by now: then the connection is closed before it is used.)
        self._transport.pause_reading()

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        reader = self._reader
        if reader is None:
            self._unasked("bytes")
            return
        had = len(reader.chunks)
        try:
            reader.feed(self._buffer[:nbytes])
        except UpstreamError as error:
            self._fail(error)
        if reader.interim and self._interim is not None:
            self._tell(reader, self._interim)
        if len(reader.chunks) > had:
            self._held += nbytes  # with its framing, so rather too much than too little
            if self._held > HIGH_WATER and not self._resting and not reader.ended:
                self._resting = True
                self._transport.pause_reading()
        self._arrived.wake()

    def _tell(self, reader: ResponseReader, interim: Interim) -> None:
        told, reader.interim = reader.interim, []
        for status, headers in told:
            interim(status, headers)

    def eof_received(self) -> bool:
        if self._reader is None:
            self._unasked("end")
            return False
        self._happens("end")
        tls = self._transport.get_extra_info("ssl_object")
        try:
            if tls is not None and not self._reader.ended and _is_cut(tls):
                raise self._meaning(None)
            self._reader.end()
        except UpstreamError as error:
            self._fail(error)
        self._arrived.wake()
        return tls is None  # TLS cannot be half open

    def connection_lost(self, exc: Exception | None) -> None:
        self._happens("lost")
        if self._reader is not None and not self._reader.ended:
            self._fail(self._meaning(exc))
        self._arrived.wake()
        self._drained.wake()
        self._lost(self)

    def _unasked(self, event: Event) -> None:
        """Something came while nobody asked for anything."""
        was = self.state
        self._happens(event)
        if was == "idle":
            # Told at once, not when the transport says so a turn later: nobody may take it in between.
            self.abort()
            self._lost(self)

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        self._drained.wake()

    def _meaning(self, exc: Exception | None) -> UpstreamError:
        assert self._reader is not None
        if isinstance(exc, ssl.SSLError) and not self._reader.headed:
            # TLS 1.3: what the upstream thinks of our certificate comes as an alert after the handshake.
            return connect_failure(exc)
        return BodyIncomplete() if self._reader.headed else Terminated()

    def _fail(self, error: Exception) -> None:
        if self._failure is None and self._reader is not None:  # who else would be told
            self._failure = error

    # the exchange's side

    def begin(
        self, head: bytes, *, to_head: bool, sent: bool, interim: Interim | None = None
    ) -> ResponseReader:
        """Write a request's head and read its response from now on. The connection must be idle.

        sent: the head is all there is. Otherwise it leaves with the first write(), or write_head(), and
        sent_whole() says when all has. interim: hears of each 1xx as it comes. Raises Terminated when it has
        ended before it was used.
        """
        if self.state == "closed":
            raise Terminated
        self.state = TRANSITIONS[self.state]["begin"]
        self._interim = interim
        self._reader = reader = ResponseReader(to_head=to_head)
        self._sent = sent
        self._failure = None
        self._held = 0
        self.used += 1
        if self.used == 1:
            self._transport.resume_reading()
        self._answer_by = None
        if sent:
            self._transport.write(head)
        else:
            self._head = head
        return reader

    def write_head(self) -> None:
        """Wait no longer for something to send with it."""
        if self._head and not self.closed:
            head, self._head = self._head, b""
            self._transport.write(head)

    async def write(self, data: bytes, timeout: float) -> None:
        """Returns when there is room for more. Raises WriteTimeout when none was made in time, Terminated."""
        transport = self._transport
        if self.closed:
            raise Terminated
        if self._head:
            data = self._head + data
            self._head = b""
        transport.write(data)
        while self._full:
            before = transport.get_write_buffer_size()
            if not await self._drained.wait(timeout) and transport.get_write_buffer_size() >= before:
                raise WriteTimeout
            if self.closed:
                raise Terminated

    def sent_whole(self, timeout: float) -> None:
        """The request's last byte has been handed to the socket. Its response is to begin in so many
        seconds."""
        self._sent = True
        self._answer_by = self.loop.time() + timeout
        assert self._reader is not None  # who ends the exchange sooner closes the connection
        if not self._reader.headed:
            self._arrived.expect(self._answer_by)

    async def head(self, reader: ResponseReader, timeout: float) -> None:
        """Returns when `reader` has its head. Raises whatever prevents it, ResponseTimeout `timeout` seconds
        after the request has been sent."""
        while not reader.headed:
            if self._failure is not None:
                raise self._failure
            if not self._sent:
                left = None
            elif self._answer_by is None:
                self._answer_by, left = self.loop.time() + timeout, timeout
            else:
                left = self._answer_by - self.loop.time()
            if not await self._arrived.wait(left):
                raise ResponseTimeout

    async def more(self, reader: ResponseReader, timeout: float | None) -> None:
        """Returns when there is something to take, or the body has ended. Raises BodyIncomplete,
        ReadTimeout."""
        while not reader.chunks and not reader.ended:
            if self._failure is not None:
                raise self._failure
            if not await self._arrived.wait(timeout):
                raise ReadTimeout

    def take(self, reader: ResponseReader) -> bytes:
        """All that has come of the body since the last call."""
        chunks = reader.chunks
        data = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        chunks.clear()
        self._held = 0
        if self._resting and not self.closed:
            self._resting = False
            self._transport.resume_reading()
        return data

    def cut(self, error: Exception) -> None:
        """End the exchange because of `error`, which is what its reader is told."""
        self._fail(error)
        self.abort()
        self._arrived.wake()

    def finish(self) -> bool:
        """The exchange is over. Returns whether the connection is idle and may carry another; closes it
        otherwise."""
        reader, self._reader = self._reader, None
        if reader is None or not may_be_reused(
            is_open=self.state != "closed",
            sent=self._sent,
            whole=reader.ended,
            kept=reader.keep_alive,
            followed=reader.followed,
        ):
            self.abort()
            self._failure = BodyIncomplete()  # for who still waits; the other's traceback leads back to this
            if reader is not None:
                reader.close()
            return False
        self.state = TRANSITIONS[self.state]["reuse"]
        return True

    def abort(self) -> None:
        """Close at once: what has not been written by now is not worth waiting for."""
        self._happens("abort")
        self._arrived.close()
        self._drained.close()
        self._transport.abort()


def _is_cut(tls: ssl.SSLObject) -> bool:
    """Whether the connection ended and TLS did not: a body that ends with it may have lost its end to anybody
    on the way (RFC 9112 section 9.8). uvloop tells of that as a loss, asyncio as an end."""
    try:
        return tls.read(1) != b""
    except ssl.SSLError:
        return True
