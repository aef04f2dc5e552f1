"""Figures by cell: bars with intervals and the places that cells share; what more connections change."""

from __future__ import annotations

from functools import partial
from statistics import median

from bench.cells import DIRECT
from bench.metrics import metric
from bench.record import CellSpec, Timed
from bench.report.charts import bars, dots
from bench.report.frame import Row
from bench.report.growing import growths
from bench.report.markup import Markup, el
from bench.report.parts import few, key, ran, section, tone, under_loads, why
from bench.report.scores import beside
from bench.report.tables import behind, cells_table, table
from bench.report.view import View
from bench.report.words import (
    DASH,
    FIGURES,
    STREAMS,
    absence_word,
    estimated,
    number,
    place,
    value_interval,
)
from bench.slopes import Slope, slopes
from bench.stats import Interval, compare, log_ratios

__all__ = ["bar", "figures_section", "growth_section"]

_FAR = 10  # times the least, beyond which the least bars could not be told apart


def figures_section(found: View) -> Markup:
    """Bars with intervals: capacity, CPU per request, CPU per event."""
    parts = [
        why(
            "Medians over blocks: bars, or where cells are far apart dots on an axis on which equal "
            "distances are equal ratios. # is the place of a cell among all: cells that this run cannot "
            "tell apart, every pair compared and corrected for, share theirs."
        ),
        key(found),
    ]
    ends = set({metric(name).scenario: name for name in found.shown(*FIGURES)}.values())
    parts += under_loads(found, found.shown(*FIGURES), partial(_bars, ends=ends))
    parts += _near_saturation(found)
    parts += [why(words)] if (words := beside(found)) else []
    tabled = found.shown(
        *FIGURES, "import", "burst-spread", "burst-coalescing", "cpu-request-paced", *STREAMS, "gap-p99"
    )
    parts.append(behind(el("div", *(cells_table(found, names) for names in found.by_load(tabled)))))
    return section("figures", "Figures by cell", *parts)


def _near_saturation(found: View) -> list[Markup]:
    """CPU per request as S2 and S3 read it: at the same rate in every cell, and with its core full."""
    paced, near = found.load("S2"), found.load("S3")
    if not paced or not near:
        return []
    rows, ids = [], []
    for cell in found.asked_of("cpu-request-paced"):
        both = [found.figures[cell.id, name] for name in ("cpu-request-paced", "cpu-request")]
        if any(figure.middle is None for figure in both):
            continue
        row = [cell.label]
        for figure in both:
            assert figure.middle is not None
            row += [value_interval(figure.middle), _busy(found, cell, metric(figure.metric).scenario)]
        over = compare(log_ratios(both[1].blocks, both[0].blocks))
        rows.append([*row, estimated(over) if over else DASH])
        ids.append(cell.id)
    heads = [
        f"at {paced}, µs",
        "core busy",
        f"near saturation, {near}, µs",
        "core busy",
        "this over that",
    ]
    told = (
        f"CPU per request near saturation is that of the closed loop, {near}; at {paced}, the same rate in "
        "every cell, a process sleeps and wakes for nearly each of them, and that is part of it."
    )
    beside = behind(
        table(["CPU per request", *heads], rows, cells=ids), "Near saturation and at a fixed rate"
    )
    return [why(told), beside] if rows else []


def _busy(found: View, cell: CellSpec, scenario: str) -> str:
    spans = [
        result.span for result in found.run.by_block(cell.id, scenario).values() if isinstance(result, Timed)
    ]
    return f"{median(span.cpu_s / span.seconds for span in spans):.0%}"


def _bars(found: View, name: str, ends: set[str]) -> list[Markup]:
    """One metric; behind the last of a load (``ends``) stands who was not run."""
    of = metric(name)
    places = found.places(name)
    cells, idle = ran(found, found.asked_of(name), of.scenario)
    rows = [bar(found, cell, name, places.get(cell.id)) for cell in cells]
    values = [value for row in rows for value in row.values]
    chart = dots if values and max(values) > _FAR * min(values) else bars
    drawn = few(found, rows, partial(chart, unit=of.unit, title=f"{found.title(name)} by cell"))
    unit = f", {of.unit}" if of.unit not in ("", "/s") else ""  # a title that counts per second says so
    parts = [el("h3", f"{found.title(name)}{unit} ({of.better} is better)"), *drawn]
    rig = found.figures[DIRECT, name].middle if (DIRECT, name) in found.figures else None
    if rig is not None and of.kind in ("rps", "mb-s"):
        parts.append(why(f"The rig alone, nothing in between, reaches {number(rig.value)} {of.unit}."))
    return parts + (idle if name in ends else [])


def bar(found: View, cell: CellSpec, name: str, shared: tuple[int, int] | None = None) -> Row:
    """Return one cell's bar in a metric; ``shared``: the places it may hold."""
    figure = found.figures[cell.id, name]
    if figure.middle is None:
        tip = figure.absence.detail if figure.absence else ""
        note = absence_word(figure.absence) if figure.absence else DASH
        return Row(cell.label, note, cell=cell.id, tip=tip)
    middle = figure.middle
    unit = metric(name).unit
    return Row(
        cell.label,
        number(middle.value) + (f" · #{place(shared)}" if shared else ""),
        tone(cell),
        (middle.value,),
        middle.low,
        middle.high,
        cell=cell.id,
        tip=f"{cell.label}: {value_interval(middle)} {unit}, {middle.n} blocks",
    )


def growth_section(found: View) -> Markup:
    """What more of something does to each cell: the same figure under the larger load over the smaller."""
    kinds, sizes = growths(found), _sizes(found)
    if not kinds and not sizes:
        return Markup("")
    parts = []
    if kinds:
        parts.append(
            why("The larger load over the smaller, in one process, block by block; one means no change.")
        )
    for one in kinds:
        rows = [[cell.label, *ratios] for cell, ratios in one.rows]
        ids = [cell.id for cell, _ in one.rows]
        parts += [el("h3", one.kind), table(["cell", *one.loads], rows, cells=ids)]
    return section("growth", "Growth", *parts, *sizes)


def _sizes(found: View) -> list[Markup]:
    rows = slopes(found.run, found.figures)
    if not rows:
        return []
    return [
        el("h3", "CPU by the size of a body"),
        why(
            "The line through 1 KiB and 64 KiB: what a request takes whatever it carries, and what a MB does."
        ),
        table(
            ["cell", "µs per request", "µs per MB"],
            [
                [found.cell(one.cell).label, *(_size(one, part) for part in (one.request_us, one.mb_us))]
                for one in rows
            ],
            cells=[one.cell for one in rows],
        ),
    ]


def _size(one: Slope, part: Interval | None) -> str:
    if part is None:
        return absence_word(one.absence) if one.absence else DASH
    held = part.low <= 0 <= part.high
    return value_interval(part) + (f", {absence_word(one.absence)}" if held and one.absence else "")
