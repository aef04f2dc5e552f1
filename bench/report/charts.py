"""Charts as SVG, drawn here: they read without a script, follow the page's light or dark, and print.

Every chart has the same frame: labels left, marks on a scale, the figure in words right.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from bench.report.markup import Markup, el, join

__all__ = ["Row", "Spark", "bars", "effects", "ranges", "sparks"]

_WIDTH, _LABEL, _NOTE = 860.0, 232.0, 214.0
_ROW, _TOP, _AXIS = 24.0, 8.0, 26.0
_LEFT, _RIGHT = _LABEL + 12, _WIDTH - _NOTE - 12

Scale = Callable[[float], float]


class Row(NamedTuple):
    """One row: marks at ``values`` with an optional interval; ``note`` is the figure in words.

    ``tone`` names the colour (a class of the stylesheet). Without values only the note is shown. ``head``
    rows carry a label alone.
    """

    label: str
    note: str
    tone: str = ""
    values: tuple[float, ...] = ()
    low: float | None = None
    high: float | None = None
    head: bool = False


class Spark(NamedTuple):
    """One small line: a cell's value in each block, as a ratio to its median; None where there is none."""

    label: str
    note: str
    tone: str
    values: tuple[float | None, ...]


def effects(rows: Sequence[Row], *, margin: float, title: str) -> Markup:
    """Dot and interval per ratio on a log axis around one; the band is the margin of equivalence."""
    ends = [end for row in rows for end in (row.low, row.high) if end is not None]
    low, high = min([*ends, 1 / 1.3]), max([*ends, 1.3])
    low, high = max(low, 0.05), min(high, 20.0)
    scale = _log_scale(low / 1.04, high * 1.04)
    bottom = _TOP + _ROW * len(rows)
    band_left, band_right = scale(1 / (1 + margin)), scale(1 + margin)
    below = [
        el("rect", x=band_left, y=_TOP, width=band_right - band_left, height=bottom - _TOP, class_="band"),
        *_axis(
            [t for t in _RATIO_TICKS if low / 1.04 <= t <= high * 1.04],
            scale,
            bottom,
            lambda t: f"{t:g}\N{MULTIPLICATION SIGN}",
        ),
        el("line", x1=scale(1), x2=scale(1), y1=_TOP, y2=bottom, class_="one"),
    ]
    marks = [_effect(row, _TOP + _ROW * (i + 0.5), scale, low, high) for i, row in enumerate(rows)]
    return _svg([*below, *marks], bottom + _AXIS, title)


_RATIO_TICKS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 1, 1.1, 1.25, 1.5, 2, 3, 5, 10, 20)


def _effect(row: Row, y: float, scale: Scale, low: float, high: float) -> Markup:
    parts = _words(row, y)
    if row.values and row.low is not None and row.high is not None:
        left, right = scale(max(row.low, low / 1.04)), scale(min(row.high, high * 1.04))
        parts.append(el("line", x1=left, x2=right, y1=y, y2=y, class_=f"interval {row.tone}"))
        parts.append(
            el("circle", cx=scale(min(max(row.values[0], low), high)), cy=y, r=4.5, class_=f"dot {row.tone}")
        )
    return el("g", *parts)


def bars(rows: Sequence[Row], *, unit: str, title: str) -> Markup:
    """A bar per figure from zero, with its interval as a whisker."""
    most = max((row.high or row.values[0] for row in rows if row.values), default=1.0)
    ticks = _linear_ticks(most)
    scale = _linear_scale(0.0, max(most, ticks[-1]))
    bottom = _TOP + _ROW * len(rows)
    parts = _axis(ticks, scale, bottom, lambda t: f"{t:,.0f}" + (f" {unit}" if t == ticks[-1] else ""))
    for index, row in enumerate(rows):
        y = _TOP + _ROW * (index + 0.5)
        parts += _words(row, y)
        if not row.values:
            continue
        parts.append(
            el(
                "rect",
                x=_LEFT,
                y=y - 7,
                width=scale(row.values[0]) - _LEFT,
                height=14.0,
                rx=2.0,
                class_=f"bar {row.tone}",
            )
        )
        if row.low is not None and row.high is not None:
            left, right = scale(row.low), scale(row.high)
            parts.append(el("line", x1=left, x2=right, y1=y, y2=y, class_="whisker"))
            parts += [el("line", x1=x, x2=x, y1=y - 4, y2=y + 4, class_="whisker") for x in (left, right)]
    return _svg(parts, bottom + _AXIS, title)


def ranges(rows: Sequence[Row], *, title: str, least: float = 0.01) -> Markup:
    """Quantiles of a row as dots on one line, log axis in ms; the last dot is hollow (the far tail)."""
    values = [value for row in rows for value in row.values]
    low, high = max(min(values, default=0.1), least), max(values, default=10.0)
    scale = _log_scale(low / 1.25, high * 1.25)
    bottom = _TOP + _ROW * len(rows)
    ticks = [m * 10.0**e for e in range(-3, 5) for m in (1, 2, 5) if low / 1.25 <= m * 10.0**e <= high * 1.25]
    parts = _axis(ticks, scale, bottom, lambda t: f"{t:g} ms")
    for index, row in enumerate(rows):
        y = _TOP + _ROW * (index + 0.5)
        parts += _words(row, y)
        if not row.values:
            continue
        xs = [scale(max(value, low)) for value in row.values]
        parts.append(el("line", x1=xs[0], x2=xs[-1], y1=y, y2=y, class_=f"interval {row.tone}"))
        for place, x in enumerate(xs):
            hollow = " hollow" if place == len(xs) - 1 and len(xs) > 1 else ""
            parts.append(
                el("circle", cx=x, cy=y, r=4.5 if place == 0 else 3.5, class_=f"dot {row.tone}{hollow}")
            )
    return _svg(parts, bottom + _AXIS, title)


def sparks(cells: Sequence[Spark], *, title: str) -> Markup:
    """Small multiples: each cell over the blocks, all on one scale, so that a drifting machine shows."""
    columns, gap, height = 3, 20.0, 66.0
    width = (_WIDTH - gap * (columns - 1)) / columns
    spread = [abs(math.log(v)) for cell in cells for v in cell.values if v]
    reach = max(0.05, min(max(spread, default=0.05), math.log(3)))
    parts: list[Markup] = []
    for index, cell in enumerate(cells):
        x, y = (index % columns) * (width + gap), (index // columns) * (height + 14)
        parts.append(_spark(cell, x, y, width, height, reach))
    rows = -(-len(cells) // columns)
    return _svg(parts, rows * (height + 14), title)


def _spark(cell: Spark, x: float, y: float, width: float, height: float, reach: float) -> Markup:
    top, bottom = y + 22, y + height
    middle = (top + bottom) / 2

    def at(index: int, value: float) -> tuple[float, float]:
        step = (width - 12) / max(1, len(cell.values) - 1)
        log = min(max(math.log(value), -reach), reach)
        return x + 6 + step * index, middle - log / reach * (bottom - top) / 2

    points = [at(index, value) for index, value in enumerate(cell.values) if value]
    line = " ".join(f"{px:.1f},{py:.1f}" for px, py in points)
    return el(
        "g",
        el("text", cell.label, x=x, y=y + 12, class_="label start"),
        el("text", cell.note, x=x + width, y=y + 12, class_="note end"),
        el("rect", x=x, y=top, width=width, height=bottom - top, rx=3.0, class_="well"),
        el("line", x1=x, x2=x + width, y1=middle, y2=middle, class_="grid"),
        el("polyline", points=line, class_=f"spark {cell.tone}"),
        *(el("circle", cx=px, cy=py, r=2.5, class_=f"dot {cell.tone}") for px, py in points),
    )


def _words(row: Row, y: float) -> list[Markup]:
    kind = "label head" if row.head else "label"
    found = [
        el(
            "text",
            row.label,
            x=0.0 if row.head else _LABEL,
            y=y + 4,
            class_=kind + ("" if row.head else " end"),
        )
    ]
    if row.note:
        found.append(el("text", row.note, x=_WIDTH - _NOTE, y=y + 4, class_="note"))
    return found


def _axis(ticks: Sequence[float], scale: Scale, bottom: float, text: Callable[[float], str]) -> list[Markup]:
    found: list[Markup] = []
    last = -math.inf
    for tick in ticks:
        x = scale(tick)
        found.append(el("line", x1=x, x2=x, y1=_TOP, y2=bottom, class_="grid"))
        if x - last >= 46:  # labels must not touch
            found.append(el("text", text(tick), x=x, y=bottom + 16, class_="tick"))
            last = x
    return found


def _svg(parts: Sequence[Markup], height: float, title: str) -> Markup:
    # a narrow screen scrolls the chart rather than shrinking its text beyond reading
    chart = el(
        "svg",
        el("title", title),
        join(list(parts)),
        viewBox=f"0 0 {_WIDTH:.0f} {height:.0f}",
        role="img",
        aria_label=title,
    )
    return el("div", chart, class_="chart")


def _linear_scale(low: float, high: float) -> Scale:
    return lambda value: _LEFT + (value - low) / (high - low) * (_RIGHT - _LEFT)


def _log_scale(low: float, high: float) -> Scale:
    span = math.log(high / low)
    return lambda value: _LEFT + math.log(value / low) / span * (_RIGHT - _LEFT)


def _linear_ticks(most: float) -> list[float]:
    step = 10.0 ** math.floor(math.log10(most or 1))
    for part in (0.2, 0.25, 0.5, 1.0):
        if most / (step * part) <= 6:
            step *= part
            break
    return [step * index for index in range(math.ceil(most / step) + 1)]
