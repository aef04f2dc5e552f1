"""The sweep -> capacity at a tail: how many valid completions a second a cell gives while p99 stays within 5,
10 or 50 ms. Pure.

Read off the rates that were measured, all blocks of a rate merged: between the last rate that holds and the
first that does not, on the straight line through both; never beyond a rate that was measured. Past its knee
a cell completes less than it is offered, so a rate counts as what was completed. Its interval knows nothing
of that line, for a knee is none: from the highest rate that holds even at the high end of its p99 to the
lowest that does not even at the low end. Coarse rates make it wide, however sure each p99 is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from bench.check import left_out
from bench.quantiles import quantiles_us
from bench.record import Absence, OpenResult, Part, Result, Run
from bench.scenarios import SWEEP
from bench.stats import INTERVAL_BLOCKS, Interval

__all__ = ["LIMITS_MS", "Ends", "Point", "Tail", "capacity", "ends", "tail", "tails"]

LIMITS_MS = (5.0, 10.0, 50.0)
_QUANTILE = 0.99


class Point(NamedTuple):
    """One rate: valid completions a second, and p99 in ms; None where some were never answered."""

    rps: float
    p99_ms: float | None


Ends = tuple[Point, Point, Point]
"""A rate with its p99, and the same were that at the high and at the low end of its interval."""


class Tail(msgspec.Struct, frozen=True):
    """Completions/s of one cell within a limit of p99. ``low`` and ``high``: its 95 % interval; 0 where no
    rate surely holds, None where the highest that has a p99 may. ``at_least``: the next rate has no p99, or
    there is none."""

    cell: str
    limit_ms: float
    rps: float | None = None
    low: float | None = None
    high: float | None = None
    at_least: bool = False
    absence: Absence | None = None


def tails(run: Run, cell: str) -> list[Tail]:
    """Return one for each limit; none where the sweep was not asked of the cell."""
    known = {scenario.id for scenario in run.header.scenarios}
    asked = [scenario.id for scenario in SWEEP if scenario.id in known]
    results = [run.by_block(cell, scenario) for scenario in asked]
    if not any(results):
        return []
    if (absence := _absence(run, cell, run.header.part_of(asked[0]), results)) is not None:
        return [Tail(cell, limit, absence=absence) for limit in LIMITS_MS]
    points = [
        _point([result for result in by_block.values() if isinstance(result, OpenResult)])
        for by_block in results
        if by_block
    ]
    return [tail(cell, limit, points) for limit in LIMITS_MS]


def _absence(
    run: Run, cell: str, part: Part | None, results: Sequence[Mapping[int, Result]]
) -> Absence | None:
    """Return why a cell has no capacity whatever its rates: what failed in one block has none in the others.

    Timeouts alone are no failure here: they show where it is saturated.
    """
    for record in run.processes(cell, part):
        if record.failure:
            return Absence("failed", f"block {record.block + 1}: {record.failure}")
    for by_block in results:
        for block, result in by_block.items():
            if isinstance(result, Absence):
                return result
            if isinstance(result, OpenResult) and result.integrity.failures.keys() - {"timeout"}:
                return Absence("failed", f"block {block + 1}: {result.integrity.first}")
    if part is None or max(map(len, results)) >= INTERVAL_BLOCKS:
        return None
    return left_out(run, cell, part)


def tail(cell: str, limit_ms: float, points: Sequence[Ends | Absence]) -> Tail:
    """Return one capacity of one cell from its rates, the smallest first."""
    at = [[one if isinstance(one, Absence) else one[end] for one in points] for end in range(3)]
    found = capacity(at[0], limit_ms)
    if isinstance(found, Absence):
        return Tail(cell, limit_ms, absence=found)
    surely, _ = _around(at[1], limit_ms)
    _, surely_not = _around(at[2], limit_ms)
    # a rate without a p99 says nothing of where the limit is passed
    high = max(found[0], surely_not.rps) if surely_not and surely_not.p99_ms is not None else None
    return Tail(cell, limit_ms, found[0], surely.rps if surely else 0.0, high, found[1])


def _point(results: Sequence[OpenResult]) -> Ends | Absence:
    rps = sum(result.completed for result in results) / sum(result.span.seconds for result in results)
    if any(result.integrity.failures for result in results):
        return (Point(rps, None),) * 3
    (p99_us,) = quantiles_us([result.response for result in results], [_QUANTILE])
    return p99_us if isinstance(p99_us, Absence) else ends(rps, p99_us)


def ends(rps: float, p99_us: Interval) -> Ends:
    """Return a rate with its p99, that one's high end and its low end."""
    return (
        Point(rps, p99_us.value / 1e3),
        Point(rps, p99_us.high / 1e3),
        Point(rps, p99_us.low / 1e3),
    )


def capacity(points: Sequence[Point | Absence], limit_ms: float) -> tuple[float, bool] | Absence:
    """Return (completions/s, whether it is a least) from the points of rising rates; or why there is none."""
    held, beyond = _around(points, limit_ms)
    if held is None or held.p99_ms is None:
        return _never(points, beyond, limit_ms)
    if beyond is None or beyond.p99_ms is None:
        return held.rps, True
    share = (limit_ms - held.p99_ms) / (beyond.p99_ms - held.p99_ms)
    return max(held.rps, held.rps + share * (beyond.rps - held.rps)), False


def _never(points: Sequence[Point | Absence], beyond: Point | None, limit_ms: float) -> Absence:
    """Return why no rate holds, from the first that does not."""
    if beyond is not None and beyond.p99_ms is None:
        return Absence("saturated", "some were never answered at any rate")
    before = points if beyond is None else points[: points.index(beyond)]
    if few := [point for point in before if isinstance(point, Absence)]:
        return few[-1]
    if beyond is None:
        return Absence("not-run", "no rate of the sweep was run")
    told = f"{beyond.p99_ms:.3g} ms at {beyond.rps:,.0f}/s"
    return Absence("saturated", f"p99 was never within {limit_ms:g} ms: {told}")


def _around(points: Sequence[Point | Absence], limit_ms: float) -> tuple[Point | None, Point | None]:
    """Return the last rate that holds, and the first that does not or has no p99. One that holds again after
    it is luck."""
    held: Point | None = None
    for point in points:
        if isinstance(point, Absence):
            continue
        if point.p99_ms is None or point.p99_ms > limit_ms:
            return held, point
        held = point
    return held, None
