"""What stands at the end of a report: what is missing and why, what was held constant, how to repeat it."""

from __future__ import annotations

from collections.abc import Sequence

from bench.record import CellSpec
from bench.report.markup import Markup, el, join
from bench.report.sections import FIGURES
from bench.report.tables import behind, table
from bench.report.view import View
from bench.report.words import absence_word, left_out

__all__ = ["environment", "missing"]


def missing(found: View) -> Markup:
    """Every figure that could not be had, with its reason."""
    rows = [
        [cell.label, found.title(name), absence_word(absence), absence.detail]
        for cell in found.cells
        for name in found.shown(*FIGURES, "response-p50", "delay-p50")
        if (absence := found.figures[cell.id, name].absence) is not None
    ]
    rows += [[dropped.cell, "all", "not run", left_out(dropped)] for dropped in found.run.dropped]
    if not rows:
        return Markup("")
    return join(
        [el("h2", "What is missing, and why", id="missing"), table(["cell", "metric", "", "reason"], rows)]
    )


def _loops(cells: Sequence[CellSpec]) -> list[list[str]]:
    by_loop: dict[str, list[str]] = {}
    for cell in cells:
        by_loop.setdefault(cell.loop, []).append(cell.label)
    if len(by_loop) == 1:
        return [["loop", f"{loop} in every cell"] for loop in by_loop]
    return [[f"loop {loop}", "; ".join(labels)] for loop, labels in by_loop.items()]


def environment(found: View) -> Markup:
    """What was held constant, the machine, the versions, and the command that repeats it."""
    header = found.run.header
    constant = [
        *([scenario.id, scenario.words] for scenario in header.scenarios),
        *([name, value] for name, value in header.settings.items()),
        *_loops(found.cells),
        ["request", "GET with host, user-agent and accept; keep-alive connections over loopback"],
    ]
    return join(
        [
            el("h2", "To repeat it", id="repeat"),
            el("p", el("code", header.command)),
            behind(table(["held constant", ""], constant), "What was held constant"),
            behind(
                table(["environment", ""], [[k, v] for k, v in header.environment.items()]), "Environment"
            ),
            behind(table(["package", "version"], [[k, v] for k, v in header.packages.items()]), "Versions"),
        ]
    )
