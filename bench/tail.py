"""The sweep -> capacity at a tail: how many valid completions a second a cell gives while p99 stays within 5,
10 or 50 ms. Pure.

Read off the rates that were measured, all blocks of a rate merged: between the last rate that holds and the
first that does not, on the straight line through both; never beyond a rate that was measured. Past its knee
a cell completes less than it is offered, so a rate counts as what was completed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

import msgspec

from bench.metrics import quantile_us
from bench.record import Absence, OpenResult, Run
from bench.scenarios import SWEEP

__all__ = ["LIMITS_MS", "Tail", "capacity", "tails"]

LIMITS_MS = (5.0, 10.0, 50.0)
_QUANTILE = 0.99


class Point(NamedTuple):
    """One rate: valid completions a second, and p99 in ms; None where some were never answered."""

    rps: float
    p99_ms: float | None


class Tail(msgspec.Struct, frozen=True):
    """Completions/s of one cell within a limit of p99. ``low`` and ``high``: what it comes to when any one
    block is left out. ``at_least``: the next rate has no p99, or there is none."""

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
    blocks = sorted({record.block for record in run.cells})
    results = [run.by_block(cell, scenario.id) for scenario in SWEEP if scenario.id in asked]
    if not any(results):
        return []
    for by_block in results:
        for block, result in by_block.items():
            if isinstance(result, OpenResult) and result.integrity.failures.keys() - {"timeout"}:
                absence = Absence("failed", f"block {block + 1}: {result.integrity.first}")
                return [Tail(cell, limit, absence=absence) for limit in LIMITS_MS]

    def points(of: Collection[int]) -> list[Point | Absence]:
        merged = (
            [r for block, r in one.items() if block in of and isinstance(r, OpenResult)] for one in results
        )
        return [_point(each) for each in merged if each]

    whole = points(blocks)
    but_one = [points([block for block in blocks if block != out]) for out in blocks]
    return [_tail(cell, limit, whole, but_one) for limit in LIMITS_MS]


def _tail(
    cell: str, limit_ms: float, whole: Sequence[Point | Absence], but_one: Sequence[Sequence[Point | Absence]]
) -> Tail:
    found = capacity(whole, limit_ms)
    if isinstance(found, Absence):
        return Tail(cell, limit_ms, absence=found)
    others = [other[0] for points in but_one if not isinstance(other := capacity(points, limit_ms), Absence)]
    low, high = (min(others), max(others)) if len(others) == len(but_one) > 1 else (None, None)
    return Tail(cell, limit_ms, found[0], low, high, found[1])


def _point(results: Sequence[OpenResult]) -> Point | Absence:
    rps = sum(result.completed for result in results) / sum(result.span.seconds for result in results)
    if any(result.integrity.failures for result in results):
        return Point(rps, None)
    p99_us = quantile_us([result.response for result in results], _QUANTILE)
    return p99_us if isinstance(p99_us, Absence) else Point(rps, p99_us / 1e3)


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
