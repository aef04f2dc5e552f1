"""More streams than places in the pool: who waits, who is refused, and whether they are served in turn."""

from __future__ import annotations

from statistics import median

from bench.check import cell_absence
from bench.queueing import in_turn
from bench.record import CrowdResult
from bench.report.markup import Markup
from bench.report.parts import lacking, section, why
from bench.report.tables import table
from bench.report.view import View
from bench.report.words import DASH, number, upper
from bench.scenarios import Crowd

__all__ = ["queue_section"]

_HEADS = [
    "cell",
    "wait p50, ms",
    "longest, ms",
    "served",
    "refused with 503",
    "refused after, ms (p50)",
    "waiters in turn",
]


def queue_section(found: View) -> Markup:
    """A table for each scenario of this kind, all blocks together; nothing where there was none."""
    asked = [scenario for scenario in found.run.header.scenarios if isinstance(scenario, Crowd)]
    if not asked:
        return Markup("")
    parts = [
        why(
            "A wait is the time until the origin had the request. In turn: the share of pairs of waiters "
            "that were served in the order in which they asked; 100 % is first come, first served, 50 % a "
            "draw of lots. Whoever is neither served nor refused has starved, and fails its cell."
        )
    ]
    for scenario in asked:
        missing = {cell.id: cell_absence(found.run, cell.id, scenario.id) for cell in found.cells}
        there = [cell for cell in found.cells if missing[cell.id] is None]
        rows = [[cell.label, *_figures(found, cell.id, scenario.id)] for cell in there]
        parts.append(why(f"{upper(scenario.words)}."))
        parts += [table(_HEADS, rows, cells=[cell.id for cell in there])] if rows else []
        parts += lacking(
            (cell.label, why_not)
            for cell in found.cells
            if (why_not := missing[cell.id]) and why_not.reason != "not-asked"
        )
    return section("queue", "When the pool is full", *parts)


def _figures(found: View, cell: str, scenario: str) -> list[str]:
    results = [r for r in found.run.by_block(cell, scenario).values() if isinstance(r, CrowdResult)]
    waits = [(begun - asked) / 1e3 for result in results for asked, begun, _ in result.turns]
    refusals = [(told - asked) / 1e3 for result in results for asked, told in result.refused]
    order = [share for result in results if (share := in_turn(result.turns)) is not None]
    return [
        number(median(waits)) if waits else DASH,
        number(max(waits)) if waits else DASH,
        str(len(waits)),
        str(len(refusals)),
        number(median(refusals)) if refusals else DASH,
        f"{100 * median(order):.1f} %" if order else DASH,
    ]
