"""The tables behind the charts: every figure with its interval, and what is missing by its reason."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from bench.health import conditions
from bench.metrics import metric
from bench.record import GateResult
from bench.report.markup import Markup, el
from bench.report.scores import score_words
from bench.report.view import View
from bench.report.words import (
    DASH,
    absence_word,
    estimated,
    number,
    over,
    ratio,
    value_interval,
    verdict_word,
)

__all__ = [
    "added_table",
    "behind",
    "cells_table",
    "conditions_table",
    "contrasts_table",
    "gate_table",
    "memory_table",
    "table",
]


_SHORT = 22
"""Letters of a figure with its interval, which is read in one piece."""
_WORD, _FEW = 10, 5
"""Letters of a figure alone, and columns of a table that a phone shows whole."""


def table(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    cells: Sequence[str] | None = None,
    name: str | None = None,
) -> Markup:
    """Return a table; the first column is text, the others are figures. ``cells``: whose each row is."""
    of = cells or [""] * len(rows)
    lines = [
        el(
            "tr",
            el("th", row[0], scope="row"),
            *(el("td", text) for text in row[1:]),
            data_cell=cell or None,
        )
        for row, cell in zip(rows, of, strict=True)
    ]
    headings = el("thead", el("tr", *(el("th", text, scope="col") for text in head)))
    # it may be wider than a phone: whoever has no pointer scrolls it by its own focus
    return el(
        "div",
        el("table", headings, el("tbody", *lines)),
        class_=_width([text for row in rows for text in row[1:]], len(head)),
        id=name,
        tabindex="0",
        role="region",
        aria_label=f"Table: {', '.join(head)}",
    )


def _width(texts: Sequence[str], columns: int) -> str:
    """Return the classes by which a table takes no more room than its figures need."""
    longest = max(map(len, texts), default=0)
    if longest <= _WORD and columns <= _FEW:
        return "table tight few"  # all of it fits on a phone
    return "table tight" if longest <= _SHORT else "table"


def behind(content: Markup, what: str = "The figures as a table") -> Markup:
    """Return a table that opens on demand, without a script."""
    return el("details", el("summary", what), content)


def cells_table(found: View, metrics: Sequence[str]) -> Markup:
    """Return cells by metrics, each with its interval."""
    asked = {cell.id for name in metrics for cell in found.asked_of(name)}
    cells = [cell for cell in found.run.header.cells if cell.id in asked or cell.group == "direct"]
    rows = []
    for cell in cells:
        row = [cell.label]
        for name in metrics:
            figure = found.figures[cell.id, name]
            if figure.absence is not None:
                row.append(absence_word(figure.absence))
            else:
                row.append(value_interval(figure.middle) if figure.middle else DASH)
        rows.append(row)
    units = {name: metric(name).unit for name in metrics}
    heads = [
        "cell",
        *(f"{found.title(name)} ({unit})" if unit else found.title(name) for name, unit in units.items()),
    ]
    return table(heads, rows, cells=[cell.id for cell in cells])


def conditions_table(found: View) -> Markup:
    """Return what each cell was timed under: a dash where the system does not tell, or nothing would."""

    def share(value: float | None, digits: int = 1) -> str:
        return DASH if value is None else f"{value:.{digits}%}"

    every = conditions(found.run)
    rows = [
        [
            found.cell(one.cell).label,
            DASH if one.headroom is None else ratio(one.headroom),
            DASH if one.send_lag_ms is None else number(one.send_lag_ms),
            share(one.waits),
            share(one.steal),
            share(one.rig_busy, 0),
        ]
        for one in every
    ]
    heads = [
        "cell",
        "least headroom",
        "send lag p99, ms",
        "waits for the core",
        "steal",
        "rig's core at most",
    ]
    return table(heads, rows, cells=[one.cell for one in every])


def contrasts_table(found: View, metrics: Sequence[str], questions: Sequence[str]) -> Markup:
    """Return contrasts by metrics: ratio, interval, verdict."""
    rows = []
    for contrast in found.asked(*questions):
        outcomes = [found.outcome(contrast, name) for name in metrics]
        row = [f"{contrast.first} / {contrast.second}, {over(outcomes)}"]
        if not any(found.was_asked(contrast, name) for name in metrics):
            continue
        for outcome in outcomes:
            estimate = outcome.estimate
            figure = f"{estimated(estimate)}, " if estimate else ""
            row.append(figure + verdict_word(outcome))
        rows.append(row)
    return table(["contrast", *map(found.title, metrics)], rows)


def added_table(found: View) -> Markup:
    """Return the added delays of each cell in ms."""
    rows = []
    heads: list[str] = []
    for cell in found.cells:
        heads = [f"{one.name} p{one.quantile * 100:g}" for one in found.added[cell.id]]
        row = [cell.label]
        for one in found.added[cell.id]:
            if one.middle is None:
                row.append(absence_word(one.absence) if one.absence else DASH)
                continue
            middle = one.middle
            text = number(middle.value / 1e3)
            if middle.n > 1:
                text += f" ({number(middle.low / 1e3)}{DASH}{number(middle.high / 1e3)})"
            row.append(text + (", " + absence_word(one.absence) if one.absence else ""))
        rows.append(row)
    return table(["added by the cell, ms", *heads], rows, cells=[cell.id for cell in found.cells])


def memory_table(found: View) -> Markup:
    """Return start-up times and memory by cell (medians over blocks), of each part its own processes."""
    rows, ids = [], []
    for part, cell in itertools.product(found.run.header.plan, found.cells):
        if not (records := found.run.processes(cell.id, part)):
            continue
        starts = (
            [value for r in records if (value := getattr(r, name)) is not None]
            for name in ("import_s", "started_s", "answered_s")
        )
        idle = [r.idle.rss_kib / 1024 for r in records if r.idle]
        after = [r.after.rss_kib / 1024 for r in records if r.after]
        peak = [r.peak_kib / 1024 for r in records if r.peak_kib]
        private = [r.after.private_kib / 1024 for r in records if r.after]
        left = [r.streams_left for r in records if r.streams_left is not None]
        figures = [_median(values) for values in (*starts, idle, after, private, peak)]
        named = [part.id] if part.id else []
        rows.append([cell.label, *named, *figures, str(max(left)) if left else DASH])
        ids.append(cell.id)
    heads = ["cell", *(["part"] if found.run.header.parts else [])]
    heads += ["app imported, s", "listening, s", "first answer, s"]
    heads += ["resident idle, MiB", "resident after, MiB", "private after, MiB", "resident at most, MiB"]
    return table([*heads, "upstream streams left open, at most"], rows, cells=ids)


def gate_table(found: View) -> Markup:
    """Return what each cell showed before it was timed, every one of its processes."""
    rows = []
    for cell in found.run.header.cells:
        gates = [
            gate
            for record in found.run.cells
            if record.cell == cell.id and isinstance(gate := record.results.get("S0"), GateResult)
        ]
        failed = next((gate for gate in gates if gate.failed), None)
        if failed is not None:
            words = f"FAILED: {failed.failed}: {failed.detail}"
        else:
            words = f"passed in {len(gates)} processes: {', '.join(gates[0].passed)}" if gates else "not run"
        rows.append([cell.label, words, score_words(found, cell)])
    return table(["cell", "gate", "contract cases"], rows, cells=[cell.id for cell in found.run.header.cells])


def _median(values: Sequence[float]) -> str:
    if not values:
        return DASH
    ordered = sorted(values)
    return number(ordered[len(ordered) // 2])
