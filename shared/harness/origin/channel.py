"""Exact bytes over one TCP connection, with or without TLS; both ends of the contract suite stand on it.

No HTTP library and no stream object sits between a case and the socket: a stream reads ahead into a buffer of
its own, and then "the other side has stopped reading" cannot be said. Here nothing is read unasked.
"""

import asyncio
import collections
import contextlib
import dataclasses
import socket
import ssl
import struct
import time
from collections.abc import Awaitable, Callable
from typing import Literal, TypeVar

__all__ = ["WAIT_S", "Channel", "Event", "LateError", "readable", "within"]

T = TypeVar("T")

WAIT_S = 5.0
"""Seconds that any single wait may take unless its caller says otherwise."""

_KEPT_BYTES = 2048  # of each event; the rest is counted, and bodies are hashed where they are read
_KEPT_EVENTS = 4096


class LateError(TimeoutError):
    """A wait passed its deadline; the message says what was waited for."""


async def within(deadline_s: float, what: str, wait: Awaitable[T]) -> T:
    """Wait, but not for ever.

    Raises: LateError, naming `what`, after `deadline_s` seconds.
    """
    try:
        async with asyncio.timeout(deadline_s):
            return await wait
    except TimeoutError as error:
        if isinstance(error, LateError):
            raise
        raise LateError(f"waited {deadline_s:g} s for {what}") from None


@dataclasses.dataclass(frozen=True, slots=True)
class Event:
    """Something that happened on a connection: `data` went out or came in (its first bytes), or a note."""

    at_s: float
    kind: Literal["out", "in", "note"]
    data: bytes
    size: int


class Channel:
    """One connected socket: bytes out as the kernel takes them, bytes in as they come, and a record of both.

    sent, received: plain bytes so far. closed_by ("us", "peer"), closed_how ("FIN", "RST"): once either has.
    """

    def __init__(
        self, sock: socket.socket, tls: ssl.SSLContext | None = None, *, server_name: str | None = None
    ):
        sock.setblocking(False)
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sock = sock
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls: ssl.SSLObject | None = None
        if tls is not None:
            self.tls = tls.wrap_bio(
                self._incoming, self._outgoing, server_side=server_name is None, server_hostname=server_name
            )
        self.local_port: int = sock.getsockname()[1]
        self.events: collections.deque[Event] = collections.deque(maxlen=_KEPT_EVENTS)
        self.sent = self.received = 0
        self.closed_by: Literal["us", "peer"] | None = None
        self.closed_how: Literal["FIN", "RST"] | None = None
        self.closed_at_s: float | None = None
        self.on_closed: Callable[[], None] | None = None

    @property
    def open(self) -> bool:
        """Neither side has closed, as far as anyone has looked."""
        return self.closed_by is None

    def note(self, text: str) -> None:
        self.events.append(Event(time.monotonic(), "note", text.encode(), 0))

    async def handshake(self) -> None:
        """TLS only. Raises: ssl.SSLError, ConnectionError."""
        while self.tls is not None:
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
                raw = await self._pull(65536)
                if not raw:
                    raise ConnectionResetError("closed during the TLS handshake") from None
                self._incoming.write(raw)
                continue
            finally:
                await self._flush()
            return

    async def send(self, data: bytes) -> None:
        """Return when the kernel has taken every byte; `sent` grows as it does, also when this is cancelled.

        Raises: ConnectionError when the other side has closed, or both have.
        """
        view = memoryview(data)
        self.events.append(Event(time.monotonic(), "out", bytes(view[:_KEPT_BYTES]), len(view)))
        try:
            if self.tls is not None:
                self.tls.write(view)
                await self._flush()
                self.sent += len(view)
            while self.tls is None and view:
                taken = await self._push(view)
                self.sent += taken
                view = view[taken:]
        except (ConnectionResetError, BrokenPipeError):
            self._ended("peer", "RST")
            raise

    async def receive(self, limit: int = 65536) -> bytes:
        """What has come, at most `limit` bytes; b"" after FIN. Raises: ConnectionResetError after RST."""
        if self.closed_by == "peer":  # told once more to whoever asks again: the socket may be gone by now
            if self.closed_how == "RST":
                raise ConnectionResetError("the other side reset the connection")
            return b""
        try:
            data = await (self._receive_tls(limit) if self.tls else self._pull(limit))
        except ConnectionError:
            self._ended("peer", "RST")
            raise ConnectionResetError("the other side reset the connection") from None
        if data:
            self.received += len(data)
            self.events.append(Event(time.monotonic(), "in", data[:_KEPT_BYTES], len(data)))
        else:
            self._ended("peer", "FIN")
        return data

    async def peer_closed(self, deadline_s: float = WAIT_S) -> Literal["FIN", "RST"]:
        """Drop whatever still comes until the other side closes; say how it did. Raises: LateError."""

        async def drain() -> Literal["FIN", "RST"]:
            try:
                while await self.receive():
                    pass
            except ConnectionResetError:
                return "RST"
            return "FIN"

        return await within(deadline_s, "the other side to close", drain())

    def narrow(self, size: int = 65536) -> None:
        """Let the kernel buffer little on this end, so that back-pressure is felt soon and is the proxy's."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size)

    async def goodbye(self) -> None:
        """TLS only: close_notify, the orderly end of what we send; the TCP connection is left open."""
        assert self.tls is not None
        with contextlib.suppress(ssl.SSLError):  # it would like to have the other side's
            self.tls.unwrap()
        await self._flush()

    def finish(self) -> None:
        """Half-close: nothing more will be sent, reading goes on."""
        self.note("half-closed")
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """FIN, and RST to whatever the other side still sends."""
        self._close("FIN")

    def reset(self) -> None:
        """RST at once: what a killed process or a crashed host's router sends."""
        if self._sock.fileno() >= 0:
            # SO_LINGER on with zero seconds is the one portable way to make close() send RST (socket(7)).
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._close("RST")

    def _close(self, how: Literal["FIN", "RST"]) -> None:
        if self._sock.fileno() < 0:
            return
        with contextlib.suppress(RuntimeError):  # no loop runs: nothing can be registered
            # A number that is closed while the loop still watches it would be watched for its next owner.
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._sock)
            loop.remove_writer(self._sock)
        self._ended("us", how)
        self._sock.close()

    def _ended(self, by: Literal["us", "peer"], how: Literal["FIN", "RST"]) -> None:
        if self.closed_by is None:
            self.closed_by, self.closed_how, self.closed_at_s = by, how, time.monotonic()
            self.note(f"{'closed by us' if by == 'us' else 'closed by the other side'} ({how})")
            if self.on_closed is not None:
                self.on_closed()

    # Neither asks the loop's sock_recv or sock_sendall: a wait that is cancelled in the moment its bytes come
    # would lose them there. Here a cancelled wait has taken nothing.

    async def _push(self, view: memoryview) -> int:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(0)  # a fast reader would otherwise keep the loop from everyone else
            if self._sock.fileno() < 0:  # told as the kernel would tell it of a socket that is still there
                raise BrokenPipeError("the connection is closed")
            try:
                return self._sock.send(view)
            except (BlockingIOError, InterruptedError):
                await _called_back(loop.add_writer, loop.remove_writer, self._sock)

    async def _pull(self, limit: int) -> bytes:
        while True:
            await asyncio.sleep(0)  # and so would a fast writer
            try:
                return self._sock.recv(limit)
            except (BlockingIOError, InterruptedError):
                await readable(self._sock)

    async def _receive_tls(self, limit: int) -> bytes:
        assert self.tls is not None
        while True:
            try:
                return self.tls.read(limit)
            except ssl.SSLWantReadError:
                raw = await self._pull(65536)
                if not raw:
                    return b""
                self._incoming.write(raw)
            except ssl.SSLZeroReturnError:
                return b""
            except ssl.SSLError as error:
                if "ALERT" not in (error.reason or ""):
                    raise
                # A fatal alert is the other side's last word: it has to close at once (RFC 8446 §6.2).
                self.note(f"alert: {error.reason}")
                while await self._pull(65536):
                    pass
                return b""

    async def _flush(self) -> None:
        while self._outgoing.pending:
            view = memoryview(self._outgoing.read())
            while view:
                view = view[await self._push(view) :]


async def readable(sock: socket.socket) -> None:
    """Return once the socket has something to be taken, and take nothing."""
    loop = asyncio.get_running_loop()
    await _called_back(loop.add_reader, loop.remove_reader, sock)


async def _called_back(
    add: Callable[[socket.socket, Callable[[], None]], None],
    remove: Callable[[socket.socket], object],
    sock: socket.socket,
) -> None:
    """Return once the loop calls back for this socket."""
    ready = asyncio.get_running_loop().create_future()
    add(sock, lambda: None if ready.done() else ready.set_result(None))
    try:
        await ready
    finally:
        if sock.fileno() >= 0:  # closing it has removed it
            remove(sock)
