"""Capacity at a tail, as the page and the terminal tell it."""

from __future__ import annotations

from bench.report.markup import Markup, el
from bench.report.parts import why
from bench.report.tables import table
from bench.report.view import View
from bench.report.words import DASH, absence_word, number
from bench.stats import CONFIDENCE
from bench.tail import LIMITS_MS, Tail, tails

__all__ = ["heads", "tail_rows", "tails_part", "words"]


_LEAST = "\N{GREATER-THAN OR EQUAL TO}"


def heads() -> list[str]:
    """Return the limits as columns."""
    return [f"p99 within {limit:g} ms" for limit in LIMITS_MS]


def words(one: Tail) -> str:
    """Return one capacity with its interval, or what it is at least; or the reason there is none."""
    if one.rps is None or one.low is None:
        return absence_word(one.absence) if one.absence else DASH
    # no blank after the sign: the terminal breaks a line at blanks
    value, least = f"{_LEAST if one.at_least else ''}{number(one.rps)}", f"{_LEAST}{number(one.low)}"
    if value == least:
        return value
    return f"{value} ({least if one.high is None else f'{number(one.low)}{DASH}{number(one.high)}'})"


def tail_rows(found: View) -> list[tuple[str, str, list[Tail]]]:
    """Return (id, label, capacities) of every cell that was asked the sweep."""
    every = ((cell, tails(found.run, cell.id)) for cell in found.run.header.cells)
    return [(cell.id, cell.label, of_cell) for cell, of_cell in every if of_cell]


def _reasons(of_cell: list[Tail]) -> list[str]:
    """Return why a cell has no capacity within its limits, those of one kind in one line."""
    alike: dict[str, list[Tail]] = {}
    for one in of_cell:
        if one.absence is not None:
            alike.setdefault(one.absence.reason, []).append(one)
    return [
        f"p99 within {', '.join(f'{one.limit_ms:g}' for one in every)} ms: "
        f"{absence_word(every[0].absence)}: {every[0].absence.detail}"
        for every in alike.values()
        if every[0].absence is not None
    ]


def tails_part(found: View) -> list[Markup]:
    """Completions/s while p99 stays within each limit, and why a cell has none."""
    rows = tail_rows(found)
    if not rows:
        return []
    missing = [el("li", f"{label}, {why_not}.") for _, label, of in rows for why_not in _reasons(of)]
    return [
        el("h3", "Capacity at a tail: completions/s"),
        why(
            "Read off this sweep on a straight line between the rates that were measured, all blocks "
            "merged; in brackets, which suppose no line, the highest rate that surely stayed within the "
            f"limit and the lowest that surely did not: all of the {CONFIDENCE * 100:g} % interval of its "
            "p99. At least: no measured rate went beyond the limit."
        ),
        table(
            ["cell", *heads()],
            [[label, *map(words, each)] for _, label, each in rows],
            cells=[r[0] for r in rows],
        ),
        *([el("ul", *missing, class_="why")] if missing else []),
    ]
