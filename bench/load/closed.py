"""Closed loop: N connections, each sends its next request when the answer is in. Measures capacity alone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from itertools import chain, repeat

import msgspec

from bench.load.expect import Address, Connection, Expected, Failures, connect_all
from bench.load.response import Mismatch, Response
from bench.measured import ClosedResult
from bench.scenarios import Closed
from bench.usage import Meter, span

__all__ = ["Tally", "run_closed", "timed", "warm"]


class Tally:
    """What all connections of one loop share. ``requests``: what is sent, one after the other."""

    def __init__(self, requests: Iterator[bytes], expected: Expected) -> None:
        self.requests = requests
        self.expected = expected
        self.completed = 0
        self.going = True
        self.failures = Failures()

    def whole(self, result: ClosedResult) -> ClosedResult:
        """Return the result with what came of the requests that were still under way at the window's end."""
        integrity = self.failures.integrity()
        return msgspec.structs.replace(result, asked=self.completed, integrity=integrity)


class _Looping(Connection):
    def __init__(self, tally: Tally) -> None:
        super().__init__()
        self.tally = tally

    def on_response(self, response: Response) -> None:
        tally = self.tally
        tally.expected.check(response)
        tally.completed += 1
        if tally.going:
            self.send(next(tally.requests))

    def on_failure(self, failure: Mismatch) -> None:
        self.tally.failures.add(failure)


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
    """Ask over connections that are kept. ``request`` holds a %d for the number of the path where the
    scenario has several."""
    tally = Tally(_requests(request, scenario.paths), expected)
    try:
        connections = await connect_all(address, lambda _: _Looping(tally), scenario.connections)
    except Mismatch as failure:
        tally.failures.add(failure)
        now = meter.read()
        return ClosedResult(0, [], span(now, meter.read()), tally.failures.integrity())
    try:
        for connection in connections:
            connection.send(next(tally.requests))
        result = await timed(tally, scenario, meter)
        tally.going = False
        await _drained(connections)
    finally:
        for connection in connections:
            connection.close()
    return tally.whole(result)


def _requests(request: bytes, paths: int) -> Iterator[bytes]:
    """Return an endless row of requests: none of its steps is a step of Python's."""
    if not paths:
        return repeat(request)
    return map(request.__mod__, chain.from_iterable(repeat(range(paths))))


async def timed(tally: Tally, scenario: Closed, meter: Meter) -> ClosedResult:
    """Warm up until `warm` says so or ``warm_most`` slices have passed, then time one window.

    The window's edges are where count, clock and CPU are read together. The first failure ends it early.
    """
    trace: list[int] = []
    while len(trace) < scenario.warm_most and not tally.failures.counts:
        count = tally.completed
        await tally.failures.wait(scenario.warm_slice_s)
        trace.append(tally.completed - count)
        if warm(trace, least=scenario.warm_least, tolerance=scenario.warm_tolerance):
            break
    before, count = meter.read(), tally.completed
    await tally.failures.wait(scenario.window_s)
    completed, after = tally.completed - count, meter.read()
    return ClosedResult(completed, trace, span(before, after))


async def _drained(connections: list[_Looping], deadline_s: float = 2.0) -> None:
    # the requests under way get their answers, so that the next scenario starts on a quiet subject
    deadline = time.monotonic() + deadline_s
    while any(connection.busy and not connection.failed for connection in connections):
        if time.monotonic() > deadline:
            return
        await asyncio.sleep(0.002)
