"""SSE streams: opened on a schedule, then watched in steady state, each event against its origin's stamp.

connect, warm each connection with one request -> open stream i at i * open_every_s (TTFE)
-> settle_s -> window: per event one-way delay and gaps, per read the number of deliveries -> abort all

The same streams can be watched for more than one window: what is beside them may differ.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from bench.histogram import encode_histogram
from bench.load.expect import Address, Connection, Expected, Failures, connect_all, request_bytes
from bench.load.response import Mismatch, Response, ResponseReader
from bench.load.timer import Timer
from bench.measured import StreamsResult
from bench.scenarios import Streams
from bench.usage import Meter, Span, span
from shared.harness.origin.payload import EVENT_SIZE, JSON_BODY, read_event

__all__ = ["Watch", "run_streams", "with_streams"]

_STALL = 10  # gaps longer than this many times the pacing


class Watch:
    """What all streams share. Samples are kept while a window is recorded."""

    def __init__(self, scenario: Streams) -> None:
        self.scenario = scenario
        self.every_ns = scenario.every_us * 1000
        self.recording = False
        self.ttfe_ns: list[int] = []
        self.ttfe_lag_ns: list[int] = []
        self.failures = Failures()
        self.used = Span(seconds=0.0, cpu_s=0.0, wait_s=None, rig_busy=0.0, steal_s=0.0)
        self._renew()

    def _renew(self) -> None:
        self.events = 0
        self.deliveries = 0
        self.stalls = 0
        self.delay_ns: list[int] = []
        self.gap_ns: list[int] = []
        self.origin_gap_ns: list[int] = []
        self.raster_ns: list[tuple[int, int]] = []

    async def window(self, meter: Meter) -> None:
        """Record one window, and forget the one before it; the first failure ends it early."""
        self._renew()
        before = meter.read()
        self.recording = True
        await self.failures.wait(self.scenario.window_s)
        self.recording = False
        self.used = span(before, meter.read())

    def result(self) -> StreamsResult:
        """Return what the last window recorded; without one, why there was none."""
        used = self.used
        return StreamsResult(
            opened=len(self.ttfe_ns),
            events=self.events,
            expected=used.seconds * self.scenario.events_per_s,
            deliveries=self.deliveries,
            stalls=self.stalls,
            span=used,
            ttfe=encode_histogram(self.ttfe_ns),
            ttfe_lag=encode_histogram(self.ttfe_lag_ns),
            delay=encode_histogram(self.delay_ns),
            gap=encode_histogram(self.gap_ns),
            origin_gap=encode_histogram(self.origin_gap_ns),
            raster=_from_the_first(self.raster_ns),
            integrity=self.failures.integrity(),
        )


class _Stream(Connection):
    """First one plain request (the connection is warm then), later the stream."""

    def __init__(self, watch: Watch, index: int) -> None:
        super().__init__()
        self.watch = watch
        self._drawn = index == 0  # one stream is kept event by event, to be looked at
        self.warmed = asyncio.get_running_loop().create_future()
        self.intended_ns = 0
        self._sent_ns = 0
        self._tail = b""  # of an event cut in two by a read
        self._number = 0
        self._arrived_ns = 0
        self._last: tuple[int, int] | None = None  # arrival, stamp
        self._events_in_read = 0

    def open(self, request: bytes, intended_ns: int) -> None:
        self.reader = ResponseReader(on_body=self._body)
        self.intended_ns = intended_ns
        self._sent_ns = time.monotonic_ns()
        self.send(request)

    def data_received(self, data: bytes) -> None:
        self._arrived_ns = time.monotonic_ns()
        self._events_in_read = 0
        super().data_received(data)
        if self._events_in_read and self.watch.recording:
            self.watch.deliveries += 1

    def on_response(self, response: Response) -> None:
        if self.intended_ns:
            raise Mismatch("truncated", "the stream ended by itself")
        Expected(200, JSON_BODY).check(response)
        self.warmed.set_result(None)

    def on_failure(self, failure: Mismatch) -> None:
        self.watch.failures.add(failure)
        if not self.warmed.done():
            self.warmed.set_result(None)

    def _body(self, piece: bytes) -> None:
        data = self._tail + piece if self._tail else piece
        at = 0
        while len(data) - at >= EVENT_SIZE:
            try:
                number, stamp_ns = read_event(data[at : at + EVENT_SIZE])
            except ValueError as error:
                raise Mismatch("content", str(error)) from None
            if number != self._number:
                raise Mismatch("content", f"event {number} where {self._number} was due")
            self._number += 1
            at += EVENT_SIZE
            self._event(stamp_ns)
        self._tail = data[at:]

    def _event(self, stamp_ns: int) -> None:
        watch = self.watch
        arrived_ns = self._arrived_ns
        self._events_in_read += 1
        if self._number == 1:
            watch.ttfe_ns.append(arrived_ns - self.intended_ns)
            watch.ttfe_lag_ns.append(self._sent_ns - self.intended_ns)
        last, self._last = self._last, (arrived_ns, stamp_ns)
        if not watch.recording:
            return
        watch.events += 1
        watch.delay_ns.append(arrived_ns - stamp_ns)
        if self._drawn:
            watch.raster_ns.append((stamp_ns, arrived_ns))
        if last is not None and self._number > 2:  # the first event leaves off the grid
            gap_ns, origin_gap_ns = arrived_ns - last[0], stamp_ns - last[1]
            watch.gap_ns.append(abs(gap_ns - origin_gap_ns))
            watch.origin_gap_ns.append(abs(origin_gap_ns - watch.every_ns))
            if gap_ns > _STALL * watch.every_ns:
                watch.stalls += 1


async def run_streams(address: Address, scenario: Streams, *, meter: Meter) -> StreamsResult:
    """Open all streams, watch them for one window, close them. The first failure ends it early."""
    watch = Watch(scenario)
    await with_streams(address, watch, lambda: watch.window(meter))
    return watch.result()


async def with_streams(address: Address, watch: Watch, inside: Callable[[], Awaitable[None]]) -> None:
    """Open all streams, let them settle, do what is to be done beside them, close them.

    What goes wrong, there or inside, is a failure of the watch.
    """
    streams: list[_Stream] = []
    try:
        streams = await connect_all(address, lambda index: _Stream(watch, index), watch.scenario.streams)
        for stream in streams:
            stream.send(request_bytes(address, "/json"))
        async with asyncio.timeout(10):
            await asyncio.gather(*(stream.warmed for stream in streams))
        await _open_all(address, watch.scenario, streams, watch)
        await watch.failures.wait(watch.scenario.settle_s)
        await inside()
    except Mismatch as failure:
        watch.failures.add(failure)
    except TimeoutError:
        watch.failures.add(Mismatch("timeout", "a connection or stream did not answer"))
    finally:
        for stream in streams:
            stream.close()


def _from_the_first(events_ns: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return (stamp, arrival) in µs from the first stamp."""
    base_ns = events_ns[0][0] if events_ns else 0
    return [((stamp - base_ns) // 1000, (arrived - base_ns) // 1000) for stamp, arrived in events_ns]


async def _open_all(address: Address, scenario: Streams, streams: list[_Stream], watch: Watch) -> None:
    """Open one stream after the other on a fixed schedule and wait for each one's first event."""
    spread_us = scenario.every_us // scenario.streams  # phases fill the pacing evenly
    waiting = list(enumerate(streams))
    waiting.reverse()
    base_ns = time.monotonic_ns() + 5_000_000
    step_ns = int(scenario.open_every_s * 1e9)

    def due() -> None:
        while waiting and base_ns + waiting[-1][0] * step_ns <= time.monotonic_ns():
            index, stream = waiting.pop()
            target = f"/sse?every_us={scenario.every_us}&phase_us={index * spread_us}"
            stream.open(request_bytes(address, target), base_ns + index * step_ns)
        if waiting:
            timer.arm(base_ns + waiting[-1][0] * step_ns)

    timer = Timer(due)
    try:
        timer.arm(base_ns)
        async with asyncio.timeout(10 + scenario.streams * scenario.open_every_s):
            while len(watch.ttfe_ns) < len(streams) and not watch.failures.counts:
                await asyncio.sleep(0.005)
    finally:
        timer.close()
