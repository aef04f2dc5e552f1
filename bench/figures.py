"""records -> figures: each metric of each cell over its blocks, or one typed absence. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from bench.cells import DIRECT
from bench.check import cell_absence
from bench.metrics import METRICS, Metric, metric, quantile_us
from bench.record import Absence, OpenResult, Run, StreamsResult
from bench.stats import Interval, difference, median_interval

__all__ = ["Added", "Figure", "added_delays", "figure", "figures"]


class Figure(msgspec.Struct, frozen=True):
    """One metric of one cell: its value in each block, its middle with an interval, or why there is none."""

    cell: str
    metric: str
    blocks: dict[int, float]
    middle: Interval | None
    absence: Absence | None


class Added(msgspec.Struct, frozen=True):
    """What a cell adds to the direct leg: a quantile through it minus the same quantile direct, per block."""

    cell: str
    name: str
    quantile: float
    middle: Interval | None
    absence: Absence | None


def figure(run: Run, cell: str, of: Metric) -> Figure:
    """Return one metric of one cell."""
    absence = cell_absence(run, cell, of.scenario)
    if cell == DIRECT and not of.of_direct:
        absence = Absence("unsupported", "there is no process in between")
    if absence is not None:
        return Figure(cell, of.id, {}, None, absence)
    values = {block: of.of(result) for block, result in sorted(run.by_block(cell, of.scenario).items())}
    blocks = {block: value for block, value in values.items() if not isinstance(value, Absence)}
    missing = next((value for value in values.values() if isinstance(value, Absence)), None)
    if missing is not None:
        return Figure(cell, of.id, blocks, None, missing)
    middle = median_interval(list(blocks.values()))
    if middle is None:
        return Figure(cell, of.id, blocks, None, Absence("too-few-samples", f"{len(blocks)} of 3 blocks"))
    return Figure(cell, of.id, blocks, middle, None)


def figures(run: Run) -> Mapping[tuple[str, str], Figure]:
    """Return all figures, by (cell, metric)."""
    return {(cell.id, of.id): figure(run, cell.id, of) for cell in run.header.cells for of in METRICS}


_ADDED = (
    ("response", "response-p50", 0.5),
    ("response", "response-p90", 0.9),
    ("first event", "ttfe-p50", 0.5),
    ("event", "delay-p50", 0.5),
    ("event", "delay-p99", 0.99),
)


def added_delays(run: Run, cell: str, all_figures: Mapping[tuple[str, str], Figure]) -> list[Added]:
    """Return the added delays of a cell in µs.

    p99 of responses is one difference of merged quantiles, without an interval: a block alone has too few
    samples for it. Where the interval holds zero the value is below the resolution of the run.
    """
    found = [_paired(cell, name, of, quantile, all_figures) for name, of, quantile in _ADDED]
    found.insert(2, _merged_p99(run, cell))
    return found


def _paired(
    cell: str, name: str, of: str, quantile: float, all_figures: Mapping[tuple[str, str], Figure]
) -> Added:
    through, direct = all_figures[cell, of], all_figures[DIRECT, of]
    absence = through.absence or direct.absence
    if absence is not None:
        return Added(cell, name, quantile, None, absence)
    shared = sorted(through.blocks.keys() & direct.blocks.keys())
    middle = difference([through.blocks[block] - direct.blocks[block] for block in shared])
    if middle is None:
        return Added(cell, name, quantile, None, Absence("too-few-samples", f"{len(shared)} of 3 blocks"))
    if middle.low <= 0 <= middle.high:
        return Added(cell, name, quantile, middle, Absence("below-resolution", "the interval holds zero"))
    return Added(cell, name, quantile, middle, None)


def _merged_p99(run: Run, cell: str) -> Added:
    for leg in (cell, DIRECT):
        if (absence := cell_absence(run, leg, metric("response-p50").scenario)) is not None:
            return Added(cell, "response", 0.99, None, absence)
    through, direct = (
        quantile_us([r.response for r in run.by_block(leg, "S2").values() if isinstance(r, OpenResult)], 0.99)
        for leg in (cell, DIRECT)
    )
    for value in (through, direct):
        if isinstance(value, Absence):
            return Added(cell, "response", 0.99, None, value)
    assert isinstance(through, float)
    assert isinstance(direct, float)
    added = through - direct
    middle = Interval(added, added, added, 1)
    if added <= 0:  # a tail that one outlier of either leg decides
        return Added(cell, "response", 0.99, middle, Absence("below-resolution", "no more than direct"))
    return Added(cell, "response", 0.99, middle, None)


def coalescing(run: Run, cell: str) -> float | None:
    """Return events per delivery over all blocks: above one, the cell gathers events."""
    results = [r for r in run.by_block(cell, "S5").values() if isinstance(r, StreamsResult)]
    deliveries = sum(result.deliveries for result in results)
    return sum(result.events for result in results) / deliveries if deliveries else None
