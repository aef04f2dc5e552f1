"""Charts over a plane: curves with their names at the ends, rasters of events, small lines block by block."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from bench.report.frame import AXIS, WIDE, Frame, Scale, axis, both, linear, linear_ticks, log, log_ticks
from bench.report.markup import Markup, el, join

__all__ = ["Curve", "Lane", "Spark", "curves", "raster", "sparks"]


_LABEL = 32  # letters for which three small charts side by side have room


class Curve(NamedTuple):
    """A line through points, named at its end when ``named``, otherwise faint with its name as a tip; over a
    ``band`` of (x, low, high) where it has intervals."""

    label: str
    tone: str
    points: tuple[tuple[float, float], ...]
    cell: str = ""
    named: bool = False
    dots: bool = False
    band: tuple[tuple[float, float, float], ...] = ()


class Lane(NamedTuple):
    """One row of a raster: a tick at each of ``at``."""

    label: str
    tone: str
    at: tuple[float, ...]
    cell: str = ""


class Spark(NamedTuple):
    """One small line: a cell's value in each block, as a ratio to its median; None where there is none."""

    label: str
    note: str
    tone: str
    values: tuple[float | None, ...]
    cell: str = ""


def curves(
    lines: Sequence[Curve],
    *,
    title: str,
    x_ticks: Sequence[tuple[float, str]],
    x_title: str,
    y_unit: str,
    x_log: bool = False,
) -> Markup:
    """Curves on a log axis of ``y_unit``, named at the right end, the names moved apart."""
    ys = [y for line in lines for _, y in line.points]
    ys += [end for line in lines for _, *ends in line.band for end in ends]
    low, high = max(min(ys, default=0.1), 0.001) / 1.2, max(ys, default=10.0) * 1.2
    xs = [x for x, _ in x_ticks]
    end = max([*xs, *(x for line in lines for x, _ in line.points)])

    def draw(frame: Frame) -> tuple[list[Markup], float]:
        height = 320.0 if not frame.stacked else 260.0
        left, right = 56.0, frame.width - (_room(lines) if not frame.stacked else 12.0)
        kind = log if x_log else linear
        across, up = kind(xs[0], end, left, right), log(low, high, height, 10.0)
        names = dict(x_ticks)
        found = axis(xs, across, frame, height, names.__getitem__, through=[(10.0, height)])
        found += _y_axis(log_ticks(low, high), up, left, right, y_unit)
        found.append(el("text", x_title, x=right, y=height + 34, class_="tick ends"))
        known = [line for line in lines if line.named and line.points]
        ends = _apart([up(line.points[-1][1]) for line in known])
        found += [_band(line, across, up, low) for line in lines if line.band]
        # the named ones are drawn last, above the faint ones
        for line in sorted(lines, key=lambda one: one.named):
            found.append(_curve(line, across, up, low))
        if not frame.stacked:
            for line, y in zip(known, ends, strict=True):
                last_x, last_y = line.points[-1]
                found.append(
                    el("line", x1=across(last_x), x2=right + 7, y1=up(last_y), y2=y, class_="leader")
                )
                found.append(el("text", line.label, x=right + 10, y=y + 4, class_=f"name {line.tone}"))
        return found, height + AXIS + 16

    named = sorted((line for line in lines if line.named and line.points), key=lambda one: -one.points[-1][1])
    names = el(
        "p", f"From the top, at the right end: {', '.join(line.label for line in named)}.", class_="names"
    )
    return join([both(draw, title), names])


def _room(lines: Sequence[Curve]) -> float:
    """Return how wide the longest name is, drawn bold, beside the curves."""
    return 24.0 + 7.6 * max((len(line.label) for line in lines if line.named), default=0)


def _curve(line: Curve, across: Scale, up: Scale, low: float) -> Markup:
    points = " ".join(f"{across(x):.1f},{up(max(y, low)):.1f}" for x, y in line.points)
    dots = (
        [el("circle", cx=across(x), cy=up(max(y, low)), r=3.5) for x, y in line.points] if line.dots else []
    )
    kind = "named" if line.named else "faint"
    inside = [el("title", line.label), el("polyline", points=points), *dots]
    return el("g", *inside, class_=f"curve {kind} {line.tone}", data_cell=line.cell or None)


def _band(line: Curve, across: Scale, up: Scale, low: float) -> Markup:
    there = [(x, most) for x, _, most in line.band]
    back = [(x, least) for x, least, _ in reversed(line.band)]
    points = " ".join(f"{across(x):.1f},{up(max(y, low)):.1f}" for x, y in (*there, *back))
    return el("g", el("polygon", points=points), class_=f"curve {line.tone}", data_cell=line.cell or None)


def _y_axis(ticks: Sequence[float], up: Scale, left: float, right: float, unit: str) -> list[Markup]:
    found: list[Markup] = []
    last = math.inf
    for tick in ticks:
        y = up(tick)
        found.append(el("line", x1=left, x2=right, y1=y, y2=y, class_="grid"))
        if last - y >= 15:
            found.append(el("text", f"{tick:g} {unit}", x=left - 7, y=y + 4, class_="tick ends"))
            last = y
    return found


def _apart(ys: Sequence[float], gap: float = 15.0) -> list[float]:
    """Return the heights moved down as little as keeps them ``gap`` apart, in the order given."""
    order = sorted(range(len(ys)), key=ys.__getitem__)
    found = list(ys)
    last = -math.inf
    for index in order:
        found[index] = last = max(ys[index], last + gap)
    return found


def raster(lanes: Sequence[Lane], *, until: float, title: str) -> Markup:
    """A lane per stream, a tick per event, over milliseconds."""
    ticks = linear_ticks(until)

    def draw(frame: Frame) -> tuple[list[Markup], float]:
        step = 44.0 if frame.stacked else 30.0
        left = 4.0 if frame.stacked else frame.left
        right = frame.width - 8
        across = linear(0.0, until, left, right)
        bottom = 6.0 + step * len(lanes)
        shown = [tick for tick in ticks if tick <= until]
        found = axis(shown, across, frame, bottom, lambda t: f"{t:g} ms")
        for index, lane in enumerate(lanes):
            y = 6.0 + step * (index + 1) - 13
            strokes = " ".join(f"M{across(at):.1f} {y - 8:.1f}v16" for at in lane.at if 0 <= at <= until)
            label = (
                el("text", lane.label, x=0.0, y=y - 14, class_="label")
                if frame.stacked
                else el("text", lane.label, x=left - 14, y=y + 4, class_="label end")
            )
            inside = [label, el("path", d=strokes)]
            found.append(el("g", *inside, class_=f"lane {lane.tone}", data_cell=lane.cell or None))
        return found, bottom + AXIS

    return both(draw, title)


def sparks(cells: Sequence[Spark], *, title: str) -> Markup:
    """Small multiples: each cell over the blocks, all on one scale, so that a drifting machine shows."""
    spread = [abs(math.log(v)) for cell in cells for v in cell.values if v]
    reach = max(0.05, min(max(spread, default=0.05), math.log(3)))

    def draw(frame: Frame) -> tuple[list[Markup], float]:
        longest = max(len(cell.label) for cell in cells)
        columns, gap, height = (1 if frame is not WIDE else 3 if longest <= _LABEL else 2), 22.0, 64.0
        width = (frame.width - gap * (columns - 1)) / columns
        parts = [
            _spark(cell, (index % columns) * (width + gap), index // columns * (height + 14), width, reach)
            for index, cell in enumerate(cells)
        ]
        return parts, -(-len(cells) // columns) * (height + 14)

    return both(draw, title)


def _spark(cell: Spark, x: float, y: float, width: float, reach: float) -> Markup:
    top, bottom = y + 20, y + 64
    across = linear(0.0, float(max(1, len(cell.values) - 1)), x + 8, x + width - 8)
    up = linear(-reach, reach, bottom - 5, top + 5)
    points = [
        (across(index), up(min(max(math.log(value), -reach), reach)))
        for index, value in enumerate(cell.values)
        if value
    ]
    middle = (top + bottom) / 2
    return el(
        "g",
        el("text", cell.label, x=x, y=y + 13, class_="label"),
        el("text", cell.note, x=x + width, y=y + 13, class_="note end"),
        el("rect", x=x, y=top, width=width, height=bottom - top, rx=3.0, class_="well"),
        el("line", x1=x, x2=x + width, y1=middle, y2=middle, class_="grid"),
        el("polyline", points=" ".join(f"{px:.1f},{py:.1f}" for px, py in points)),
        *(el("circle", cx=px, cy=py, r=2.5) for px, py in points),
        class_=f"curve {cell.tone}",
        data_cell=cell.cell or None,
    )
