"""What a larger load does to each cell: tables, or a sentence with the two between which all lie. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from bench.figures import Grown
from bench.record import CellSpec
from bench.report.view import View
from bench.report.words import DASH, absence_word, estimated, upper

__all__ = ["Growths", "grown_words", "growths", "spans", "was_asked"]

_UNASKED = ("not-asked", "not-run")


class Growths(NamedTuple):
    """What larger loads do to one kind of figure: the loads, and each cell with its ratios."""

    kind: str
    loads: list[str]
    rows: list[tuple[CellSpec, list[str]]]


def growths(found: View) -> list[Growths]:
    """Return one table of cells by loads for each kind of figure."""
    of = {(one.cell, one.growth.what): one for one in filter(was_asked, found.growths)}
    kinds: dict[str, list[str]] = {}
    for what in dict.fromkeys(what for _, what in of):
        kinds.setdefault(what.partition(", ")[0], []).append(what)
    return [
        Growths(
            upper(kind),
            [upper(what.removeprefix(f"{kind}, ")) for what in every],
            [
                (cell, [grown_words(of[key]) if (key := (cell.id, what)) in of else DASH for what in every])
                for cell in found.cells
                if any((cell.id, what) in of for what in every)
            ],
        )
        for kind, every in kinds.items()
    ]


def spans(found: View) -> list[str]:
    """Return one sentence for each load: the cells with the least ratio and with the greatest."""
    of: dict[str, list[Grown]] = {}
    for one in filter(was_asked, found.growths):
        of.setdefault(one.growth.what, []).append(one)
    return [f"{upper(what)}: {_span(found, every)}" for what, every in of.items()]


def _span(found: View, every: Sequence[Grown]) -> str:
    told = sorted(
        (one for one in every if one.estimate), key=lambda one: one.estimate.ratio if one.estimate else 0.0
    )
    ends = [*told[:1], *told[1:][-1:]]
    parts = [f"{grown_words(one)} {found.cell(one.cell).label}" for one in ends]
    missing = len(every) - len(told)
    return " to ".join(parts) + (
        f"{', ' if parts else ''}{missing} of {len(every)} missing" if missing else ""
    )


def grown_words(one: Grown) -> str:
    """Return the ratio with its interval, or what stands where there is none."""
    if one.estimate is None:
        return absence_word(one.absence) if one.absence else DASH
    return estimated(one.estimate)


def was_asked(one: Grown) -> bool:
    """Return whether the plan asked both loads of the cell, and got to it."""
    return one.absence is None or one.absence.reason not in _UNASKED
