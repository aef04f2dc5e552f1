"""What sections are made of: a heading with its reason, a figure that is missing, colours and their key."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol, TypeVar

from bench.cells import DIRECT
from bench.check import cell_absence
from bench.metrics import metric
from bench.record import Absence, CellSpec
from bench.report.markup import Markup, el, unbroken
from bench.report.tables import behind
from bench.report.view import GLANCE, View
from bench.report.words import absence_word, upper

__all__ = [
    "absent",
    "data",
    "few",
    "key",
    "lacking",
    "not_run",
    "ran",
    "section",
    "tone",
    "under_loads",
    "why",
]

_TONES = ("fastapi", "litestar")
_NAMED = 8  # cells in a line


def data(values: Mapping[str, object], name: str) -> Markup:
    """Return values for the page's script, as JSON that no text in it can end."""
    text = json.dumps(values).replace("<", "\\u003c")
    return el("script", Markup(text), type="application/json", id=name)


def section(name: str, title: str, *parts: Markup) -> Markup:
    """Return a section with its heading."""
    return el("section", el("h2", title, id=name), *parts, aria_labelledby=name)


def why(text: str) -> Markup:
    """Return the paragraph that says how to read what follows."""
    return el("p", unbroken(text), class_="why")


def absent(what: str, absence: Absence) -> Markup:
    """Return what stands where figures are missing: what, the reason, in words."""
    return el(
        "p", el("b", f"{upper(absence_word(absence))}. "), f"{what}: {absence.detail}.", class_="absent"
    )


def lacking(absences: Iterable[tuple[str, Absence]]) -> list[Markup]:
    """Return a line for each reason why figures are missing, with all (names) that it holds for; of many
    their number: the section on what is missing has their names."""
    alike: dict[Absence, list[str]] = {}
    for name, absence in absences:
        alike.setdefault(absence, []).append(name)
    many = "{} cells, named under What is missing"
    return [
        absent("; ".join(names) if len(names) <= _NAMED else many.format(len(names)), absence)
        for absence, names in alike.items()
    ]


def ran(found: View, cells: Sequence[CellSpec], scenario: str) -> tuple[list[CellSpec], list[Markup]]:
    """Return those of the cells that a scenario was run of, and lines that say which it was not, and why."""
    absences = {cell.id: cell_absence(found.run, cell.id, scenario) for cell in cells}
    idle = {cell: one for cell, one in absences.items() if one is not None and one.reason == "not-run"}
    lines = lacking((cell.label, idle[cell.id]) for cell in cells if cell.id in idle)
    return [cell for cell in cells if cell.id not in idle], lines


class _Drawn(Protocol):
    @property
    def cell(self) -> str: ...


_Row = TypeVar("_Row", bound=_Drawn)


def few(found: View, rows: Sequence[_Row], draw: Callable[[Sequence[_Row]], Markup]) -> list[Markup]:
    """Return what is drawn of these rows; where they are too many to be taken in at a glance, of the cells
    that who chooses looks at first, and of the others on demand."""
    first = {DIRECT, *(cell.id for cell in found.chosen)}
    shown, others = ([row for row in rows if (row.cell in first) is of] for of in (True, False))
    if not shown or len(rows) <= GLANCE:
        return [draw(rows)] if rows else []
    return [
        draw(shown),
        behind(draw(others), f"The other {len(others)} cells" if len(others) > 1 else "One more"),
    ]


def under_loads(found: View, names: Sequence[str], draw: Callable[[View, str], list[Markup]]) -> list[Markup]:
    """Return what is drawn of each metric, load by load; of a run in many parts the quick plan's first, and
    every other load on demand."""
    parts: list[Markup] = []
    words = {scenario.id: f"{scenario.id}: {scenario.words}" for scenario in found.run.header.scenarios}
    for group in found.by_load(names):
        drawn = [part for name in group for part in draw(found, name)]
        usual = metric(group[0]).id == metric(group[0]).kind
        if usual or not found.run.header.parts:
            parts += drawn
        else:
            parts.append(behind(el("div", *drawn), words[metric(group[0]).scenario]))
    return parts


def not_run(what: str, scenario: str) -> Markup:
    """Return the absence of a whole scenario."""
    return absent(what, Absence("not-run", f"scenario {scenario} was no part of this run"))


def tone(cell: CellSpec) -> str:
    """Return the colour class of a cell: products by framework, everything else grey."""
    return cell.framework if cell.group == "product" and cell.framework in _TONES else "other"


def key(found: View) -> Markup:
    """Return what the colours mean, as far as this run has them."""
    names = {"fastapi": "FastAPI", "litestar": "Litestar", "other": "baselines and others"}
    used = {tone(cell) for cell in found.cells}
    spans = [
        el("span", el("span", class_=f"swatch {name}"), text) for name, text in names.items() if name in used
    ]
    return el("p", *spans, class_="key")
