"""The origin that the contract suite plays: byte by byte, on plain sockets, one script per exchange.

    client ----> proxy ----> Origin                   the case: same process, same event loop
                             1 accept: a line in the ledger
                             2 read one request head, strictly
                             3 find its token     <---- expect(token), called before the client sent a byte
                             4 run its script,
                               or hand it over    ----> await expected.arrival(): .some(), .send(), .reset()
                             5 released: back to 2
                               closed by either side: a line in the ledger

Scripts are chosen by `expect`, in process, never through the proxy: a proxy that rewrites everything can
still be tested. A request without a known token is a stray: it is written down, answered 421, and the case
that caused it fails. One whose token was known once, and is forgotten, has come too late to be anybody's: it
is answered the same and not held against the next case. The listener itself can misbehave: `refusing()` and
`deaf()`, both on the same port.
"""

import asyncio
import collections
import contextlib
import re
import socket
import ssl
import time
import weakref
from collections.abc import AsyncIterator

from shared.harness.origin.arrival import Arrival, Script
from shared.harness.origin.body import Body, Reader
from shared.harness.origin.channel import WAIT_S, Channel, LateError, readable, within
from shared.harness.origin.http1 import (
    IncompleteError,
    MalformedError,
    RequestHead,
    parse_request,
    request_framing,
)
from shared.harness.origin.ledger import ConnectionRecord, ExchangeRecord, Ledger

__all__ = ["EXCHANGE_FIELD", "NOTICE_S", "Arrival", "Expected", "Origin", "Script", "token_of"]

EXCHANGE_FIELD = "Case-Token"

NOTICE_S = 0.5
"""Seconds for the proxy to follow when the origin ends a connection. One that has not done so by then looks
at an idle connection only when it wants it again (httpcore), and finds it ended."""

_REMEMBERED = 4096  # tokens that were forgotten
_IN_TARGET = re.compile(rb"t-([0-9a-f]{16})")


def token_of(head: RequestHead) -> str | None:
    """The exchange token that a request carries in its field, else in its target."""
    values = head.all(EXCHANGE_FIELD)
    if values:
        return values[0].decode("latin-1")
    match = _IN_TARGET.search(head.target)
    return match[1].decode() if match else None


class Expected:
    """The requests of one token: how many came, and those nobody has taken yet."""

    def __init__(self, token: str, script: Script | None):
        self.token, self.script = token, script
        self.count = 0
        self.arrivals: asyncio.Queue[Arrival] = asyncio.Queue()

    async def arrival(self, deadline_s: float = WAIT_S) -> Arrival:
        """The next request with this token. Raises: LateError."""
        return await within(deadline_s, "the request to arrive at the origin", self.arrivals.get())


class Origin:
    """A scripted upstream on host:port (0: any free one); with a context it speaks TLS and notes the SNI.

    `listen()` inside a running loop first, `await close()` last.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None):
        self.ledger = Ledger()
        self.strays: list[ExchangeRecord] = []
        self.host, self._tls = host, tls
        self._expected: dict[str, Expected] = {}
        self._forgotten: collections.deque[str] = collections.deque(maxlen=_REMEMBERED)
        self._serving: dict[int, asyncio.Task[None]] = {}
        self._server_names: weakref.WeakKeyDictionary[object, str | None] = weakref.WeakKeyDictionary()
        # Holds the port while the listener is away: a bound socket that does not listen refuses connections.
        self._holder = _bound(host, port)
        self.port: int = self._holder.getsockname()[1]
        self._listener: socket.socket | None = None
        self._accepting: asyncio.Task[None] | None = None
        if tls is not None:
            tls.sni_callback = lambda sock, name, _: self._server_names.__setitem__(sock, name)

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://{self.host}:{self.port}"

    def expect(self, token: str, script: Script | None = None) -> Expected:
        """Requests that carry `token` run `script`, or are handed over through `Expected.arrival()`."""
        self._expected[token] = expected = Expected(token, script)
        return expected

    def forget(self, token: str) -> None:
        """Nothing more is expected with this token; what still comes is answered 421 and is no stray."""
        if self._expected.pop(token, None) is not None:
            self._forgotten.append(token)

    @contextlib.asynccontextmanager
    async def refusing(self) -> AsyncIterator[None]:
        """Inside, connections are refused and none is left open from before."""
        await self.retire_idle()
        await self._away()
        try:
            yield
        finally:
            self.listen()

    @contextlib.asynccontextmanager
    async def deaf(self) -> AsyncIterator[None]:
        """Inside, connecting hangs: the backlog is full and nobody accepts (Linux drops the SYN)."""
        await self.retire_idle()
        await self._away()
        listener = _bound(self.host, self.port)
        listener.listen(0)  # room for one
        filler = socket.create_connection((self.host, self.port), timeout=WAIT_S)
        try:
            yield
        finally:
            listener.close()
            filler.close()
            self.listen()

    @contextlib.asynccontextmanager
    async def showing(self, tls: ssl.SSLContext) -> AsyncIterator[None]:
        """TLS only. Inside, whoever connects is shown this certificate instead."""
        await self.retire_idle()
        usual, self._tls = self._tls, tls
        try:
            yield
        finally:
            self._tls = usual

    async def close_idle(self) -> None:
        """Close every connection that carries no exchange: at once, so that a request may be on its way."""
        await _cancelled(*(self._serving[connection.number] for connection in self._idle()))

    async def retire_idle(self) -> None:
        """The same, but return when the proxy knows: the next request goes out on another connection."""
        idle = self._idle()
        for connection in idle:
            connection.channel.finish()
        with contextlib.suppress(LateError):
            await self.ledger.until(
                lambda: not any(connection.open for connection in idle), "the proxy to close too", NOTICE_S
            )
        await _cancelled(*(self._serving[connection.number] for connection in idle if connection.open))

    def _idle(self) -> list[ConnectionRecord]:
        return [
            connection
            for connection in self.ledger.connections
            if connection.open and not any(exchange.carried for exchange in connection.exchanges)
        ]

    async def close(self) -> None:
        """Close everything; the port is free afterwards."""
        await self._away()
        self._holder.close()

    def listen(self) -> None:
        """Start accepting. Needs a running event loop."""
        self._listener = _bound(self.host, self.port)
        self._listener.listen(1024)
        self._accepting = asyncio.create_task(self._accept(self._listener))

    async def _away(self) -> None:
        await _cancelled(*self._serving.values(), *([self._accepting] if self._accepting else []))
        if self._listener is not None:
            self._listener.close()
        for connection in self.ledger.connections:
            connection.channel.close()

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            # Not the loop's sock_accept: one that is cancelled (`refusing`) may have accepted already.
            await readable(listener)
            try:
                sock, _ = listener.accept()
            except (BlockingIOError, ConnectionAbortedError):
                continue
            connection = self.ledger.accept(Channel(sock, self._tls))
            self._serving[connection.number] = loop.create_task(self._serve(connection))

    async def _serve(self, connection: ConnectionRecord) -> None:
        reader = Reader(connection.channel)
        try:
            if self._tls is not None:
                await connection.channel.handshake()
                connection.server_name = self._server_names.get(connection.channel.tls)
            while await self._exchange(connection, reader):
                pass
        except IncompleteError as error:
            if error.got:
                connection.fault = str(error)
        except MalformedError as error:
            connection.fault = str(error)
        except (OSError, ssl.SSLError) as error:
            connection.channel.note(f"{type(error).__name__}: {error}")
        except Exception as error:  # noqa: BLE001 - a script's own; the case that gave it has to fail
            connection.fault = f"its script: {type(error).__name__}: {error}"
        finally:
            connection.channel.close()
            self._serving.pop(connection.number, None)
            self.ledger.touch()

    async def _exchange(self, connection: ConnectionRecord, reader: Reader) -> bool:
        head = parse_request(await reader.head())
        record = ExchangeRecord(
            connection=connection.number,
            place=len(connection.exchanges),
            token=token_of(head),
            head=head,
            body=Body(reader, request_framing(head)),
            arrived_at_s=time.monotonic(),
        )
        connection.exchanges.append(record)
        self.ledger.touch()
        arrival = Arrival(record, connection, reader, self.ledger)
        expected = self._expected.get(record.token or "")
        if expected is None:
            if record.token not in self._forgotten:
                self.strays.append(record)
            elif record.place == 0:
                self.ledger.late += 1
            await arrival.send(
                "HTTP/1.1 421 Misdirected Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            )
            return False
        expected.count += 1
        if expected.script is not None:
            await expected.script(arrival)
        else:
            expected.arrivals.put_nowait(arrival)
            await arrival.over.wait()
        # Only a whole exchange leaves the connection fit for another (RFC 9112 §9.3).
        return connection.open and record.released and record.body.complete


async def _cancelled(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.bind((host, port))
    return sock
