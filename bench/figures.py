"""records -> figures: each metric of each cell over its blocks, or one typed absence. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from bench.cells import DIRECT
from bench.check import cell_absence
from bench.metrics import Metric, metric, metrics_in
from bench.quantiles import apart, quantiles_us
from bench.record import Absence, GateResult, OpenResult, Run, StreamsResult
from bench.stats import Estimate, Interval, blocks_lacking, compare, difference, log_ratios, median_interval
from bench.values import Source

__all__ = [
    "GROWTHS",
    "Added",
    "Figure",
    "Grown",
    "Growth",
    "added_delays",
    "asked_pairs",
    "coalescing",
    "figure",
    "figures",
    "grown",
]


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
    values = {block: of.of(source) for block, source in sorted(_sources(run, cell, of.scenario).items())}
    blocks = {block: value for block, value in values.items() if not isinstance(value, Absence)}
    missing = next((value for value in values.values() if isinstance(value, Absence)), None)
    if missing is not None:
        return Figure(cell, of.id, blocks, None, missing)
    middle = median_interval(list(blocks.values()))
    if not all(blocks.values()):  # ratios are what is judged, and there is none to nothing
        return Figure(cell, of.id, blocks, None, Absence("below-resolution", "none at all in some block"))
    if middle is None:
        return Figure(cell, of.id, blocks, None, Absence("too-few-samples", blocks_lacking(len(blocks))))
    return Figure(cell, of.id, blocks, middle, None)


def _sources(run: Run, cell: str, scenario: str) -> dict[int, Source]:
    """Return what is read, by block: of the part that the scenario is in, or is in first."""
    found: dict[int, Source] = {}
    for record in run.processes(cell, run.header.part_of(scenario)):
        if (result := record.results.get(scenario)) is not None:
            found[record.block] = record if isinstance(result, GateResult) else result
    return found


def figures(run: Run) -> Mapping[tuple[str, str], Figure]:
    """Return all figures, by (cell, metric)."""
    asked = metrics_in(run.header.scenarios)
    return {(cell.id, of.id): figure(run, cell.id, of) for cell in run.header.cells for of in asked}


_ADDED = {
    "response-p50": ("response", 0.5),
    "response-p90": ("response", 0.9),
    "ttfb-p50": ("first byte", 0.5),
    "ttfe-p50": ("first event", 0.5),
    "delay-p50": ("event", 0.5),
    "delay-p99": ("event", 0.99),
}


def added_delays(run: Run, cell: str, all_figures: Mapping[tuple[str, str], Figure]) -> list[Added]:
    """Return the added delays of a cell in µs.

    p99 of responses is one difference of merged quantiles, for a block alone has too few samples of it. Where
    an interval holds zero the value is below the resolution of the run.
    """
    found = []
    for of in metrics_in(run.header.scenarios):
        if of.kind not in _ADDED:
            continue
        name, quantile = _ADDED[of.kind]
        beyond_quick = f", {of.scenario}" if of.id != of.kind else ""
        found.append(_paired(cell, name + beyond_quick, of.id, quantile, all_figures))
        if of.id == "response-p90":
            found.append(_merged_p99(run, cell))
    return found


def _paired(
    cell: str, name: str, of: str, quantile: float, all_figures: Mapping[tuple[str, str], Figure]
) -> Added:
    through, direct = all_figures[cell, of], all_figures.get((DIRECT, of))
    if direct is None:
        return Added(cell, name, quantile, None, Absence("not-run", "the direct leg was no part of this run"))
    absence = through.absence or direct.absence
    if absence is not None:
        return Added(cell, name, quantile, None, absence)
    shared = sorted(through.blocks.keys() & direct.blocks.keys())
    middle = difference([through.blocks[block] - direct.blocks[block] for block in shared])
    if middle is None:
        return Added(cell, name, quantile, None, Absence("too-few-samples", blocks_lacking(len(shared))))
    if middle.low <= 0 <= middle.high:
        return Added(cell, name, quantile, middle, Absence("below-resolution", "the interval holds zero"))
    return Added(cell, name, quantile, middle, None)


def _merged_p99(run: Run, cell: str) -> Added:
    for leg in (cell, DIRECT):
        if (absence := cell_absence(run, leg, metric("response-p50").scenario)) is not None:
            return Added(cell, "response", 0.99, None, absence)
    legs = []
    for leg in (cell, DIRECT):
        results = [r for r in run.by_block(leg, "S2").values() if isinstance(r, OpenResult)]
        (found,) = quantiles_us([result.response for result in results], [0.99])
        if isinstance(found, Absence):
            return Added(cell, "response", 0.99, None, found)
        legs.append(found)
    middle = apart(*legs)
    if middle.low <= 0 <= middle.high:
        return Added(cell, "response", 0.99, middle, Absence("below-resolution", "the interval holds zero"))
    return Added(cell, "response", 0.99, middle, None)


def coalescing(run: Run, cell: str, scenario: str) -> float | None:
    """Return events per delivery over all blocks: above one, the cell gathers events."""
    results = [r for r in run.by_block(cell, scenario).values() if isinstance(r, StreamsResult)]
    deliveries = sum(result.deliveries for result in results)
    return sum(result.events for result in results) / deliveries if deliveries else None


def asked_pairs(
    pairs: Sequence[tuple[str, str]], of: str, all_figures: Mapping[tuple[str, str], Figure]
) -> Sequence[tuple[str, str]]:
    """Return the pairs of cells of which both were asked that metric, and got to it; all where none did."""

    def asked(cell: str) -> bool:
        absence = all_figures[cell, of].absence
        return absence is None or absence.reason not in ("not-asked", "not-run")

    return [pair for pair in pairs if all(map(asked, pair))] or pairs


def extra_cost(
    all_figures: Mapping[tuple[str, str], Figure], pairs: tuple[tuple[str, str], ...], of: str
) -> Interval | None:
    """Return how much more of a metric the second cells take than the first: the mean over the pairs of each
    block, with its interval. None where a figure is missing."""
    asked = asked_pairs(pairs, of, all_figures)
    sides = [(all_figures[first, of], all_figures[second, of]) for first, second in asked]
    if any(figure.absence is not None for pair in sides for figure in pair):
        return None
    whole = set.intersection(*(set(figure.blocks) for pair in sides for figure in pair))
    return difference(
        [
            sum(second.blocks[block] - first.blocks[block] for first, second in sides) / len(sides)
            for block in sorted(whole)
        ]
    )


class Growth(msgspec.Struct, frozen=True):
    """A metric of a cell under one load over the same under a smaller one, in the same process."""

    id: str
    what: str
    large: str
    small: str


GROWTHS = (
    Growth("retention", "requests/s, 512 connections over 16", "rps@S3-512", "rps@S3-16"),
    Growth("retention-256", "requests/s, 256 connections over 16", "rps@S3-256", "rps@S3-16"),
    Growth(
        "idle-pool",
        "CPU per request, 5,000 idle pooled connections over 50",
        "cpu-request@S3-idle-5000",
        "cpu-request@S3-idle-50",
    ),
    Growth(
        "slow-readers",
        "event delay p99 of healthy streams, beside slow readers over alone",
        "slow-p99@S8",
        "alone-p99@S8",
    ),
    Growth("churn", "requests/s, each on a new connection over kept ones", "rps@S11-close", "rps@S11-keep"),
    Growth(
        "churn-cpu",
        "CPU per request, each on a new connection over kept ones",
        "cpu-request@S11-close",
        "cpu-request@S11-keep",
    ),
    Growth("paths", "requests/s, a million paths over one", "rps@S14-many", "rps@S14-one"),
    Growth(
        "paths-cpu",
        "CPU per request, a million paths over one",
        "cpu-request@S14-many",
        "cpu-request@S14-one",
    ),
)


class Grown(msgspec.Struct, frozen=True):
    """One growth of one cell: the ratio with its interval, or why there is none."""

    cell: str
    growth: Growth
    estimate: Estimate | None
    absence: Absence | None


def grown(run: Run, all_figures: Mapping[tuple[str, str], Figure]) -> list[Grown]:
    """Return the growths that a run was asked for, of every cell but the direct leg."""
    asked = {of.id for of in metrics_in(run.header.scenarios)}
    found = []
    for growth in GROWTHS:
        if not {growth.large, growth.small} <= asked:
            continue
        for cell in run.header.cells:
            if cell.id == DIRECT:
                continue
            large, small = all_figures[cell.id, growth.large], all_figures[cell.id, growth.small]
            if (absence := large.absence or small.absence) is not None:
                found.append(Grown(cell.id, growth, None, absence))
                continue
            estimate = compare(log_ratios(large.blocks, small.blocks))
            few = None if estimate else Absence("too-few-samples", "fewer than three blocks have both")
            found.append(Grown(cell.id, growth, estimate, few))
    return found
