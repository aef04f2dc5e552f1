"""Charts of rows: a ratio's dot and interval, bars, steps, dots of quantiles, one split bar. Words beside.

They follow the page's light or dark through the classes of its stylesheet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from bench.report.frame import (
    AXIS,
    Draw,
    Frame,
    Row,
    Scale,
    Shape,
    axis,
    both,
    laid,
    linear,
    linear_ticks,
    log,
    log_ticks,
    strips,
)
from bench.report.markup import Markup, el

__all__ = ["bars", "dots", "effects", "ranges", "split", "steps"]

_NEAR = (0.7, 0.8, 0.9, 1.1, 1.25, 1.5)
_FAR = (
    0.001,
    0.002,
    0.005,
    0.01,
    0.02,
    0.05,
    0.1,
    0.2,
    0.3,
    0.5,
    1,
    2,
    3,
    5,
    10,
    20,
    50,
    100,
    200,
    500,
    1000,
)
_TIMES = "\N{MULTIPLICATION SIGN}"


def effects(rows: Sequence[Row], *, margin: float, title: str) -> Markup:
    """Dot and interval per ratio on a log axis around one; the band is the margin of equivalence."""
    ends = [end for row in rows for end in (row.low, row.high) if end is not None]
    low, high = min([*ends, 1 / 1.3]) / 1.04, max([*ends, 1.3]) * 1.04
    known = sorted({1.0, *_FAR, *_NEAR}) if high / low < 12 else _FAR
    ticks = [tick for tick in known if low <= tick <= high]

    def draw(frame: Frame) -> tuple[list[Markup], float]:
        scale = log(low, high, frame.left, frame.right)

        def marks(row: Row, y: float) -> list[Markup]:
            ends = (row.low or row.values[0], row.high or row.values[0])
            left, right = map(scale, ends)
            dot = el("circle", cx=scale(row.values[0]), cy=y, r=4.5)
            return [el("g", el("line", x1=left, x2=right, y1=y, y2=y), dot, class_=f"mark {row.tone}")]

        drawn, bottom = laid(rows, frame, marks)
        start, end = scale(1 / (1 + margin)), scale(1 + margin)
        through = strips(rows, frame)
        below = [
            *(el("rect", x=start, y=y, width=end - start, height=to - y, class_="band") for y, to in through),
            *axis(ticks, scale, frame, bottom, lambda t: f"{t:g}{_TIMES}", through=through, first=1.0),
            *(el("line", x1=scale(1), x2=scale(1), y1=y, y2=to, class_="one") for y, to in through),
        ]
        return [*below, *drawn], bottom + AXIS

    return both(draw, title)


def bars(rows: Sequence[Row], *, unit: str, title: str, shape: Shape = both) -> Markup:
    """A bar per figure from zero, with its interval as a whisker."""
    most = max((max(row.high or 0.0, row.values[0]) for row in rows if row.values), default=1.0)
    return shape(_from_zero(rows, most, unit, lambda row: (0.0, row.values[0])), title)


def dots(rows: Sequence[Row], *, unit: str, title: str) -> Markup:
    """A dot per figure on a log axis, with its interval as a line."""
    ends = [end for row in rows for end in (row.low, row.high, *row.values) if end]
    low, high = min(ends, default=1.0) / 1.15, max(ends, default=10.0) * 1.15
    ticks = log_ticks(low, high)

    def draw(frame: Frame) -> tuple[list[Markup], float]:
        scale = log(low, high, frame.left, frame.right)

        def marks(row: Row, y: float) -> list[Markup]:
            left, right = (scale(max(end or row.values[0], low)) for end in (row.low, row.high))
            dot = el("circle", cx=scale(row.values[0]), cy=y, r=4.5)
            return [el("g", el("line", x1=left, x2=right, y1=y, y2=y), dot, class_=f"mark {row.tone}")]

        drawn, bottom = laid(rows, frame, marks)
        return [
            *_units(ticks, unit, scale, frame, bottom, strips(rows, frame)),
            *drawn,
        ], bottom + AXIS

    return both(draw, title)


def steps(rows: Sequence[Row], *, unit: str, title: str, most: float) -> Markup:
    """A bar per layer from where the one before ended: ``values`` are its two ends."""
    return both(_from_zero(rows, most, unit, lambda row: (row.values[0], row.values[1])), title)


def _from_zero(
    rows: Sequence[Row], most: float, unit: str, ends: Callable[[Row], tuple[float, float]]
) -> Draw:
    ticks = linear_ticks(most)

    def draw(frame: Frame) -> tuple[list[Markup], float]:
        scale = linear(0.0, max(most, ticks[-1]), frame.left, frame.right)

        def marks(row: Row, y: float) -> list[Markup]:
            left, right = sorted(map(scale, ends(row)))
            bar = el("rect", x=left, y=y - 7, width=max(right - left, 1.0), height=14.0, rx=2.0)
            return [el("g", bar, class_=f"bar {row.tone}"), *_whisker(row, y, scale)]

        drawn, bottom = laid(rows, frame, marks)
        return [
            *_units(ticks, unit, scale, frame, bottom, strips(rows, frame)),
            *drawn,
        ], bottom + AXIS

    return draw


def _units(
    ticks: Sequence[float],
    unit: str,
    scale: Scale,
    frame: Frame,
    bottom: float,
    through: Sequence[tuple[float, float]],
) -> list[Markup]:
    """Return the axis with its last tick labelled in any case, for it alone says the unit."""
    last = ticks[-1]
    return axis(ticks, scale, frame, bottom, partial(_tick, last, unit), through=through, first=last)


def _tick(last: float, unit: str, tick: float) -> str:
    """Return a value of the axis; the last one says the unit."""
    return f"{tick:,.10g}" + (f" {unit}" if tick == last else "")


def _whisker(row: Row, y: float, scale: Scale) -> list[Markup]:
    if row.low is None or row.high is None:
        return []
    left, right = scale(max(row.low, 0.0)), scale(row.high)
    return [
        el("line", x1=left, x2=right, y1=y, y2=y, class_="whisker"),
        *(el("line", x1=x, x2=x, y1=y - 4, y2=y + 4, class_="whisker") for x in (left, right)),
    ]


def ranges(rows: Sequence[Row], *, title: str, unit: str = "ms", from_zero: bool = False) -> Markup:
    """Several values of a row as dots on one line; the last is hollow (a far tail, a largest phase)."""
    values = [value for row in rows for value in row.values]
    low, high = max(min(values, default=0.1), 0.001), max(values, default=10.0)
    ticks = linear_ticks(high) if from_zero else log_ticks(low / 1.25, high * 1.25)

    def draw(frame: Frame) -> tuple[list[Markup], float]:
        if from_zero:
            scale = linear(0.0, max(high, ticks[-1]), frame.left, frame.right)
        else:
            scale = log(low / 1.25, high * 1.25, frame.left, frame.right)

        def marks(row: Row, y: float) -> list[Markup]:
            xs = [scale(value if from_zero else max(value, low)) for value in row.values]
            dots = [
                el(
                    "circle",
                    cx=x,
                    cy=y,
                    r=4.5 if place == 0 else 3.5,
                    class_="hollow" if 0 < place == len(xs) - 1 else None,
                )
                for place, x in enumerate(xs)
            ]
            line = el("line", x1=min(xs), x2=max(xs), y1=y, y2=y)
            return [el("g", line, *dots, class_=f"mark {row.tone}")]

        drawn, bottom = laid(rows, frame, marks)
        return [
            *axis(ticks, scale, frame, bottom, lambda t: f"{t:g} {unit}", through=strips(rows, frame)),
            *drawn,
        ], bottom + AXIS

    return both(draw, title)


def split(parts: Sequence[tuple[str, float, str]], *, title: str) -> Markup:
    """One bar split by share: (name, share of one, tone); a share is named inside where there is room."""

    def draw(frame: Frame) -> tuple[list[Markup], float]:
        found: list[Markup] = []
        x = 0.0
        for name, share, tone in parts:
            width = share * frame.width
            said = f"{name} {share:.0%}"
            if width >= 1:
                inside: list[Markup] = [el("title", said)]
                inside.append(el("rect", x=x, y=4.0, width=max(width - 1.5, 0.5), height=30.0, rx=2.0))
                if width > len(said) * 9 + 12:  # a heavy letter is wider
                    inside.append(el("text", said, x=x + 8, y=23.5))
                found.append(el("g", *inside, class_=f"share {tone}"))
            x += width
        return found, 38.0

    return both(draw, title)
