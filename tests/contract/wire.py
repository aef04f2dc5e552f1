"""The client end of a case: exact bytes out, exact bytes in, responses read strictly, no HTTP library."""

import asyncio
import contextlib
import dataclasses
import socket

from shared.harness.origin.body import Body, Reader
from shared.harness.origin.channel import WAIT_S, Channel, LateError, within
from shared.harness.origin.http1 import IncompleteError, ResponseHead, parse_response, response_framing

__all__ = ["Client", "Response", "wire_bytes"]


def wire_bytes(*pieces: str | bytes) -> bytes:
    """Join; str is Latin-1, which is what a byte in a field value is when it is spelt as a character."""
    return b"".join(piece.encode("latin-1") if isinstance(piece, str) else piece for piece in pieces)


@dataclasses.dataclass(slots=True)
class Response:
    """A final response. `content` is what has been read of the body so far; `body` reads on.

    interim: the 1xx heads that came before it.
    """

    head: ResponseHead
    body: Body
    interim: list[ResponseHead]
    content: bytes = b""

    @property
    def status(self) -> int:
        return self.head.status

    @property
    def complete(self) -> bool:
        """The framing said that the body ended; a cut connection never makes this true, unless it is the
        framing.
        """
        return self.body.complete

    def all(self, name: str) -> list[bytes]:
        """The values of every line of that name, in order."""
        return self.head.all(name)

    def one(self, name: str) -> bytes | None:
        """The value, None when absent. Raises: MalformedError when there are several lines."""
        return self.head.one(name)

    async def some(self, size: int | None = None, deadline_s: float = WAIT_S) -> bytes:
        """Exactly `size` bytes of content, or whatever comes next.

        Raises: IncompleteError, MalformedError, LateError.
        """
        piece = self.body.exactly(size) if size is not None else self.body.some()
        data = await within(deadline_s, f"{size or 'some'} bytes of content at the client", piece)
        self.content += data
        return data

    async def rest(self, deadline_s: float = WAIT_S) -> bytes:
        """All that is left. Raises: IncompleteError, MalformedError, LateError."""
        data = await within(deadline_s, "the rest of the response body", self.body.rest())
        self.content += data
        return data

    async def to_the_end(self, deadline_s: float = WAIT_S) -> "Response":
        """Read until the body ends or is cut: `complete` and `body.cut` then tell which.

        Raises: MalformedError, LateError.
        """
        with contextlib.suppress(IncompleteError):
            while piece := await within(deadline_s, "the response body to end", self.body.some()):
                self.content += piece
        return self

    async def swallow(self, deadline_s: float = 30.0) -> "Response":
        """As `to_the_end`, keeping size and hash only."""
        with contextlib.suppress(IncompleteError):
            await within(deadline_s, "the response body to end", self.body.swallow())
        return self


class Client:
    """One connection to the proxy. Every wait is bounded."""

    def __init__(self, channel: Channel):
        self.channel = channel
        self.reader = Reader(channel)
        self.responses: list[Response] = []
        self._interim: list[ResponseHead] = []  # taken already, before the response that they came before

    @classmethod
    async def connect(
        cls, host: str, port: int, *, receive_buffer: int = 0, send_buffer: int = 0
    ) -> "Client":
        """Raises: OSError, LateError. Buffer sizes in bytes, 0 for the kernel's own."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            if receive_buffer:  # has to be set before connecting to bound the window (tcp(7))
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            if send_buffer:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
            connecting = asyncio.get_running_loop().sock_connect(sock, (host, port))
            await within(WAIT_S, f"a connection to {host}:{port}", connecting)
        except BaseException:
            sock.close()
            raise
        return cls(Channel(sock))

    async def send(self, *pieces: str | bytes, deadline_s: float = WAIT_S) -> None:
        """Raises: ConnectionError, LateError."""
        await within(deadline_s, "the proxy to take the request", self.channel.send(wire_bytes(*pieces)))

    async def response_head(self, method: str = "GET", deadline_s: float = WAIT_S) -> Response:
        """The next final response's head; its body is there to be read.

        Raises: IncompleteError, MalformedError, LateError.
        """
        interim, self._interim = self._interim, []

        async def final() -> ResponseHead:
            while (head := parse_response(await self.reader.head())).status < 200 and head.status != 101:
                interim.append(head)
            return head

        try:
            head = await within(deadline_s, "a response head", final())
        except LateError as error:
            if not interim:
                raise
            came = "one interim response" if len(interim) == 1 else f"{len(interim)} interim responses"
            raise LateError(f"{error}; {came} came") from None
        response = Response(head, Body(self.reader, response_framing(head, method)), interim)
        self.responses.append(response)
        return response

    async def response(self, method: str = "GET", deadline_s: float = WAIT_S) -> Response:
        """The next response, read to its end or its cut."""
        return await (await self.response_head(method, deadline_s)).to_the_end(deadline_s)

    async def answered(self) -> None:
        """Wait until the head of a final response, or an end, is there to be read. Raises: MalformedError."""
        while True:
            await self.reader.head_ready()
            head, end, _ = bytes(self.reader.buffer).partition(b"\r\n\r\n")
            if not end or (parsed := parse_response(head + end)).status >= 200 or parsed.status == 101:
                return
            self._interim.append(parsed)
            self.reader.take(len(head + end))

    async def waiting(self) -> bytes:
        """The beginning of what has come and that nobody has read, for a failure to tell."""
        with contextlib.suppress(LateError):
            await within(0.1, "what has come", self.reader.head_ready())
        return bytes(self.reader.buffer[:200])

    async def peer_closed(self, deadline_s: float = WAIT_S) -> str:
        """Wait until the proxy closes: "FIN" or "RST". Raises: LateError."""
        return await self.channel.peer_closed(deadline_s)

    def close(self) -> None:
        self.channel.close()

    def reset(self) -> None:
        self.channel.reset()
