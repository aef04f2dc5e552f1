"""What all charts share: two sizes, scales, axes, rows of words, and the SVG around them.

Each chart is drawn twice, for a wide screen with its words beside the marks and for a narrow one with the
words above them; the stylesheet shows one. Text is then never scaled below reading, and needs no script.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from bench.report.markup import Markup, el, join

__all__ = [
    "AXIS",
    "NARROW",
    "TOP",
    "WIDE",
    "Draw",
    "Frame",
    "Row",
    "Scale",
    "Shape",
    "alone",
    "axis",
    "both",
    "height_of",
    "laid",
    "linear",
    "linear_ticks",
    "log",
    "log_ticks",
    "middles",
    "strips",
]

Scale = Callable[[float], float]

TOP, AXIS = 6.0, 24.0
_GROUND, _TITLE = 18.0, 26.0
_LONG = 38  # letters of a label that fit beside the marks; more have to be smaller
_LINE = 16.0  # of words above the marks
_LETTER = 7.2  # about the width of one in the widest of the fonts, in the units of a chart


class Frame(NamedTuple):
    """One size: marks lie between ``left`` and ``right``. ``stacked``: words stand above the marks."""

    name: str
    width: float
    left: float
    right: float
    stacked: bool


WIDE = Frame("wide", 880.0, 296.0, 650.0, False)
NARROW = Frame("narrow", 340.0, 8.0, 332.0, True)


class Row(NamedTuple):
    """One row: marks at ``values`` with an optional interval; ``note`` is the figure in words.

    ``tone`` names the colour (a class of the stylesheet). Without values only the note is shown. ``head``
    rows carry a label alone. ``cell``: whose row it is, for the filter. ``tip``: more words, shown on demand.
    """

    label: str
    note: str
    tone: str = ""
    values: tuple[float, ...] = ()
    low: float | None = None
    high: float | None = None
    head: bool = False
    cell: str = ""
    tip: str = ""


Draw = Callable[[Frame], tuple[Sequence[Markup], float]]
"""Gives a size's parts and height."""

Shape = Callable[[Draw, str], Markup]
"""What a drawing and its title become."""


def both(draw: Draw, title: str) -> Markup:
    """Return the chart in both sizes, for the page."""
    sizes = []
    for frame in (WIDE, NARROW):
        parts, height = draw(frame)
        chart = el(
            "svg",
            join(list(parts)),
            viewBox=f"0 0 {frame.width:.0f} {height:.0f}",
            role="img",
            aria_label=f"{title}. The figures are in the table below.",
            class_=frame.name,
        )
        sizes.append(chart)
    return el("div", *sizes, class_="chart")


def alone(draw: Draw, title: str) -> Markup:
    """Return the wide chart as a file of its own, on its own ground, under its title: light or dark as its
    reader's system is, wherever it is shown."""
    parts, height = draw(WIDE)
    left, top = -_GROUND, -_GROUND - _TITLE
    width, tall = WIDE.width - 2 * left, height + _GROUND - top
    style = Path(__file__).with_name("chart.css").read_text(encoding="utf-8")
    return el(
        "svg",
        el("title", title),
        el("style", Markup("\n" + style + ".ground { fill: var(--paper); }\n")),
        el("rect", x=left, y=top, width=width, height=tall, rx=10.0, class_="ground"),
        el("text", title, x=0.0, y=16.0 - _TITLE, class_="head"),
        join(list(parts)),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"{left:g} {top:g} {width:g} {tall:g}",
        width=f"{width:g}",
        height=f"{tall:g}",
        role="img",
    )


def _beside(rows: Sequence[Row], frame: Frame) -> bool:
    """Return whether all figures of a chart fit beside their labels: they stand in one place or the other."""
    return all((len(row.label) + len(row.note) + 2) * _LETTER <= frame.width for row in rows)


def _heights(rows: Sequence[Row], frame: Frame) -> list[float]:
    if not frame.stacked:
        return [30.0 if row.head else 25.0 for row in rows]
    below = 0.0 if _beside(rows, frame) else _LINE
    return [28.0 if row.head else (42.0 if row.values else 26.0) + below for row in rows]


def middles(rows: Sequence[Row], frame: Frame) -> list[float]:
    """Return the height at which each row has its marks."""
    found, top = [], TOP
    for row, height in zip(rows, _heights(rows, frame), strict=True):
        found.append(top + height - (12.0 if frame.stacked and not row.head else 12.5))
        top += height
    return found


def height_of(rows: Sequence[Row], frame: Frame) -> float:
    """Return where the rows end, which is where the axis lies."""
    return TOP + sum(_heights(rows, frame)) + 2


def strips(rows: Sequence[Row], frame: Frame) -> list[tuple[float, float]]:
    """Return (top, bottom) of where lines may run through all rows: not through words that stand above."""
    bottom = height_of(rows, frame)
    if not frame.stacked:
        return [(TOP, bottom)]
    marked = [y for row, y in zip(rows, middles(rows, frame), strict=True) if row.values]
    return [*((y - 9, y + 9) for y in marked), (bottom - 3, bottom)]


def words(row: Row, y: float, frame: Frame, *, beside: bool) -> list[Markup]:
    """Return a row's label and note; ``beside``: a note stands in the label's line where words are above."""
    if row.head:
        return [el("text", row.label, x=0.0, y=y + 4, class_="label head")]
    if not frame.stacked:
        size = "label end long" if len(row.label) > _LONG else "label end"
        found = [el("text", row.label, x=frame.left - 14, y=y + 4, class_=size)]
        return [*found, el("text", row.note, x=frame.right + 16, y=y + 4, class_="note")]
    below = y - 13 if row.values else y + 2  # the marks, where there are any, lie under the words
    if beside:
        return [
            el("text", row.label, x=0.0, y=below, class_="label"),
            el("text", row.note, x=frame.width, y=below, class_="note end"),
        ]
    return [
        el("text", row.label, x=0.0, y=below - _LINE, class_="label"),
        el("text", row.note, x=0.0, y=below, class_="note"),
    ]


def laid(
    rows: Sequence[Row], frame: Frame, marks: Callable[[Row, float], Sequence[Markup]]
) -> tuple[list[Markup], float]:
    """Return every row's words and marks together, with its tip and whose it is, and where the rows end."""
    beside = _beside(rows, frame)
    found = []
    for row, y in zip(rows, middles(rows, frame), strict=True):
        tip = [el("title", row.tip)] if row.tip else []
        inside = [*tip, *words(row, y, frame, beside=beside), *(marks(row, y) if row.values else [])]
        found.append(el("g", *inside, data_cell=row.cell or None, class_="row"))
    return found, height_of(rows, frame)


def axis(
    ticks: Sequence[float],
    scale: Scale,
    frame: Frame,
    bottom: float,
    text: Callable[[float], str],
    *,
    through: Sequence[tuple[float, float]] = (),
    first: float | None = None,
) -> list[Markup]:
    """Return grid lines with their labels, some left out where they would touch.

    ``through``: (top, bottom) of the lines' parts, all the height unless told; ``first``: the tick that is
    labelled whatever stands beside it.
    """
    found: list[Markup] = []
    taken: list[tuple[float, float]] = []
    for tick in sorted(ticks, key=lambda one: one != first):
        x = scale(tick)
        parts = through or [(TOP, bottom)]
        found += (el("line", x1=x, x2=x, y1=top, y2=end, class_="grid") for top, end in parts)
        said = text(tick)
        half = (len(said) + 0.5) * _LETTER / 2
        if all(x + half + 6 <= left or x - half >= right + 6 for left, right in taken):
            x = min(max(x, half), frame.width - half)
            found.append(el("text", said, x=x, y=bottom + 16, class_="tick"))
            taken.append((x - half, x + half))
    return found


def linear(low: float, high: float, start: float, end: float) -> Scale:
    """Return a scale from low … high to start … end."""
    return lambda value: start + (value - low) / (high - low) * (end - start)


def log(low: float, high: float, start: float, end: float) -> Scale:
    """Return a logarithmic scale from low … high to start … end."""
    span = math.log(high / low)
    return lambda value: start + math.log(value / low) / span * (end - start)


def linear_ticks(most: float, *, count: int = 6) -> list[float]:
    """Return round values from zero to at least ``most``."""
    step = 10.0 ** math.floor(math.log10(most or 1))
    for part in (0.1, 0.2, 0.25, 0.5, 1.0, 2.0):
        if most / (step * part) <= count:
            step *= part
            break
    return [step * index for index in range(math.ceil(most / step - 1e-9) + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """Return 1, 2 and 5 times powers of ten between the two."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [m * 10.0**e for e in powers for m in (1, 2, 5) if low <= m * 10.0**e <= high]
