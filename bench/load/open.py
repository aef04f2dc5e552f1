"""Open loop: requests leave on a schedule fixed beforehand, whatever the answers do. Measures latency.

Latency counts from the moment a request was *meant* to leave. When all connections are busy the request
waits here, and that wait is part of its response time: a stalled subject cannot make the load wait for it
and so hide the stall (coordinated omission). Send lag, recorded beside, tells that wait and the engine's own
lateness.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Protocol

import numpy as np

from bench.histogram import encode_histogram
from bench.load.expect import Address, Connection, Failures, connect_all
from bench.load.response import Mismatch, Response
from bench.load.timer import Timer
from bench.measured import OpenResult
from bench.shapes.shape import Paced
from bench.usage import Meter, span

__all__ = ["run_open", "schedule_ns"]


def schedule_ns(rate: float, window_s: float, *, arrivals: str, seed: int) -> list[int]:
    """Return the intended starts in ns from the window's begin, in order.

    ``arrivals`` is "constant" or "poisson" (exponential gaps from a seeded generator: the same seed gives the
    same schedule). Raises ValueError for any other word.
    """
    if arrivals == "constant":
        return [int(n * 1e9 / rate) for n in range(round(rate * window_s))]
    if arrivals != "poisson":
        raise ValueError(f"arrivals {arrivals!r} is neither constant nor poisson")
    random = np.random.default_rng(seed)
    gaps = random.exponential(1e9 / rate, size=int(rate * window_s * 2) + 32)
    starts = np.cumsum(gaps)
    return [int(start) for start in starts[starts < window_s * 1e9]]


class Expectation(Protocol):
    """What a response has to be."""

    def check(self, response: Response) -> None:
        """Raise Mismatch when it is anything else."""


class _Pool:
    """The schedule, the connections that are free, and what came of each request."""

    def __init__(self, request: bytes, expected: Expectation, starts_ns: list[int]) -> None:
        self.request = request
        self.expected = expected
        self.due = deque(starts_ns)
        self.offered = len(starts_ns)
        self.waiting: deque[int] = deque()  # intended starts of requests without a free connection
        self.idle: list[_Timed] = []
        self.first_ns: list[int] = []
        self.response_ns: list[int] = []
        self.service_ns: list[int] = []
        self.lag_ns: list[int] = []
        self.failures = Failures()
        self.done = asyncio.Event()
        self.timer: Timer | None = None

    def begin(self) -> None:
        self.timer = Timer(self.release)
        if self.due:
            self.timer.arm(self.due[0])
        else:
            self.done.set()

    def release(self) -> None:
        """Send what is due, then sleep until the next."""
        now_ns = time.monotonic_ns()
        while self.due and self.due[0] <= now_ns:
            self.waiting.append(self.due.popleft())
        self.pair()
        if self.due and self.timer is not None:
            self.timer.arm(self.due[0])

    def pair(self) -> None:
        while self.waiting and self.idle:
            self.idle.pop().start(self.waiting.popleft())

    def completed(self, connection: _Timed, end_ns: int) -> None:
        self.first_ns.append(connection.first_ns - connection.intended_ns)
        self.response_ns.append(end_ns - connection.intended_ns)
        self.service_ns.append(end_ns - connection.sent_ns)
        self.lag_ns.append(connection.sent_ns - connection.intended_ns)
        self.idle.append(connection)
        self.pair()
        if len(self.response_ns) == self.offered:
            self.done.set()


class _Timed(Connection):
    def __init__(self, pool: _Pool) -> None:
        super().__init__()
        self.pool = pool
        self.intended_ns = 0
        self.sent_ns = 0
        self.first_ns = 0
        self._arrived_ns = 0

    def start(self, intended_ns: int) -> None:
        self.intended_ns = intended_ns
        self.first_ns = 0
        self.sent_ns = time.monotonic_ns()
        self.send(self.pool.request)

    def data_received(self, data: bytes) -> None:
        self._arrived_ns = time.monotonic_ns()
        self.first_ns = self.first_ns or self._arrived_ns
        super().data_received(data)

    def on_response(self, response: Response) -> None:
        self.pool.expected.check(response)
        self.pool.completed(self, self._arrived_ns)

    def on_failure(self, failure: Mismatch) -> None:
        self.pool.failures.add(failure)
        self.pool.done.set()


async def run_open(
    address: Address,
    scenario: Paced,
    *,
    request: bytes,
    expected: Expectation,
    meter: Meter,
    seed: int,
) -> OpenResult:
    """Play the schedule once. What has no answer ``drain_s`` after the window counts as "timeout"."""
    starts = schedule_ns(scenario.rate, scenario.window_s, arrivals=scenario.arrivals, seed=seed)
    pool = _Pool(request, expected, starts)
    connections: list[_Timed] = []
    try:
        connections = await connect_all(address, lambda _: _Timed(pool), scenario.connections)
    except Mismatch as failure:
        pool.failures.add(failure)
    before = meter.read()
    if connections:
        pool.idle = list(connections)
        lead_ns = 5_000_000  # so that the first request is not late before it starts
        base_ns = time.monotonic_ns() + lead_ns
        pool.due = deque(base_ns + start for start in starts)
        before = meter.read()
        pool.begin()
        try:
            async with asyncio.timeout(scenario.window_s + scenario.drain_s):
                await pool.done.wait()
        except TimeoutError:
            missing = pool.offered - len(pool.response_ns)
            pool.failures.add(Mismatch("timeout", f"{missing} requests without an answer"))
        # the window is the schedule's, however early the last answer came: CPU is per request at this rate
        rest_s = (base_ns - time.monotonic_ns()) / 1e9 + scenario.window_s
        if rest_s > 0 and not pool.failures.counts:
            await asyncio.sleep(rest_s)
    after = meter.read()
    if pool.timer is not None:
        pool.timer.close()
    for connection in connections:
        connection.close()
    return OpenResult(
        offered=pool.offered,
        completed=len(pool.response_ns),
        span=span(before, after),
        response=encode_histogram(pool.response_ns),
        service=encode_histogram(pool.service_ns),
        lag=encode_histogram(pool.lag_ns),
        integrity=pool.failures.integrity(),
        first=encode_histogram(pool.first_ns),
    )
