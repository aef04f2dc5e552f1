"""An upstream of real sockets that a test scripts; it sees every byte and every close."""

import asyncio
import contextlib
import fcntl
import socket
import ssl
import struct
import sys
import termios
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias

from shared.client import Client
from shared.messages import Headers, UpstreamRequest, UpstreamResponse
from shared.settings import parse
from shared.upstream import Upstream, open_upstream
from tests.unit.asgi import FakeServer, chunk, end

__all__ = [
    "CHUNKED",
    "ENGINES",
    "HALF",
    "HELLO",
    "PATIENT_S",
    "SHORT_S",
    "Connection",
    "Origin",
    "Script",
    "after_head",
    "after_upload",
    "answering",
    "asking",
    "engine_for",
    "origin",
    "read",
    "upload",
]

ENGINES = ("httpx2", "httpx", "wire", "aiohttp")
SHORT_S = 0.15  # a timeout that a test waits for
PATIENT_S = 1.5  # one that it has to stay within first: a busy machine stands still for a second
_NEVER_S = 600  # what was to be closed is not closed by this
CHUNKED: Headers = [(b"Transfer-Encoding", b"chunked")]
HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"


class Connection:
    """One accepted connection. `received` is everything read from it so far."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.received = b""
        self._taken = 0

    async def until(self, mark: bytes) -> bytes:
        """Read on to the mark; what came since the last call, mark included."""
        while (at := self.received.find(mark, self._taken)) < 0:
            piece = await self.reader.read(65536)
            if not piece:
                raise EOFError(f"ended before {mark!r}: {self.received[self._taken :]!r}")
            self.received += piece
        taken, self._taken = self._taken, at + len(mark)
        return self.received[taken : self._taken]

    async def head(self) -> bytes:
        return await self.until(b"\r\n\r\n")

    async def gone(self) -> bytes:
        """Wait for the other side to close; what came until then."""
        with contextlib.suppress(ConnectionError):
            while piece := await self.reader.read(65536):
                self.received += piece
        return self.received[self._taken :]

    async def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()

    async def delivered(self) -> None:
        """Wait until the other side's kernel has it all: on a busy machine even a loopback takes a while."""
        sock: socket.socket = self.writer.get_extra_info("socket")
        while sys.platform == "linux" and fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4)) != bytes(4):
            await asyncio.sleep(0.001)

    def reset(self) -> None:
        """Close with RST."""
        sock: socket.socket = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    def close(self) -> None:
        """Close with FIN."""
        self.writer.close()


Script: TypeAlias = Callable[[Connection], Awaitable[None]]


class Origin:
    """A listening origin. A connection whose script has returned is open until the other side closes it."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._tasks: set[asyncio.Task[None]] = set()
        self.connections: list[Connection] = []
        self.open = 0
        self.handshakes_failed = 0
        self.port = 0

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(reader, writer)
        self.connections.append(connection)
        self.open += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with contextlib.suppress(ConnectionError, EOFError):
                await self._script(connection)
            await connection.gone()
        except asyncio.CancelledError:
            pass  # the end of the test
        finally:
            self.open -= 1
            self._tasks.discard(task)
            writer.transport.abort()

    @contextlib.asynccontextmanager
    async def listening(self, tls: ssl.SSLContext | None = None) -> AsyncIterator["Origin"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            if self._tasks:
                await asyncio.wait(self._tasks)


def origin(
    script: Script, tls: ssl.SSLContext | None = None
) -> contextlib.AbstractAsyncContextManager[Origin]:
    return Origin(script).listening(tls)


def answering(*answers: bytes) -> Script:
    """Answer the n-th request of each connection with the n-th bytes, further ones with the last."""

    async def script(connection: Connection) -> None:
        for number in range(10**6):
            await connection.head()
            await connection.send(answers[min(number, len(answers) - 1)])

    return script


def after_head(*pieces: bytes, then: Callable[[Connection], None] | None = None) -> Script:
    async def script(connection: Connection) -> None:
        await connection.head()
        await connection.send(*pieces)
        if then is not None:
            then(connection)

    return script


async def after_upload(connection: Connection) -> None:
    await connection.until(b"0\r\n\r\n")
    await connection.send(HELLO)


@contextlib.asynccontextmanager
async def engine_for(
    name: str, port: int, *, host: str = "127.0.0.1", scheme: str = "http", **settings: Any
) -> AsyncIterator[Upstream]:
    """The engine in front of that port. `connect_timeout=0.2` is TANDEM_CONNECT_TIMEOUT."""
    env = {"TANDEM_UPSTREAM_URL": f"{scheme}://{host}:{port}", "TANDEM_ENGINE": name}
    env |= {"TANDEM_KEEPALIVE_EXPIRY": str(_NEVER_S)}
    env |= {f"TANDEM_{key.upper()}": str(value) for key, value in settings.items()}
    upstream = open_upstream(parse(env))
    try:
        yield upstream
    finally:
        await upstream.aclose()


def asking(
    target: bytes = b"/",
    *,
    method: bytes = b"GET",
    headers: Headers | None = None,
    body: Client | None = None,
) -> UpstreamRequest:
    return UpstreamRequest(method, target, [(b"Host", b"origin.test"), *(headers or [])], body)


def upload(*pieces: bytes, whole: bool = True, limit: int = 0) -> Client:
    """A client that uploads these; one that is not whole goes on for ever, unless its server says more."""
    server = FakeServer(*[chunk(piece) for piece in pieces], *([end()] if whole else []))
    client = Client(server.receive, limit=limit)
    client.start()
    return client


async def read(answer: UpstreamResponse) -> bytes:
    """The whole body, closed after it."""
    try:
        return b"".join([piece async for piece in answer.body])
    finally:
        await answer.body.aclose()
