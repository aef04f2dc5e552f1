"""More streams than the pool has places: who gets one when, who is refused, by the origin's own stamps."""

from __future__ import annotations

import asyncio
import time

from bench.histogram import encode_histogram
from bench.load.expect import Address, Connection, Expected, Failures, connect_all, request_bytes
from bench.load.response import Mismatch, Response
from bench.load.timer import Timer
from bench.measured import CrowdResult
from bench.shapes import Crowd
from bench.usage import Meter, span
from shared.harness.origin.payload import EVENT_SIZE, JSON_BODY, read_event

__all__ = ["run_crowd"]

_JSON = Expected(200, JSON_BODY)
_REFUSED = 503
"""What a proxy promises whose pool stays full: RFC 9209 section 2.3, connection_limit_reached."""


class _Asking(Connection):
    """First one plain request (the subject is warm then), later the stream. It may be closed after a 503."""

    persistent = False

    def __init__(self, failures: Failures) -> None:
        super().__init__()
        self.failures = failures
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.intended_ns = 0
        self.sent_ns = 0
        self.place_ns: tuple[int, int] | None = None  # from when to when
        self.refused_ns: int | None = None

    async def warm(self, request: bytes) -> None:
        self.send(request)
        await self.over
        self.over = asyncio.get_running_loop().create_future()

    def ask(self, request: bytes, intended_ns: int) -> None:
        self.intended_ns = intended_ns
        self.sent_ns = time.monotonic_ns()
        self.send(request)

    def on_response(self, response: Response) -> None:
        if not self.intended_ns:
            _JSON.check(response)
        elif response.head.status == _REFUSED:
            self.refused_ns = time.monotonic_ns()
        elif response.head.status == 200:
            self.place_ns = _stamps(response.body)
        else:
            raise Mismatch("status", f"{response.head.status}, neither 200 nor {_REFUSED}")
        self.over.set_result(None)

    def on_failure(self, failure: Mismatch) -> None:
        self.failures.add(failure)
        if not self.over.done():
            self.over.set_result(None)


def _stamps(body: bytes) -> tuple[int, int]:
    """Return when the origin sent the first event and when the second: the stream held its place between."""
    try:
        first, second = (read_event(body[at : at + EVENT_SIZE]) for at in (0, EVENT_SIZE))
    except ValueError as error:
        raise Mismatch("content", str(error)) from None
    if (first[0], second[0], len(body)) != (0, 1, 2 * EVENT_SIZE):
        raise Mismatch("content", f"{len(body)} bytes that are not the two events of the stream")
    return first[1], second[1]


async def run_crowd(address: Address, scenario: Crowd, *, meter: Meter) -> CrowdResult:
    """Ask for all streams on a schedule and wait until each was served or refused.

    A wait runs from the intended start to the moment at which the origin had the request. Whoever is neither
    served nor refused by the deadline has starved, which fails the cell.
    """
    failures = Failures()
    streams: list[_Asking] = []
    before = after = meter.read()
    base_ns = 0
    try:
        streams = await connect_all(address, lambda _: _Asking(failures), scenario.streams)
        async with asyncio.timeout(scenario.deadline_s):
            for stream in streams:
                await stream.warm(request_bytes(address, "/json"))
        before = meter.read()
        if not failures.counts:
            base_ns = await _ask_all(address, scenario, streams)
        after = meter.read()
    except Mismatch as failure:
        failures.add(failure)
    except TimeoutError:
        failures.add(Mismatch("timeout", "no answer to what is asked before the streams"))
    finally:
        for stream in streams:
            stream.close()
    starved = sum(not stream.over.done() for stream in streams) if base_ns else 0
    if starved and not failures.counts:
        within = f"within {scenario.deadline_s:g} s"
        failures.add(Mismatch("starved", f"{starved} of {len(streams)} neither served nor refused {within}"))
    return CrowdResult(
        asked=len(streams),
        places=scenario.places,
        turns=[
            (
                _us(stream.intended_ns, base_ns),
                _us(stream.place_ns[0], base_ns),
                _us(stream.place_ns[1], base_ns),
            )
            for stream in streams
            if stream.place_ns is not None
        ],
        refused=[
            (_us(stream.intended_ns, base_ns), _us(stream.refused_ns, base_ns))
            for stream in streams
            if stream.refused_ns is not None
        ],
        lag=encode_histogram([one.sent_ns - one.intended_ns for one in streams if one.sent_ns]),
        span=span(before, after if after is not before else meter.read()),
        integrity=failures.integrity(),
    )


def _us(at_ns: int, base_ns: int) -> int:
    return (at_ns - base_ns) // 1000


async def _ask_all(address: Address, scenario: Crowd, streams: list[_Asking]) -> int:
    """Return the moment from which the schedule counted, once all are over or at the deadline."""
    request = request_bytes(address, f"/stay?us={round(scenario.each_s * 1e6)}")
    waiting = list(reversed(streams))
    step_ns = int(scenario.ask_every_s * 1e9)
    base_ns = time.monotonic_ns() + 5_000_000

    def due() -> None:
        while waiting and (at_ns := base_ns + (len(streams) - len(waiting)) * step_ns) <= time.monotonic_ns():
            waiting.pop().ask(request, at_ns)
        if waiting:
            timer.arm(at_ns)

    timer = Timer(due)
    try:
        timer.arm(base_ns)
        await asyncio.wait([stream.over for stream in streams], timeout=scenario.deadline_s)
    finally:
        timer.close()
    return base_ns
