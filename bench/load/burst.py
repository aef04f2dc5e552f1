"""Bursts of tiny SSE events, one after the other on one connection, every byte of each event compared."""

from __future__ import annotations

import asyncio
import time

from bench.histogram import encode_histogram
from bench.load.expect import Address, Connection, Failures, connect_all, request_bytes
from bench.load.response import Mismatch, Response, ResponseReader
from bench.measured import BurstResult
from bench.scenarios import Burst
from bench.usage import Meter, span
from shared.harness.origin.payload import TINY_SIZE, tiny_event

__all__ = ["run_burst"]

_DEADLINE_S = 30.0


class _Bursting(Connection):
    """What is expected holds the events' numbers: bytes that are equal are events in their order."""

    def __init__(self, count: int, failures: Failures) -> None:
        super().__init__()
        self.expected = b"".join(map(tiny_event, range(count)))
        self.failures = failures
        self.deliveries = 0
        self.whole_ns: list[int] = []
        self.spread_ns: list[int] = []
        self.reader = ResponseReader(on_body=self._body)
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._taken = 0
        self._sent_ns = self._first_ns = self._arrived_ns = 0

    async def fetch(self, request: bytes) -> None:
        """Ask for one burst and wait until it has come, or failed."""
        self._taken = 0
        self._over = asyncio.get_running_loop().create_future()
        self._sent_ns = time.monotonic_ns()
        self.send(request)
        await self._over

    def forget(self) -> None:
        """Leave out what has been counted so far."""
        self.deliveries, self.whole_ns, self.spread_ns = 0, [], []

    def data_received(self, data: bytes) -> None:
        self._arrived_ns = time.monotonic_ns()
        before = self._taken
        super().data_received(data)
        self.deliveries += self._taken > before

    def _body(self, piece: bytes) -> None:
        if not self._taken:
            self._first_ns = self._arrived_ns
        end = self._taken + len(piece)
        if piece != self.expected[self._taken : end]:
            first, last = self._taken // TINY_SIZE, (end - 1) // TINY_SIZE
            raise Mismatch("content", f"wrong between event {first} and event {last}")
        self._taken = end

    def on_response(self, response: Response) -> None:
        if response.head.status != 200:
            raise Mismatch("status", f"{response.head.status} instead of 200")
        if self._taken != len(self.expected):
            raise Mismatch("length", f"{self._taken // TINY_SIZE} events came")
        self.whole_ns.append(self._arrived_ns - self._sent_ns)
        self.spread_ns.append(self._arrived_ns - self._first_ns)
        self._over.set_result(None)

    def on_failure(self, failure: Mismatch) -> None:
        self.failures.add(failure)
        if not self._over.done():
            self._over.set_result(None)


async def run_burst(address: Address, scenario: Burst, *, meter: Meter) -> BurstResult:
    """Fetch one burst to warm up, then ``scenario.times`` between two readings. A failure ends it."""
    failures = Failures()
    request = request_bytes(address, f"/burst/{scenario.events}")
    before = after = meter.read()
    connections: list[_Bursting] = []
    try:
        connections = await connect_all(address, lambda _: _Bursting(scenario.events, failures), 1)
        async with asyncio.timeout(_DEADLINE_S):
            await connections[0].fetch(request)
            connections[0].forget()
            before = meter.read()
            for _ in range(scenario.times):
                if not failures.counts:
                    await connections[0].fetch(request)
            after = meter.read()
    except Mismatch as failure:
        failures.add(failure)
    except TimeoutError:
        failures.add(Mismatch("timeout", f"not all bursts came within {_DEADLINE_S:g} s"))
    finally:
        for connection in connections:
            connection.close()
    whole_ns = [ns for connection in connections for ns in connection.whole_ns]
    return BurstResult(
        completed=len(whole_ns),
        events=scenario.events,
        deliveries=sum(connection.deliveries for connection in connections),
        span=span(before, after if after is not before else meter.read()),
        whole=encode_histogram(whole_ns),
        spread=encode_histogram([ns for connection in connections for ns in connection.spread_ns]),
        integrity=failures.integrity(),
    )
