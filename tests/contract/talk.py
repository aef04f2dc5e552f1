"""What a case holds in its hands: both ends of the proxy, and words that read like the wire.

    x = await talk.exchange()                  a token, known to the origin; a connection to the proxy
    await x.ask("GET", "TE: gzip")             client -> proxy    exact bytes
    up = await x.arrival()                     proxy -> origin    read strictly, handed over
    await up.answer("200 OK", body=b"ok")      origin -> proxy
    response = await x.response()              proxy -> client    read strictly

`x.trip(...)` is those four lines for the cases where only the bytes matter. After every case
leak.py looks whether anything of it is left in the proxy (rule 15).
"""

import asyncio
import contextlib
import dataclasses
import secrets
import signal
import time
from collections.abc import Awaitable, Iterable

from shared.harness.origin.channel import WAIT_S, LateError, within
from shared.harness.origin.http1 import RequestHead
from shared.harness.origin.ledger import ExchangeRecord
from shared.harness.origin.scripted import EXCHANGE_FIELD, NOTICE_S, Arrival, Origin, Script
from shared.harness.process import Process
from tests.contract.manifest import Manifest
from tests.contract.memory import Memory
from tests.contract.tls import Authority
from tests.contract.wire import Client, Response, wire_bytes

__all__ = ["FRONT", "LEAVE_S", "Exchange", "Proxy", "Talk", "together"]

FRONT = "front.test"
"""The Host that clients speak of; nothing resolves it."""

LEAVE_S = 2.0
"""Seconds in which a proxy has to notice that one side has gone (contract: within 2 s)."""


@dataclasses.dataclass(frozen=True, slots=True)
class Proxy:
    """The proxy under test, as a case knows it. pid, process: where we started it ourselves."""

    id: str
    host: str
    port: int
    manifest: Manifest
    pid: int | None = None
    process: Process | None = None


async def together(*parts: Awaitable[object]) -> None:
    """Run both sides of a conversation at once; the first failure cancels the rest and is raised alone."""

    async def run(part: Awaitable[object]) -> None:
        await part

    try:
        async with asyncio.TaskGroup() as group:
            for part in parts:
                group.create_task(run(part))
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None


class Exchange:
    """One request and its response, told apart from all others by a random token in its path and in a
    field.
    """

    def __init__(self, talk: "Talk", client: Client, script: Script | None):
        self.talk, self.client = talk, client
        self.token = secrets.token_hex(8)
        self.path = f"/t-{self.token}"
        self.stamp = f"{EXCHANGE_FIELD}: {self.token}"
        self.method = "GET"
        self.asked = 0
        self.expected = talk.origin.expect(self.token, script)
        self.responses: list[Response] = []
        self.arrivals: list[Arrival] = []

    async def ask(
        self,
        method: str = "GET",
        *fields: str | bytes,
        target: str | bytes | None = None,
        body: bytes | None = None,
        tail: bytes = b"",
        version: str = "HTTP/1.1",
        host: str | None = FRONT,
        deadline_s: float = WAIT_S,
    ) -> None:
        """Send a request in one go: what the case says, and Content-Length when there is a `body`.

        tail: bytes that follow the head as they are, framed by the case's own fields.
        """
        self.method = method
        self.asked += 1
        lines: list[str | bytes] = [
            wire_bytes(method, " ", self.path if target is None else target, " ", version)
        ]
        if host is not None:
            lines.append(f"Host: {host}")
        lines += [self.stamp, *fields]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        head = b"\r\n".join(wire_bytes(line) for line in [*lines, "", ""])
        await self.client.send(head + (body or b"") + tail, deadline_s=deadline_s)

    async def arrival(self, deadline_s: float = WAIT_S) -> Arrival:
        """The request, as it has arrived at the origin.

        Raises: LateError, with the response that the client holds already, if any.
        """
        try:
            arrival = await self.expected.arrival(deadline_s)
        except LateError as error:
            if held := await self.client.waiting():
                raise LateError(f"{error}; the client holds {held!r}") from None
            raise
        self.arrivals.append(arrival)
        return arrival

    async def head(self, deadline_s: float = WAIT_S) -> Response:
        """The response's head. Raises: IncompleteError, MalformedError, LateError."""
        response = await self.client.response_head(self.method, deadline_s)
        self.responses.append(response)
        return response

    async def response(self, deadline_s: float = WAIT_S) -> Response:
        """The response, read to its end or its cut.

        Raises: IncompleteError before the head, MalformedError, LateError.
        """
        return await (await self.head(deadline_s)).to_the_end(deadline_s)

    async def trip(
        self,
        method: str = "GET",
        *fields: str | bytes,
        target: str | bytes | None = None,
        body: bytes | None = None,
        status: str = "200 OK",
        reply: Iterable[str | bytes] = (),
        content: bytes | None = b"ok",
    ) -> tuple[RequestHead, Response]:
        """Ask, answer `status` with fields `reply` and body `content`: head upstream and response."""
        await self.ask(method, *fields, target=target, body=body)
        up = await self.arrival()
        await up.answer(status, *reply, body=content)
        return up.head, await self.response()

    async def reaches(self, deadline_s: float = WAIT_S) -> Arrival | Response:
        """Whichever comes first: the request at the origin, or the proxy's own response (read whole)."""
        arriving = asyncio.ensure_future(self.expected.arrivals.get())
        refusing = asyncio.ensure_future(self.client.answered())
        try:
            done = asyncio.wait({arriving, refusing}, return_when=asyncio.FIRST_COMPLETED)
            await within(deadline_s, "the request at the origin, or a response", done)
        finally:
            refusing.cancel()
            arriving.cancel()  # no effect once it is done
            await asyncio.gather(refusing, arriving, return_exceptions=True)
        if not arriving.cancelled():
            self.arrivals.append(arriving.result())
            return arriving.result()
        return await self.response(deadline_s)

    def seen(self) -> list[ExchangeRecord]:
        """Every request with this token that the origin has seen."""
        return list(self.talk.origin.ledger.exchanges(self.token))


class Talk:
    """One run of one case against one proxy."""

    def __init__(
        self,
        proxy: Proxy,
        origin: Origin,
        elsewhere: Origin | None = None,
        certificates: Authority | None = None,
    ):
        self.proxy, self.origin, self.elsewhere = proxy, origin, elsewhere
        self.certificates = certificates
        self.manifest = proxy.manifest
        self.began_s = time.monotonic()
        self.clients: list[Client] = []
        self.exchanges: list[Exchange] = []
        self.notes: dict[str, object] = {}
        self.strays_before = len(origin.strays)
        self.elsewhere_before = elsewhere.ledger.accepted if elsewhere else 0
        self._accepted_before = origin.ledger.accepted - origin.ledger.late

    async def connect(self, *, receive_buffer: int = 0, send_buffer: int = 0) -> Client:
        """A new connection to the proxy; closed after the case."""
        client = await Client.connect(
            self.proxy.host, self.proxy.port, receive_buffer=receive_buffer, send_buffer=send_buffer
        )
        self.clients.append(client)
        return client

    async def exchange(self, client: Client | None = None, script: Script | None = None) -> Exchange:
        """A new exchange, on a new connection unless one is given.

        Without a script the case plays the origin.
        """
        exchange = Exchange(self, client or await self.connect(), script)
        self.exchanges.append(exchange)
        return exchange

    def note(self, name: str, value: object) -> None:
        """A fact that both apps must agree on, beside the bytes."""
        self.notes[name] = value

    @property
    def authority(self) -> str:
        """The upstream as the proxy knows it: the Host of requests whose Host it rewrites."""
        return self.manifest.authority or self.origin.url.partition("//")[2]

    @property
    def process(self) -> Process:
        """The proxy's process, which is this case's alone (`alone=True`): pid, log(), running(), stop()."""
        assert self.proxy.process is not None, "only a case with alone=True has a process"
        return self.proxy.process

    def terminate(self) -> None:
        """Send the proxy's process the signal that asks it to stop."""
        self.process.signal(signal.Signals[self.manifest.stop_signal])

    async def exit_status(self, deadline_s: float = WAIT_S) -> int:
        """Wait until the proxy's process has ended: its exit status, negative for a signal.

        Raises: LateError.
        """
        status = await asyncio.to_thread(self.process.wait, deadline_s=deadline_s)
        if status is None:
            raise LateError(f"waited {deadline_s:g} s for the proxy's process to end")
        return status

    def memory(self) -> Memory:
        """The proxy's resident memory, measured from now on."""
        return Memory(self.proxy.pid)

    @property
    def accepted(self) -> int:
        """Connections that the origin has accepted since the case began, for requests of the case."""
        return self.origin.ledger.accepted - self.origin.ledger.late - self._accepted_before

    async def close(self) -> None:
        """Leave nothing, whatever happened: every client and every carried connection is closed."""
        for client in self.clients:
            client.close()
        arrivals = [
            arrival for x in self.exchanges for arrival in [*x.arrivals, *_drain(x.expected.arrivals)]
        ]
        for exchange in self.exchanges:  # first: what ends below may be asked again, and is then nobody's
            self.origin.forget(exchange.token)
        await asyncio.gather(*(_ended(arrival) for arrival in arrivals if arrival.record.carried))
        with contextlib.suppress(LateError):
            ledger = self.origin.ledger
            await ledger.until(lambda: not ledger.carried(), "scripts to end", LEAVE_S)
        self.origin.ledger.forget_closed()


async def _ended(arrival: Arrival) -> None:
    """End the connection, and let the proxy know before the next case asks it for one: it may have taken for
    whole what the case did not, and keep the connection.
    """
    arrival.channel.finish()
    with contextlib.suppress(LateError):
        await arrival.peer_closed(NOTICE_S)
    arrival.close()


def _drain(queue: "asyncio.Queue[Arrival]") -> list[Arrival]:
    taken = []
    while not queue.empty():
        taken.append(queue.get_nowait())
    return taken
