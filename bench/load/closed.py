"""Closed loop: N connections, each sends its next request when the answer is in. Measures capacity alone."""

from __future__ import annotations

import asyncio
import time

from bench.load.expect import Address, Connection, Expected, Failures, connect_all
from bench.load.response import Mismatch, Response
from bench.record import ClosedResult
from bench.scenarios import Closed
from bench.usage import Meter, span

__all__ = ["run_closed", "warm"]


class _Counter:
    """What all connections of one loop share."""

    def __init__(self, request: bytes, expected: Expected) -> None:
        self.request = request
        self.expected = expected
        self.completed = 0
        self.going = True
        self.failures = Failures()


class _Looping(Connection):
    def __init__(self, counter: _Counter) -> None:
        super().__init__()
        self.counter = counter

    def on_response(self, response: Response) -> None:
        counter = self.counter
        counter.expected.check(response)
        counter.completed += 1
        if counter.going:
            self.send(counter.request)

    def on_failure(self, failure: Mismatch) -> None:
        self.counter.failures.add(failure)


def warm(trace: list[int], *, least: int, tolerance: float) -> bool:
    """Return whether a process counts as warm, from the completions of its warm-up slices so far.

    The rule: at least ``least`` slices, and the last two within ``tolerance`` of each other.
    """
    if len(trace) < max(least, 2) or not trace[-1]:
        return False
    return abs(trace[-1] - trace[-2]) <= tolerance * max(trace[-1], trace[-2])


async def run_closed(
    address: Address, scenario: Closed, *, request: bytes, expected: Expected, meter: Meter
) -> ClosedResult:
    """Warm up until `warm` says so or ``warm_most`` slices have passed, then time one window.

    The window's edges are where count, clock and CPU are read together. The first failure ends it early.
    """
    counter = _Counter(request, expected)
    try:
        connections = await connect_all(address, lambda _: _Looping(counter), scenario.connections)
    except Mismatch as failure:
        counter.failures.add(failure)
        now = meter.read()
        return ClosedResult(0, [], span(now, meter.read()), counter.failures.integrity())
    trace: list[int] = []
    try:
        for connection in connections:
            connection.send(request)
        while len(trace) < scenario.warm_most and not counter.failures.counts:
            count = counter.completed
            await counter.failures.wait(scenario.warm_slice_s)
            trace.append(counter.completed - count)
            if warm(trace, least=scenario.warm_least, tolerance=scenario.warm_tolerance):
                break
        before, count = meter.read(), counter.completed
        await counter.failures.wait(scenario.window_s)
        completed, after = counter.completed - count, meter.read()
        counter.going = False
        await _drained(connections)
    finally:
        for connection in connections:
            connection.close()
    return ClosedResult(completed, trace, span(before, after), counter.failures.integrity())


async def _drained(connections: list[_Looping], deadline_s: float = 2.0) -> None:
    # the requests under way get their answers, so that the next scenario starts on a quiet subject
    deadline = time.monotonic() + deadline_s
    while any(connection.busy and not connection.failed for connection in connections):
        if time.monotonic() > deadline:
            return
        await asyncio.sleep(0.002)
