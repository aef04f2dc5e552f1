"""Whether figures may be shown: integrity, saturation, headroom, and the health of the whole run. Pure.

What fails here turns a figure into a typed absence; what is merely doubtful is flagged. Absolute times never
judge anything: each rule compares a run with itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median
from typing import Literal

import msgspec

from bench.cells import DIRECT
from bench.histogram import merge_histograms
from bench.record import (
    Absence,
    BurstResult,
    CellRecord,
    ClosedResult,
    DownloadResult,
    GateResult,
    OpenResult,
    Part,
    Result,
    Run,
    StreamsResult,
    Timed,
)
from bench.usage import Span

__all__ = [
    "HEADROOM_FLAG",
    "HEADROOM_LEAST",
    "Health",
    "Level",
    "cell_absence",
    "headroom",
    "health",
    "verdict_of",
]

HEADROOM_FLAG = 2.0
HEADROOM_LEAST = 1.2
_CARRIED = 0.97  # of the offered load, below which a cell is saturated
_QUEUE_MS = 10.0  # p90 of send lag in an open loop: requests wait for a connection, so answers do not keep up
_LAG_FLAG_MS = 1.0
_STEAL_FLAG = 0.02
_WAIT_FLAG = 0.02
_RIG_BUSY_FLAG = 0.7

Level = Literal["good", "doubtful", "bad"]


class Health(msgspec.Struct, frozen=True):
    """One thing that has to be right for the figures to mean anything."""

    name: str
    level: Level
    value: str
    meaning: str


def cell_absence(run: Run, cell: str, scenario: str) -> Absence | None:
    """Return why a cell has no figures for a scenario, or None when it has.

    One integrity failure in any block fails the cell in that part of the run: a proxy that is wrong sometimes
    has no speed.
    """
    part = run.header.part_of(scenario)
    if part is None:
        return Absence("not-run", f"{scenario} was not part of this run")
    records = [record for record in run.cells if record.cell == cell and record.part == part.id]
    if not records:
        return _not_run(run, cell, part)
    for record in records:
        gate = record.results.get("S0")
        if isinstance(gate, GateResult) and gate.failed:
            return Absence("failed", f"gate, block {record.block + 1}: {gate.failed}: {gate.detail}")
        if record.failure:
            return Absence("failed", f"block {record.block + 1}: {record.failure}")
    results = [record.results[scenario] for record in records if scenario in record.results]
    if not results:
        return Absence("unsupported", f"this cell does not take part in {scenario}")
    for result in results:
        if (absence := _result_absence(result)) is not None:
            return absence
    if (absence := _saturation(results)) is not None:
        return absence
    room = headroom(run, cell, scenario) if cell != DIRECT else None
    if room is not None and room < HEADROOM_LEAST:
        return Absence("rig-bound", f"the rig alone is only {room:.2f} times as fast")
    return None


def _result_absence(result: Result) -> Absence | None:
    if isinstance(result, Absence):
        return result
    if isinstance(result, GateResult):
        return None
    failures = dict(result.integrity.failures)
    timeouts = failures.pop("timeout", 0)
    if failures:
        return Absence("failed", f"integrity: {result.integrity.first}")
    if timeouts:
        return Absence("saturated", result.integrity.first)
    if isinstance(result, ClosedResult | DownloadResult | BurstResult) and not result.completed:
        return Absence("failed", "nothing completed")
    return None


def _saturation(results: list[Result]) -> Absence | None:
    """Judge whether the offered load was carried, over all blocks together."""
    streams = [result for result in results if isinstance(result, StreamsResult)]
    events, expected = sum(r.events for r in streams), sum(r.expected for r in streams)
    if events < _CARRIED * expected:
        return Absence("saturated", f"{events:,} of {expected:,.0f} events came through")
    lags = [result.lag for result in results if isinstance(result, OpenResult)]
    if lags and _quantile_ms(lags, 90) > _QUEUE_MS:
        return Absence("saturated", "requests waited for a free connection: the rate is past the knee")
    return None


def headroom(run: Run, cell: str, scenario: str) -> float | None:
    """Return the direct leg's rate over the cell's (medians), closed loop; None when either is missing."""
    direct, through = _rates(run, DIRECT, scenario), _rates(run, cell, scenario)
    return median(direct) / median(through) if direct and through and median(through) > 0 else None


def health(run: Run) -> list[Health]:
    """Return what the first screen says about the run itself, worst things included."""
    return [
        _pinning_health(run),
        _headroom_health(run),
        _lag_health(run),
        _rig_health(run),
        _core_health(run),
        _steal_health(run),
        _failure_health(run),
    ]


def verdict_of(found: Iterable[Health]) -> Level:
    """Return the worst level among them."""
    levels = {one.level for one in found}
    return "bad" if "bad" in levels else "doubtful" if "doubtful" in levels else "good"


def _pinning_health(run: Run) -> Health:
    pinned = bool(run.header.subject_cpus)
    level: Level = "good" if pinned else "doubtful"
    return Health("Cores", level, "subject alone" if pinned else "shared", run.header.pinning)


def _headroom_health(run: Run) -> Health:
    rooms = {
        f"{cell.label}, {scenario.id}": room
        for scenario in run.header.scenarios
        for cell in run.header.cells
        if cell.group != "direct" and (room := headroom(run, cell.id, scenario.id)) is not None
    }
    if not rooms:
        return Health("Headroom", "doubtful", "unknown", "no cell has both a direct and a proxied rate")
    worst = min(rooms, key=lambda name: rooms[name])
    room = rooms[worst]
    level: Level = "good" if room >= HEADROOM_FLAG else "doubtful" if room >= HEADROOM_LEAST else "bad"
    return Health(
        "Headroom",
        level,
        f"{room:.0f}x" if room >= 10 else f"{room:.1f}x",
        f"the rig alone is at least that much faster than any cell ({worst})",
    )


def _lag_health(run: Run) -> Health:
    lags = [
        result.lag
        for cell in run.header.cells
        for scenario in run.header.scenarios
        for result in run.by_block(cell.id, scenario.id).values()
        # past its knee a cell delays what is sent to it: that is the cell's, and said there
        if isinstance(result, OpenResult) and cell_absence(run, cell.id, scenario.id) is None
    ]
    if not lags:
        return Health("Send lag", "doubtful", "unknown", "no open-loop window was run")
    p99 = _quantile_ms(lags, 99)
    return Health(
        "Send lag",
        "good" if p99 <= _LAG_FLAG_MS else "doubtful",
        f"p99 {p99:.2f} ms",
        "how late requests left, against their schedule",
    )


def _rig_health(run: Run) -> Health:
    busy = [
        result.span.rig_busy
        for record in run.cells
        if record.cell != DIRECT
        for result in record.results.values()
        if isinstance(result, Timed)
    ]
    most = max(busy, default=0.0)
    return Health(
        "Rig's core",
        "good" if most < _RIG_BUSY_FLAG else "doubtful",
        f"{most:.0%} busy at most",
        "load engine and origin together, in any cell's window",
    )


def _spans(run: Run) -> list[Span]:
    return [
        result.span for record in run.cells for result in record.results.values() if isinstance(result, Timed)
    ]


def _core_health(run: Run) -> Health:
    meaning = "time that subjects were ready to run and something else had their core"
    spans = [span for span in _spans(run) if span.wait_s is not None and span.cpu_s > 0]
    if not spans:
        return Health("Waits for the core", "doubtful", "unknown", meaning)
    waited = sum(span.wait_s or 0.0 for span in spans)
    share = waited / (waited + sum(span.cpu_s for span in spans))
    level: Level = "good" if share <= _WAIT_FLAG else "doubtful"
    return Health("Waits for the core", level, f"{share:.1%}", meaning)


def _steal_health(run: Run) -> Health:
    spans = _spans(run)
    seconds = sum(span.seconds for span in spans)
    share = sum(span.steal_s for span in spans) / seconds if seconds else 0.0
    level: Level = "good" if share <= _STEAL_FLAG else "doubtful"
    return Health("Steal", level, f"{share:.1%}", "CPU time that the hypervisor took away")


def _failure_health(run: Run) -> Health:
    failed = {record.cell for record in run.cells if _has_failed(record)}
    if not failed:
        return Health("Failures", "good", "none", "every response had the right status, length and bytes")
    # a baseline that fails is a finding about the baseline; anything else puts the run in doubt
    baselines = {cell.id for cell in run.header.cells if cell.group in ("baseline", "peer")}
    level: Level = "doubtful" if failed <= baselines else "bad"
    count = f"{len(failed)} cell" + ("s" if len(failed) > 1 else "")
    return Health("Failures", level, count, ", ".join(sorted(failed)))


def _has_failed(record: CellRecord) -> bool:
    for result in record.results.values():
        if isinstance(result, Absence):
            if result.reason == "failed":
                return True
        elif not isinstance(result, GateResult) and result.integrity.failures.keys() - {"timeout"}:
            return True  # what only times out is saturated
    return bool(record.failure)


def _not_run(run: Run, cell: str, part: Part) -> Absence:
    for dropped in run.dropped:
        if dropped.cell == cell and dropped.part in ("", part.id):
            return Absence("not-run", dropped.why)
    if cell not in part.cells:
        return Absence("not-asked", "the plan asks this of other cells")
    return Absence("not-run", "the run ended before its turn")


def _rates(run: Run, cell: str, scenario: str) -> list[float]:
    results = run.by_block(cell, scenario).values()
    return [rate for result in results if (rate := _rate(result)) is not None]


def _rate(result: Result) -> float | None:
    if isinstance(result, BurstResult):  # between two bursts the engine checks what has come
        return 1e3 / _quantile_ms([result.whole], 50) if result.completed else None
    if isinstance(result, ClosedResult | DownloadResult) and result.span.seconds > 0:
        return result.completed / result.span.seconds
    return None


def _quantile_ms(encoded: list[str], percent: float) -> float:
    return float(merge_histograms(encoded).get_value_at_percentile(percent)) / 1e6
