"""An upstream on real sockets whose pages are coroutines; it sees who connects, asks and leaves."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Self, TypeAlias

from tests.unit.aio import eventually

__all__ = ["Origin", "Page", "Reply", "bound", "endless", "held", "page", "raw"]

Page: TypeAlias = Callable[["Reply"], Awaitable[None]]

# The kernel would take 4 MB off an origin's hands before the other side has read a byte (tcp(7), tcp_wmem):
# with a small buffer, what was written is what was sent.
_SEND_BUFFER = 16 * 1024


def bound() -> socket.socket:
    """A listening socket on 127.0.0.1 with a small send buffer, which its connections inherit."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
    sock.bind(("127.0.0.1", 0))
    sock.listen()
    return sock


class Reply:
    """What a page writes to; `released` is set by Origin.release(path)."""

    def __init__(self, path: str, writer: asyncio.StreamWriter, released: asyncio.Event) -> None:
        self.path = path
        self.released = released
        self.written = 0
        self._writer = writer

    async def write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()
        self.written += len(data)

    def cut(self) -> None:
        """The connection ends here."""
        self._writer.close()


class Origin:
    """An async context manager; a path without a page is answered with 200 and its own name.

    `heads` are the request heads in the order of their arrival, `paths` their targets. `busy` are the paths
    that are being answered, `left` those whose client closed the connection meanwhile.
    """

    def __init__(self, pages: Mapping[str, Page] | None = None, sock: socket.socket | None = None) -> None:
        self._pages = dict(pages or {})
        self._sock = sock or bound()
        self._writers: set[asyncio.StreamWriter] = set()
        self._released: dict[str, asyncio.Event] = {}
        self.url = f"http://127.0.0.1:{self._sock.getsockname()[1]}"
        self.heads: list[bytes] = []
        self.accepted = 0
        self.busy: list[str] = []
        self.most_busy = 0
        self.left: list[str] = []
        self.written: dict[str, int] = {}

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, sock=self._sock)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await eventually(lambda: not self._writers, "the origin's connections end")

    @property
    def paths(self) -> list[str]:
        return [head.split(b" ")[1].decode() for head in self.heads]

    @property
    def open(self) -> int:
        """Connections that nobody has closed."""
        return len(self._writers)

    def release(self, *paths: str) -> None:
        """Let held pages go on."""
        for path in paths:
            self._event(path).set()

    async def asked(self, *paths: str) -> None:
        """Returns once each of these paths has been asked for."""
        await eventually(lambda: set(paths) <= set(self.paths), f"requests for {paths}")

    def _event(self, path: str) -> asyncio.Event:
        return self._released.setdefault(path, asyncio.Event())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        self.accepted += 1
        writer.transport.set_write_buffer_limits(0)
        ahead = b""
        try:
            while not writer.is_closing():
                head = ahead + await reader.readuntil(b"\r\n\r\n")
                self.heads.append(head)
                ahead = await self._answer(Reply(self.paths[-1], writer, self._event(self.paths[-1])), reader)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    async def _answer(self, reply: Reply, reader: asyncio.StreamReader) -> bytes:
        """Run the page, or stop it when the client leaves. Returns what was read ahead of the next head."""
        self.busy.append(reply.path)
        self.most_busy = max(self.most_busy, len(self.busy))
        running = asyncio.ensure_future(self._pages.get(reply.path, page())(reply))
        leaving = asyncio.ensure_future(reader.read(1))
        try:
            await asyncio.wait((running, leaving), return_when=asyncio.FIRST_COMPLETED)
            if not running.done() and leaving.result() == b"":
                raise ConnectionResetError
            await running
        except ConnectionError:
            self.left.append(reply.path)
            raise
        finally:
            self.busy.remove(reply.path)
            self.written[reply.path] = reply.written
            for task in (running, leaving):
                task.cancel()
            await asyncio.wait((running, leaving))
            if not running.cancelled():
                running.exception()  # a write that failed because the client left has been reported above
        return b"" if leaving.cancelled() else leaving.result()


def page(
    body: bytes | None = None, *, status: int = 200, headers: str = "", length: int | None = None
) -> Page:
    """A whole response; `length` is what Content-Length says when that is not the body's."""

    async def answer(reply: Reply) -> None:
        content = reply.path.encode() if body is None else body
        said = len(content) if length is None else length
        fields = f"Content-Length: {said}\r\n{headers}\r\n"
        await reply.write(f"HTTP/1.1 {status} X\r\n{fields}".encode() + content)
        if said != len(content):
            reply.cut()

    return answer


def raw(*pieces: bytes, cut: bool = True) -> Page:
    """Bytes as they stand, one write each, then perhaps the end of the connection."""

    async def answer(reply: Reply) -> None:
        for piece in pieces:
            await reply.write(piece)
            await asyncio.sleep(0.002)  # lets the other side read pieces; nothing depends on it
        if cut:
            reply.cut()

    return answer


def held(then: Page | None = None) -> Page:
    """Says nothing until it is released."""

    async def answer(reply: Reply) -> None:
        await reply.released.wait()
        await (then or page())(reply)

    return answer


def endless(piece: bytes = b"x" * 1024, *, charset: str = "utf-8") -> Page:
    """A chunked body that does not end."""

    async def answer(reply: Reply) -> None:
        fields = f"Content-Type: text/plain; charset={charset}\r\nTransfer-Encoding: chunked\r\n"
        await reply.write(f"HTTP/1.1 200 OK\r\n{fields}\r\n".encode())
        while True:
            await reply.write(b"%x\r\n%s\r\n" % (len(piece), piece))

    return answer
