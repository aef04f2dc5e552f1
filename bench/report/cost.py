"""Where the CPU of a request goes, layer by layer, and what that means for a reader's own load."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from bench.ladder import Rung, ladders
from bench.record import Absence
from bench.report.charts import steps
from bench.report.frame import Row
from bench.report.markup import Markup, el
from bench.report.parts import absent, data, few, not_run, section, why
from bench.report.tables import behind, table
from bench.report.view import View
from bench.report.words import absence_word, number, value_interval

__all__ = ["Share", "calculator_section", "ladder_section", "share_of"]

_UNTIMED = not_run("What a cell adds to a request", "S2")

UPSTREAM_MS, RATE = 40.0, 300.0
"""What the calculator stands at: a database or a small service behind, a busy day."""

_FILLED = 0.7  # of a core at most: above, queues grow faster than load


def ladder_section(found: View) -> Markup:
    """µs of CPU per request by layer, for each framework."""
    title = "What each layer costs"
    found_ladders = ladders(found.run.header.cells, found.figures)
    if not found_ladders:
        few = Absence("not-run", "it takes two cells on one server that differ by a layer")
        return section("ladder", title, absent("The ladder", few))
    parts = [
        why(
            "CPU per request in µs, closed loop; each bar begins where the layer before it ended, and its "
            "whisker is the interval of the layer alone. A layer that was not run is part of the next."
        )
    ]
    rows = []
    ends = [rung.start + rung.added.high for rungs in found_ladders.values() for rung in rungs if rung.added]
    for name, rungs in found_ladders.items():
        parts.append(el("h3", name))
        chart = [_row(rung, name.lower()) for rung in rungs]
        parts.append(steps(chart, unit="µs", title=f"CPU per request by layer, {name}", most=max(ends)))
        rows += [[name, rung.layer, *_words(rung)] for rung in rungs]
    parts.append(behind(table(["framework", "layer", "adds, µs", "up to, µs"], rows)))
    return section("ladder", title, *parts)


def _row(rung: Rung, tone: str) -> Row:
    if rung.absence is not None or rung.added is None:
        word = absence_word(rung.absence) if rung.absence else ""
        return Row(rung.layer, word, tip=rung.absence.detail if rung.absence else "", cell=rung.cell)
    own = tone if rung.layer.lower().startswith(tone) else "other"
    sign = "+" if rung.added.value >= 0 and rung.start else ""
    return Row(
        rung.layer,
        f"{sign}{number(rung.added.value)} µs",
        own,
        (rung.start, rung.end),
        rung.start + rung.added.low,
        rung.start + rung.added.high,
        cell=rung.cell,
        tip=f"{rung.layer}: {value_interval(rung.added)} µs",
    )


def _words(rung: Rung) -> list[str]:
    if rung.added is None:
        return [f"{absence_word(rung.absence)}: {rung.absence.detail}" if rung.absence else "", ""]
    return [value_interval(rung.added), number(rung.end)]


class Share:
    """What a cell is to one's own load: ``adds_ms`` (``at_most``: below what the run resolves) and
    ``cpu_us`` per request; each None where the run has no figure."""

    def __init__(self, label: str, adds_ms: float | None, cpu_us: float | None, *, at_most: bool) -> None:
        self.label, self.adds_ms, self.cpu_us, self.at_most = label, adds_ms, cpu_us, at_most

    def words(self, upstream_ms: float, rate: float) -> list[str]:
        """Return (adds, share of the request, cores busy, processes) for that upstream and rate."""
        adds, share, busy, processes = "no figure", "no figure", "no figure", "no figure"
        if self.adds_ms is not None:
            less = "< " if self.at_most else ""
            adds = f"{less}{number(self.adds_ms)} ms"
            share = _least(100 * self.adds_ms / (self.adds_ms + upstream_ms), 1, "%", less)
        if self.cpu_us is not None:
            cores = rate * self.cpu_us / 1e6
            busy, processes = _least(cores, 2), str(math.ceil(cores / _FILLED))
        return [adds, share, busy, processes]


def _least(value: float, digits: int, unit: str = "", less: str = "") -> str:
    """Return a value in so many digits; one that they would show as zero as less than their least."""
    least = 10.0**-digits
    return f"< {least:g}{unit}" if value < least / 2 else f"{less}{value:.{digits}f}{unit}"


def share_of(found: View, cell: str) -> Share:
    """Return what the calculator knows of a cell."""
    added = next(
        (one for one in found.added.get(cell, []) if (one.name, one.quantile) == ("response", 0.5)), None
    )
    middle = added.middle if added else None
    below = added is not None and added.absence is not None and added.absence.reason == "below-resolution"
    adds_ms = None
    if middle is not None and (below or (added is not None and added.absence is None)):
        adds_ms = (middle.high if below else middle.value) / 1e3
    figure = found.figures.get((cell, "cpu-request"))
    cpu_us = figure.middle.value if figure is not None and figure.middle is not None else None
    return Share(found.cell(cell).label, adds_ms, cpu_us, at_most=below)


def calculator_section(found: View) -> Markup:
    """For an upstream's time and a rate: what share of a request the proxy is, how many cores it takes."""
    title = "What it means for your load"
    shares = {cell.id: share_of(found, cell.id) for cell in found.cells if not cell.twin_of}
    shares = {name: one for name, one in shares.items() if one.adds_ms is not None or one.cpu_us is not None}
    if not shares:
        return section("yours", title, absent("The calculator", Absence("not-run", "it needs S2 or S3")))
    sliders = el(
        "form",
        _slider("upstream", "Your upstream takes", UPSTREAM_MS, "ms", 0.0, 3.4),
        _slider("rate", "You need", RATE, "requests/s", 0.0, 5.0),
        id="sliders",
        hidden="",
    )
    rows = [_Line(name, [one.label, *one.words(UPSTREAM_MS, RATE)]) for name, one in shares.items()]
    heads = ["cell", "adds (p50)", "share of your request", "cores busy", "processes"]
    return section(
        "yours",
        title,
        sliders,
        el(
            "p",
            f"If your upstream takes {UPSTREAM_MS:g} ms and you need {RATE:g} requests/s:",
            id="load",
            aria_live="polite",
        ),
        el("div", *few(found, rows, partial(_table, heads)), id="calculator"),
        *([] if any(one.adds_ms is not None for one in shares.values()) else [_UNTIMED]),
        why(
            f"Small JSON on this machine, worked out from medians. Processes are counted at {_FILLED:.0%} of "
            "a core each, one core a process. Where the proxy is a few percent of a request, no choice on "
            "this page will be felt by who waits for it; the cores are paid for all the same."
        ),
        data(
            {
                name: {"adds": one.adds_ms, "atMost": one.at_most, "cpu": one.cpu_us}
                for name, one in shares.items()
            },
            "shares",
        ),
    )


class _Line(NamedTuple):
    cell: str
    words: list[str]


def _table(heads: Sequence[str], lines: Sequence[_Line]) -> Markup:
    return table(heads, [line.words for line in lines], cells=[line.cell for line in lines])


def _slider(name: str, before: str, value: float, unit: str, low: float, high: float) -> Markup:
    return el(
        "div",
        el("label", before, for_=name),
        " ",
        el("output", f"{value:g}", id=f"{name}-out", for_=name),
        f" {unit}",
        # the slider moves through powers of ten
        el(
            "input",
            type="range",
            id=name,
            min=f"{low:g}",
            max=f"{high:g}",
            step="0.02",
            value=f"{math.log10(value):.2f}",
        ),
    )
