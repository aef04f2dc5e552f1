"""What the load engine sends, what has to come back, and the count of what did not."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple, TypeVar, cast

from bench.load.response import Mismatch, Response, ResponseReader
from bench.measured import Integrity

__all__ = ["Address", "Connection", "Expected", "Failures", "connect_all", "request_bytes", "request_head"]

P = TypeVar("P", bound="Connection")


class Address(NamedTuple):
    """Where the requests go."""

    host: str
    port: int


class Expected(NamedTuple):
    """What each response has to be, to the byte."""

    status: int
    body: bytes

    def check(self, response: Response) -> None:
        """Raise Mismatch when ``response`` is anything else."""
        if response.head.status != self.status:
            raise Mismatch("status", f"{response.head.status} instead of {self.status}")
        if response.body != self.body:
            if len(response.body) != len(self.body):
                raise Mismatch("length", f"{len(response.body)} bytes instead of {len(self.body)}")
            at = next(i for i, (a, b) in enumerate(zip(response.body, self.body, strict=True)) if a != b)
            raise Mismatch("content", f"byte {at} differs")


def request_bytes(
    address: Address,
    path: str,
    *,
    method: str = "GET",
    body: bytes = b"",
    chunk: int = 0,
    close: bool = False,
) -> bytes:
    """Return a whole request as it goes on the wire, with the few fields that any client sends; ``chunk``:
    the body comes in chunks of so many bytes; ``close``: it is the connection's last."""
    if chunk:
        head = request_head(address, path, method=method, length=None, chunked=True, close=close)
        pieces = (body[at : at + chunk] for at in range(0, len(body), chunk))
        return b"".join([head, *(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces), b"0\r\n\r\n"])
    length = len(body) if body or method != "GET" else None
    return request_head(address, path, method=method, length=length, close=close) + body


def request_head(
    address: Address,
    path: str,
    *,
    method: str,
    length: int | None,
    chunked: bool = False,
    close: bool = False,
) -> bytes:
    """Return the head alone, of a body of ``length`` bytes; None: it has none, or is ``chunked``."""
    more = f"content-length: {length}\r\n" if length is not None else ""
    more += "transfer-encoding: chunked\r\n" if chunked else ""
    more += "connection: close\r\n" if close else ""
    head = (
        f"{method} {path} HTTP/1.1\r\nhost: {address.host}:{address.port}\r\n"
        f"user-agent: tandem-bench\r\naccept: */*\r\n{more}\r\n"
    )
    return head.encode("ascii")


class Failures:
    """Counts integrity failures by kind, keeps the first in words, and says when there is one."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.first = ""
        self._happened = asyncio.Event()

    def add(self, failure: Mismatch) -> None:
        """Count one."""
        self.counts[failure.kind] += 1
        self.first = self.first or str(failure)
        self._happened.set()

    async def wait(self, seconds: float) -> None:
        """Let a window pass; return early at the first failure."""
        try:
            async with asyncio.timeout(seconds):
                await self._happened.wait()
        except TimeoutError:
            pass

    def integrity(self) -> Integrity:
        """Return it as it is recorded."""
        return Integrity(failures=dict(self.counts), first=self.first)


class Connection(asyncio.Protocol):
    """One keep-alive connection: hands whole responses to ``on_response``, failures to ``on_failure``.

    After a failure it is closed and silent: one failure is counted once.
    """

    persistent = True
    """Whether it is a failure that the peer closes it after an answer."""

    def __init__(self) -> None:
        self.transport: asyncio.WriteTransport | None = None
        self.reader = ResponseReader()
        self.busy = False
        self.failed = False

    def on_response(self, response: Response) -> None:
        """A response is whole. Override."""

    def on_failure(self, failure: Mismatch) -> None:
        """Something is not as it has to be; the connection is closed. Override."""

    def send(self, request: bytes) -> None:
        """Send a request; the answer goes to `on_response`."""
        self.busy = True
        if self.transport is None:
            self.fail(Mismatch("connection", "lost before a request could be sent"))
        else:
            self.transport.write(request)

    def close(self) -> None:
        """Close at once; nothing is reported any more."""
        self.failed = True
        if self.transport is not None:
            self.transport.abort()

    def fail(self, failure: Mismatch) -> None:
        """Report a failure, once, and close."""
        if not self.failed:
            self.close()
            self.on_failure(failure)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.WriteTransport, transport)

    def data_received(self, data: bytes) -> None:
        if self.failed:
            return
        try:
            response = self.reader.feed(data)
            if response is None:
                return
            if not self.busy:
                raise Mismatch("framing", "a response that nobody asked for")
            self.busy = False
            self.on_response(response)
            if self.persistent and not response.head.keep_alive:
                raise Mismatch("connection", "Connection: close on a keep-alive connection")
        except Mismatch as failure:
            self.fail(failure)

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        if self.failed:
            return
        try:
            response = self.reader.end()
        except Mismatch as failure:
            self.fail(failure)
            return
        if response is not None and self.busy:
            self.busy = False
            try:
                self.on_response(response)
            except Mismatch as failure:
                self.fail(failure)
                return
        if not (self.persistent or self.busy):
            return
        why = "closed by the peer" if exc is None else f"lost: {exc}"
        self.fail(Mismatch("connection", why))


async def connect_all(
    address: Address, make: Callable[[int], P], count: int, *, deadline_s: float = 5.0
) -> list[P]:
    """Open ``count`` connections, ``make(index)`` being the protocol of each.

    Raises Mismatch when one is refused or the deadline passes; those that came about are closed then.
    """
    loop = asyncio.get_running_loop()
    made: list[P] = []
    try:
        async with asyncio.timeout(deadline_s):
            for index in range(count):
                _, protocol = await loop.create_connection(lambda index=index: make(index), *address)  # type: ignore[misc]
                made.append(protocol)
    except (OSError, TimeoutError) as error:
        for protocol in made:
            protocol.close()
        why = (
            f"{deadline_s:g} s were not enough, {len(made)} of {count} are open"
            if isinstance(error, TimeoutError)
            else str(error.strerror or error)
        )
        raise Mismatch("connection", f"cannot connect to {address.host}:{address.port}: {why}") from None
    return made
