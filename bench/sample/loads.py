"""What cells cost under a reader's load: tables of figures, and what they come to. Pure arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bench.figures import Grown
from bench.ladder import ladders
from bench.metrics import metric
from bench.record import CellSpec
from bench.report.cost import Share, share_of
from bench.report.view import View
from bench.report.words import DASH, absence_word, estimated, number, value_interval
from bench.sample.charts import headed, known, read, told
from bench.sample.sentences import bullets, table, wrapped

__all__ = ["BLOCKS", "carried"]

_FILLED = 0.7  # of a core at most: above, queues grow faster than load


def _figures(found: View, *wanted: str) -> str:
    """Cells by metrics, each with its interval; a metric that this run was not read for is left out."""
    names = read(found, *wanted)
    if not names:
        asked = "; ".join(f"{metric(name).what} ({metric(name).scenario})" for name in wanted)
        return "\n".join(wrapped(f"No part of this run: {asked}."))
    heads = [headed(found, name) for name in names]
    rows = [[cell.label, *(_value(found, cell, name) for name in names)] for cell in known(found, *names)]
    return table(["", *heads], rows)


def _growth(found: View, *wanted: str) -> str:
    """What a larger load does to each cell: the figure under it over the figure under the smaller."""
    growths = {one.growth.id: one.growth.what for one in found.growths if one.growth.id in wanted}
    if not growths:
        return "This run says nothing about larger loads."
    of = {(one.cell, one.growth.id): one for one in found.growths}
    rows = [
        [cell.label, *(_grown(of[cell.id, name]) for name in growths)]
        for cell in told(found)
        if any(of[cell.id, name].estimate for name in growths)
    ]
    return table(["", *growths.values()], rows)


def _grown(one: Grown) -> str:
    if one.estimate is None:
        return absence_word(one.absence) if one.absence else DASH
    return estimated(one.estimate)


def _value(found: View, cell: CellSpec, name: str) -> str:
    figure = found.figures[cell.id, name]
    if figure.absence is not None:
        return absence_word(figure.absence)
    return value_interval(figure.middle) if figure.middle else DASH


def carried(cost_us: float, rate: float) -> int:
    """Return how many clients one core carries that each ask ``rate`` times a second for what costs
    ``cost_us`` of CPU, the core being busy to seven tenths."""
    return int(_FILLED * 1e6 / (cost_us * rate))


def _streams(found: View, events_per_s: str) -> str:
    """How many streams of so many events a second one process carries, by its CPU per event."""
    name, rate = found.first("cpu-event"), float(events_per_s)
    rows = [
        [cell.label, value_interval(cost), f"{carried(cost.high, rate):,}{DASH}{carried(cost.low, rate):,}"]
        for cell in told(found)
        if (cost := found.figures[cell.id, name].middle) is not None
    ]
    head = f"streams of {events_per_s} events/s that one core carries"
    return table(["", headed(found, name), head], rows)


def _share(found: View, upstream_ms: str, rate: str) -> str:
    """What share of a request each cell is, and how many processes it takes, for that upstream and rate."""
    shares = _shares(found)
    rows = [[one.label, *one.words(float(upstream_ms), float(rate))] for one in shares]
    return table(["", "adds (p50)", "share of the request", "cores busy", "processes"], rows)


def _felt(found: View, *upstream_ms: str) -> str:
    """How far apart the apps' own cells are at most for who waits, beside what the upstream takes.

    From end to end of all intervals: the least and the greatest of many middles lie farther apart than what
    they are the middles of.
    """
    of = [found.added.get(cell.id, []) for cell in told(found) if cell.group == "product"]
    spans = [
        one.middle
        for every in of
        for one in every
        if (one.name, one.quantile) == ("response", 0.5) and one.middle is not None
    ]
    if len(spans) < 2:
        return "This run has no response times to say how much of a request the proxy is."
    least, most = max(0.0, min(one.low for one in spans) / 1e3), max(one.high for one in spans) / 1e3
    lines = [
        f"With an upstream that takes {wait} ms, a request through the slowest of them "
        f"takes at most {(most - least) / (least + float(wait)):.1%} longer than through the quickest"
        for wait in upstream_ms
    ]
    ends = (
        f"The apps' cells add {number(least)}{DASH}{number(most)} ms to a response (p50), intervals included"
    )
    return bullets([ends, *lines])


def _shares(found: View) -> list[Share]:
    every = [share_of(found, cell.id) for cell in told(found)]
    return [one for one in every if one.adds_ms is not None or one.cpu_us is not None]


def _layers(found: View) -> str:
    """µs of CPU per request that each layer adds to the one before, in both frameworks."""
    climbed = ladders(found.run.header.cells, found.figures).values()
    rows = dict.fromkeys(
        (rung.layer, f"+{value_interval(rung.added)}" if index else value_interval(rung.added))
        for rungs in climbed
        for index, rung in enumerate(one for one in rungs if one.added is not None)
        if rung.added is not None
    )
    if not rows:
        return "This run has no two cells that differ by a layer."
    return table(
        ["layer: each upon the one before, each framework upon bare ASGI", "CPU per request, µs"], rows
    )


def _moving(found: View, *names: str) -> str:
    """The cells on a way from one framework to another: speed, cost, contract cases passed."""
    metrics = read(found, "rps", "cpu-request", "cpu-event")
    cells = {cell.id: cell for cell in found.cells}
    rows = []
    for name in names:
        if name not in cells:
            rows.append([f"`{name}`", "no part of this run", *[""] * len(metrics)])
            continue
        score = found.run.header.scores.get(name)
        asked = f"{score.passed} of {score.passed + score.failed}" if score else DASH
        if cells[name].group == "product":
            asked = "all but known deviations"
        rows.append([cells[name].label, *(_value(found, cells[name], of) for of in metrics), asked])
    heads = [headed(found, name) for name in metrics]
    return table(["", *heads, "contract cases passed"], rows)


BLOCKS: Mapping[str, Callable[..., str]] = {
    "figures": _figures,
    "growth": _growth,
    "layers": _layers,
    "streams": _streams,
    "share": _share,
    "felt": _felt,
    "moving": _moving,
}
