"""The sweep -> capacity at a tail: how many valid completions a second a cell gives while p99 stays within 5,
10 or 50 ms. Pure.

Read off the rates that were measured, all blocks of a rate merged: between the last rate that holds and the
first that does not, on the straight line through both; never beyond a rate that was measured. Past its knee
a cell completes less than it is offered, so a rate counts as what was completed. Its interval is read off the
same way from the ends of each rate's p99: the capacity were each p99 as high as it may be, and as low.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from bench.quantiles import quantiles_us
from bench.record import Absence, OpenResult, Run
from bench.scenarios import SWEEP
from bench.stats import Interval

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
    asked = {scenario.id for scenario in run.header.scenarios}
    results = [run.by_block(cell, scenario.id) for scenario in SWEEP if scenario.id in asked]
    if not any(results):
        return []
    for by_block in results:
        for block, result in by_block.items():
            if isinstance(result, OpenResult) and result.integrity.failures.keys() - {"timeout"}:
                absence = Absence("failed", f"block {block + 1}: {result.integrity.first}")
                return [Tail(cell, limit, absence=absence) for limit in LIMITS_MS]

    points = [
        _point([result for result in by_block.values() if isinstance(result, OpenResult)])
        for by_block in results
        if by_block
    ]
    return [tail(cell, limit, points) for limit in LIMITS_MS]


def tail(cell: str, limit_ms: float, points: Sequence[Ends | Absence]) -> Tail:
    """Return one capacity of one cell from its rates, the smallest first."""
    found, slow, fast = (
        capacity([one if isinstance(one, Absence) else one[end] for one in points], limit_ms)
        for end in range(3)
    )
    if isinstance(found, Absence):
        return Tail(cell, limit_ms, absence=found)
    low = 0.0 if isinstance(slow, Absence) else slow[0]
    high = None if isinstance(fast, Absence) or fast[1] else fast[0]
    return Tail(cell, limit_ms, found[0], low, high, found[1])


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
    held: Point | None = None
    few = None
    for point in points:
        if isinstance(point, Absence):
            few = point
        elif point.p99_ms is None:
            return (held.rps, True) if held else Absence("saturated", "some were never answered at any rate")
        elif point.p99_ms <= limit_ms:
            held = point
        elif held is None or held.p99_ms is None:
            return few or Absence(
                "saturated",
                f"p99 was never within {limit_ms:g} ms: {point.p99_ms:.3g} ms at {point.rps:,.0f}/s",
            )
        else:
            share = (limit_ms - held.p99_ms) / (point.p99_ms - held.p99_ms)
            return max(held.rps, held.rps + share * (point.rps - held.rps)), False
    return (held.rps, True) if held else few or Absence("not-run", "no rate of the sweep was run")
