"""The metrics: one value of one cell in one block, from a result or the process, or why there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

from bench.record import (
    Absence,
    BurstResult,
    ClosedResult,
    DownloadResult,
    OpenResult,
    StreamsResult,
)
from bench.scenarios import (
    MORE,
    QUICK,
    SWEEP,
    Aborts,
    Burst,
    Closed,
    Crowd,
    Download,
    Fanout,
    Gate,
    Holding,
    Open,
    Scenario,
    Slow,
    Streams,
    Upload,
)
from bench.shapes import LEAVING
from bench.values import (
    Source,
    Value,
    burst_coalescing,
    burst_spread,
    burst_whole,
    cold_start,
    cpu_us_per,
    delay_p99,
    gone,
    import_time,
    in_turn_percent,
    kept_per_request,
    kib_held,
    kib_rise,
    memory_per_stream,
    quantile_us,
    served_percent,
    stream_coalescing,
    unstalled_percent,
    wait_ms,
)

__all__ = ["METRICS", "Metric", "metric", "metrics_in", "quantile_us"]


class Metric(NamedTuple):
    """What is read off a result. ``more`` and ``less`` are what a larger or smaller value is called."""

    id: str
    scenario: str
    what: str
    under: str  # how the title goes on where the load matters, which the run's own scenario puts into words
    unit: str
    better: Literal["more", "less"]
    more: str
    less: str
    of: Callable[[Source], Value]
    of_direct: bool = False  # whether the direct leg has such a value: it has no process in between
    headline: bool = True  # whether contrasts are judged in it

    @property
    def kind(self) -> str:
        """What is read, whatever the scenario: "rps" of "rps@S3-512"."""
        return self.id.partition("@")[0]

    def title(self, load: str) -> str:
        """Return the metric's title under that load; without one, of what is read alone."""
        return self.what + self.under.format(load=load) if load else self.what


def _rps(result: Source) -> Value:
    assert isinstance(result, ClosedResult)
    return result.completed / result.span.seconds


def _cpu_per_request(result: Source) -> Value:
    assert isinstance(result, ClosedResult | OpenResult)
    return cpu_us_per(result.span.cpu_s, result.completed)


def _cpu_per_event(result: Source) -> Value:
    assert isinstance(result, StreamsResult | BurstResult)
    events = result.events * result.completed if isinstance(result, BurstResult) else result.events
    return cpu_us_per(result.span.cpu_s, events)


def _time(field: str, quantile: float) -> Callable[[Source], Value]:
    def of(result: Source) -> Value:
        assert isinstance(result, OpenResult | StreamsResult)
        encoded: str = getattr(result, field)
        return quantile_us([encoded], quantile) if encoded else Absence("not-run", "it was not timed")

    return of


def _megabytes_per_s(result: Source) -> Value:
    assert isinstance(result, DownloadResult)
    return result.completed * result.size / 1e6 / result.span.seconds if result.span.seconds else 0.0


def _cpu_per_megabyte(result: Source) -> Value:
    assert isinstance(result, DownloadResult)
    value = cpu_us_per(result.span.cpu_s, result.completed)
    return value if isinstance(value, Absence) else value / (result.size / 1e6)


_SPEED = ("faster", "slower")
_COST = ("dearer", "cheaper")
_DELAY = ("slower", "faster")
_SIZE = ("larger", "smaller")
_BEND = ("rougher", "smoother")
_COUNT = ("more", "fewer")

_LOAD = ", {load}"
_RATE = " at {load}"

_GONE = ("gone-first", "gone-head", "gone-stream", "gone-blocked")

_LARGE = (
    Metric("mb-s", "S7", "MB per second", _LOAD, "MB/s", "more", *_SPEED, _megabytes_per_s, True),
    Metric("cpu-mb", "S7", "CPU per MB", _LOAD, "µs", "less", *_COST, _cpu_per_megabyte),
)

_KINDS: dict[type[Scenario], tuple[Metric, ...]] = {
    Gate: (
        Metric("cold-start", "S0", "Cold start to first answer", "", "ms", "less", *_DELAY, cold_start),
        Metric("import", "S0", "Import of the app", "", "ms", "less", *_DELAY, import_time, headline=False),
    ),
    Closed: (
        Metric("rps", "S3", "Requests per second", _LOAD, "/s", "more", *_SPEED, _rps, True),
        Metric("cpu-request", "S3", "CPU per request", _LOAD, "µs", "less", *_COST, _cpu_per_request),
    ),
    Open: (
        Metric(
            "cpu-request-paced", "S2", "CPU per request", _RATE, "µs", "less", *_COST, _cpu_per_request,
            headline=False,
        ),
        Metric(
            "ttfb-p50", "S2", "Time to first byte p50", _RATE, "µs", "less", *_DELAY,
            _time("first", 0.5), True, headline=False,
        ),
        Metric(
            "response-p50", "S2", "Response time p50", _RATE, "µs", "less", *_DELAY,
            _time("response", 0.5), True,
        ),
        Metric(
            "service-p50", "S2", "Service time p50", _RATE, "µs", "less", *_DELAY,
            _time("service", 0.5), True, headline=False,
        ),
        Metric(
            "response-p90", "S2", "Response time p90", _RATE, "µs", "less", *_DELAY,
            _time("response", 0.9), True, headline=False,
        ),
    ),
    Streams: (
        Metric("cpu-event", "S5", "CPU per SSE event", _RATE, "µs", "less", *_COST, _cpu_per_event),
        Metric(
            "ttfe-p50", "S5", "Time to first event p50", "", "µs", "less", *_DELAY,
            _time("ttfe", 0.5), True,
        ),
        Metric("delay-p50", "S5", "Event delay p50", "", "µs", "less", *_DELAY, _time("delay", 0.5), True),
        Metric(
            "delay-p99", "S5", "Event delay p99", "", "µs", "less", *_DELAY, _time("delay", 0.99), True,
            headline=False,
        ),
        Metric("gap-p50", "S5", "Gaps bent by p50", "", "µs", "less", *_BEND, _time("gap", 0.5), True),
        Metric(
            "gap-p99", "S5", "Gaps bent by p99", "", "µs", "less", *_BEND, _time("gap", 0.99), True,
            headline=False,
        ),
        Metric(
            "events-delivery", "S5", "Events per delivery", _RATE, "", "less", *_COUNT, stream_coalescing,
            True,
        ),
        Metric(
            "unstalled", "S5", "Events without a stall", _RATE, "%", "more", *_COUNT, unstalled_percent, True,
        ),
    ),
    Download: _LARGE,
    Upload: _LARGE,
    Burst: (
        Metric(
            "burst-whole", "S6", "Burst, request to last event p50", _LOAD, "µs", "less", *_DELAY,
            burst_whole, True,
        ),
        Metric("cpu-event", "S6", "CPU per SSE event", _LOAD, "µs", "less", *_COST, _cpu_per_event),
        Metric(
            "burst-spread", "S6", "Burst, first event to last p50", _LOAD, "µs", "less", *_DELAY,
            burst_spread, True, headline=False,
        ),
        Metric(
            "burst-coalescing", "S6", "Events per delivery", _LOAD, "", "less", *_COUNT,
            burst_coalescing, True, headline=False,
        ),
    ),
    Aborts: tuple(
        Metric(
            name, "S9", f"Client gone, {point}, to upstream let go p50", "", "µs", "less", *_DELAY,
            gone(point), True, headline=point == "mid-stream",
        )
        for name, point in zip(_GONE, LEAVING, strict=True)
    ),
    Slow: (
        Metric(
            "slow-p99", "S8", "Event delay p99 beside slow readers", ", {load}", "µs", "less", *_DELAY,
            delay_p99("beside"), True,
        ),
        Metric(
            "alone-p99", "S8", "Event delay p99 without slow readers", "", "µs", "less", *_DELAY,
            delay_p99("alone"), True, headline=False,
        ),
        Metric(
            "kib-held", "S8", "Held for a slow reader", _LOAD, "KiB", "less", *_SIZE, kib_held, True,
            headline=False,
        ),
        Metric(
            "kib-rise", "S8", "Memory for a slow reader", _LOAD, "KiB", "less", *_SIZE, kib_rise,
            headline=False,
        ),
    ),
    Holding: (
        Metric(
            "kib-stream", "S5", "Memory per open stream", _LOAD, "KiB", "less", *_SIZE,
            memory_per_stream,
        ),
    ),
    Crowd: (
        Metric(
            "queue-p50", "S13", "Wait for a place p50", _LOAD, "ms", "less", "longer", "shorter",
            wait_ms(0.5),
        ),
        Metric(
            "queue-p90", "S13", "Wait for a place p90", _LOAD, "ms", "less", "longer", "shorter",
            wait_ms(0.9),
        ),
        Metric("served", "S13", "Served, not refused", _LOAD, "%", "more", "more", "fewer", served_percent),
        Metric(
            "in-turn", "S13", "Waiters served in turn", _LOAD, "%", "more", "fairer", "less fair",
            in_turn_percent,
        ),
    ),
    Fanout: (
        Metric("fanout-p50", "S15", "Fan-out p50", _RATE, "µs", "less", *_DELAY, _time("response", 0.5)),
        Metric("fanout-p90", "S15", "Fan-out p90", _RATE, "µs", "less", *_DELAY, _time("response", 0.9)),
        Metric("cpu-fanout", "S15", "CPU per fan-out", _RATE, "µs", "less", *_COST, _cpu_per_request),
    ),
}  # fmt: skip
"""What is read off each kind of result."""

_KEPT = Metric(
    "kept-request", "S14", "Memory kept per request", _LOAD, "B", "less", *_SIZE,
    kept_per_request,
)  # fmt: skip
"""What is read beside it where many paths are asked for."""


def _read(scenario: Scenario) -> tuple[Metric, ...]:
    more = (_KEPT,) if isinstance(scenario, Closed) and scenario.paths else ()
    return _KINDS.get(type(scenario), ()) + more


def _in(scenario: Scenario, of: Metric) -> Metric:
    """Return the metric as it is read in that scenario: under the plain name in the quick plan's."""
    if scenario in QUICK:
        return of._replace(scenario=scenario.id)
    return of._replace(id=f"{of.id}@{scenario.id}", scenario=scenario.id, under=of.under or _RATE)


METRICS: tuple[Metric, ...] = tuple(
    _in(scenario, of) for scenario in (*QUICK, *MORE) if scenario not in SWEEP for of in _read(scenario)
)


def metrics_in(scenarios: Iterable[Scenario]) -> list[Metric]:
    """Return what a run with these scenarios is read for: the quick plan's metrics, and theirs."""
    usual = {one.id for one in QUICK}
    known = usual | {one.id for one in scenarios}
    return [of for of in METRICS if of.scenario in known]


def metric(name: str) -> Metric:
    """Return the metric of that id. Raises KeyError for an unknown one."""
    return {known.id: known for known in METRICS}[name]
