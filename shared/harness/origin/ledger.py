"""What the scripted origin writes down: connections, the requests on them byte for byte, and who ended each.

Cases about cancelling, leaking, pooling and retrying are decided here and nowhere else: what the client saw
cannot tell whether the proxy left something behind.
"""

import asyncio
import dataclasses
import time
from collections.abc import Callable, Iterator

from shared.harness.origin.body import Body
from shared.harness.origin.channel import WAIT_S, Channel, Event, within
from shared.harness.origin.http1 import RequestHead

__all__ = ["ConnectionRecord", "ExchangeRecord", "Ledger"]


@dataclasses.dataclass(slots=True)
class ExchangeRecord:
    """One request as it arrived, on connection number `connection`, and how far it got."""

    connection: int
    place: int  # 0 for the first request on its connection
    token: str | None
    head: RequestHead
    body: Body
    arrived_at_s: float
    released: bool = False  # the script has sent a whole response and let go
    ended: str | None = None  # "origin FIN", "proxy RST", ... when the connection ended under it

    @property
    def carried(self) -> bool:
        """The connection still belongs to this exchange."""
        return not self.released and self.ended is None


@dataclasses.dataclass(slots=True)
class ConnectionRecord:
    """One accepted connection. `fault` holds bytes that were no HTTP request, when there were any."""

    number: int
    accepted_at_s: float
    channel: Channel
    server_name: str | None = None  # TLS SNI
    exchanges: list[ExchangeRecord] = dataclasses.field(default_factory=list)
    fault: str | None = None

    @property
    def open(self) -> bool:
        return self.channel.open

    @property
    def ended(self) -> str | None:
        """ "origin FIN", "origin RST", "proxy FIN", "proxy RST", or None while open."""
        if self.channel.closed_by is None:
            return None
        return f"{'origin' if self.channel.closed_by == 'us' else 'proxy'} {self.channel.closed_how}"

    def events(self) -> list[Event]:
        return list(self.channel.events)


class Ledger:
    """All connections since the origin started, oldest first, and a clock to read them by.

    accepted: how many there were. late: how many of them for a request that was forgotten by then.
    """

    def __init__(self) -> None:
        self.connections: list[ConnectionRecord] = []
        self.accepted = self.late = 0
        self._changed = asyncio.Event()

    def touch(self) -> None:
        """Something was written down: wake whoever waits in `until`."""
        self._changed.set()

    async def until(self, true: Callable[[], bool], what: str, deadline_s: float = WAIT_S) -> None:
        """Wait until the ledger says so. Raises: LateError."""

        async def watch() -> None:
            while not true():
                self._changed.clear()
                await self._changed.wait()

        await within(deadline_s, what, watch())

    def accept(self, channel: Channel) -> ConnectionRecord:
        record = ConnectionRecord(number=self.accepted, accepted_at_s=time.monotonic(), channel=channel)
        self.accepted += 1
        self.connections.append(record)
        self.touch()
        return record

    def exchanges(self, token: str | None = None) -> Iterator[ExchangeRecord]:
        """Every request seen, or every request of one token."""
        for connection in self.connections:
            for exchange in connection.exchanges:
                if token is None or exchange.token == token:
                    yield exchange

    def opened(self) -> int:
        """Connections that are open now."""
        return sum(connection.open for connection in self.connections)

    def carried(self) -> list[ExchangeRecord]:
        """Exchanges that still hold a connection."""
        return [exchange for exchange in self.exchanges() if exchange.carried]

    def forget_closed(self) -> None:
        """Drop the records of connections that have ended, so that a long session stays small."""
        self.connections = [connection for connection in self.connections if connection.open]

    def tell(self, since_s: float = 0.0) -> list[str]:
        """One line per connection and exchange that was alive after `since_s`, for people."""
        lines = []
        for connection in self.connections:
            closed_at_s = connection.channel.closed_at_s
            if closed_at_s is not None and closed_at_s < since_s:
                continue
            exchanges = [e for e in connection.exchanges if e.arrived_at_s >= since_s or e.carried]
            if not exchanges and connection.accepted_at_s < since_s:
                continue
            lines.append(
                f"connection {connection.number}: "
                f"{'new' if connection.accepted_at_s >= since_s else 'kept from before'}, "
                f"{connection.channel.received} bytes taken, {connection.channel.sent} written, "
                f"{connection.ended or 'open'}"
                + (f", not HTTP: {connection.fault}" if connection.fault else "")
            )
            lines += [f"  {_tell(exchange)}" for exchange in exchanges]
        return lines or ["no connection"]


def _tell(exchange: ExchangeRecord) -> str:
    body = exchange.body
    state = "complete" if body.complete else f"cut by {body.cut}" if body.cut else "not read to its end"
    end = "answered" if exchange.released else exchange.ended or "still carried"
    line = exchange.head.raw.partition(b"\r\n")[0][:60].decode("latin-1")
    kind = "no" if body.framing.kind == "none" else body.framing.kind
    return f"{line!r}: {kind} body, {body.size} bytes, {state}; {end}"
