"""Whether figures may be shown: integrity, saturation, headroom. Pure.

What fails here turns a figure into a typed absence; what is merely doubtful is flagged. Absolute times never
judge anything: each rule compares a run with itself.
"""

from __future__ import annotations

from functools import lru_cache
from statistics import median

from bench.cells import DIRECT
from bench.histogram import merge_histograms
from bench.queueing import most_at_once
from bench.record import (
    Absence,
    BurstResult,
    ClosedResult,
    CrowdResult,
    DownloadResult,
    GateResult,
    OpenResult,
    Part,
    Result,
    Run,
    SlowResult,
    StreamsResult,
)
from bench.stats import INTERVAL_BLOCKS

__all__ = ["HEADROOM_LEAST", "cell_absence", "headroom", "left_out", "quantile_ms"]

HEADROOM_LEAST = 1.2
_CARRIED = 0.97  # of the offered load, below which a cell is saturated
_QUEUE_MS = 10.0  # p90 of send lag in an open loop: requests wait for a connection, so answers do not keep up


def cell_absence(run: Run, cell: str, scenario: str) -> Absence | None:
    """Return why a cell has no figures for a scenario, or None when it has.

    One integrity failure in any block fails the cell in that part of the run: a proxy that is wrong sometimes
    has no speed.
    """
    part = run.header.part_of(scenario)
    if part is None:
        return Absence("not-run", f"{scenario} was not part of this run")
    records = run.processes(cell, part)
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
    # what was left out after too few blocks is no gap in the blocks: pairs without it keep their answer
    if len(records) < INTERVAL_BLOCKS and (absence := left_out(run, cell, part)) is not None:
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
    if isinstance(result, CrowdResult) and (most := most_at_once(result.turns)) > result.places:
        return Absence("unsupported", f"its pool is not held to {result.places}: {most} streams at once")
    return None


def _saturation(results: list[Result]) -> Absence | None:
    """Judge whether the offered load was carried, over all blocks together."""
    streams = [result for result in results if isinstance(result, StreamsResult)]
    streams += [
        one for result in results if isinstance(result, SlowResult) for one in (result.alone, result.beside)
    ]
    events, expected = sum(r.events for r in streams), sum(r.expected for r in streams)
    if events < _CARRIED * expected:
        return Absence("saturated", f"{events:,} of {expected:,.0f} events came through")
    lags = [result.lag for result in results if isinstance(result, OpenResult)]
    if lags and quantile_ms(lags, 90) > _QUEUE_MS:
        return Absence("saturated", "requests waited for a free connection: the rate is past the knee")
    return None


def headroom(run: Run, cell: str, scenario: str) -> float | None:
    """Return the direct leg's rate over the cell's (medians), closed loop; None when either is missing."""
    direct, through = _rates(run, DIRECT, scenario), _rates(run, cell, scenario)
    return median(direct) / median(through) if direct and through and median(through) > 0 else None


def left_out(run: Run, cell: str, part: Part) -> Absence | None:
    """Return why a cell was left out of a part, from the start or later; None for one that was not."""
    for dropped in run.dropped:
        if dropped.cell == cell and dropped.part in ("", part.id):
            return Absence("not-run", dropped.why)
    return None


def _not_run(run: Run, cell: str, part: Part) -> Absence:
    if (absence := left_out(run, cell, part)) is not None:
        return absence
    if cell not in part.cells:
        return Absence("not-asked", "the plan asks this of other cells")
    return Absence("not-run", "the run ended before its turn")


def _rates(run: Run, cell: str, scenario: str) -> list[float]:
    results = run.by_block(cell, scenario).values()
    return [rate for result in results if (rate := _rate(result)) is not None]


def _rate(result: Result) -> float | None:
    if isinstance(result, BurstResult):  # between two bursts the engine checks what has come
        return 1e3 / quantile_ms([result.whole], 50) if result.completed else None
    if isinstance(result, ClosedResult | DownloadResult) and result.span.seconds > 0:
        return result.completed / result.span.seconds
    return None


def quantile_ms(encoded: list[str], percent: float) -> float:
    """Return a quantile of merged histograms in ms."""
    return _quantile_ms(tuple(encoded), percent)


@lru_cache(maxsize=4096)  # each section asks the same of a cell once more
def _quantile_ms(encoded: tuple[str, ...], percent: float) -> float:
    return float(merge_histograms(encoded).get_value_at_percentile(percent)) / 1e6
