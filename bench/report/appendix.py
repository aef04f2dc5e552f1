"""What stands at the end of a report: drift by block, what is missing and why, how to repeat it, raw data."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from functools import partial
from statistics import median

from bench.environment import SUBJECTS_CORE
from bench.metrics import metric
from bench.record import Absence, CellSpec, Part
from bench.report.curves import Spark, sparks
from bench.report.markup import Markup, el
from bench.report.parts import few, section, tone, why
from bench.report.tables import behind, table
from bench.report.view import View
from bench.report.words import CLIENTS, DASH, FIGURES, absence_word, left_out

__all__ = ["drift_section", "figures_csv", "missing_section", "repeat_section"]


def drift_section(found: View) -> Markup:
    """Capacity of each cell, block by block."""
    capacity = found.first("rps", "mb-s")
    cells = []
    for cell in found.run.header.cells:
        figure = found.figures.get((cell.id, capacity))
        blocks = figure.blocks if figure is not None else {}
        if len(blocks) < 2:
            continue
        middle = median(blocks.values())
        values = tuple(blocks[b] / middle if b in blocks else None for b in range(found.run.header.blocks))
        spread = max(blocks.values()) / min(blocks.values()) - 1
        cells.append(Spark(cell.label, f"{spread:.0%}", tone(cell), values, cell.id))
    if not cells:
        return Markup("")
    rows = [
        [spark.label, *(DASH if value is None else f"{value:.3f}" for value in spark.values)]
        for spark in cells
    ]
    heads = ["cell, ratio to its median", *(f"block {b + 1}" for b in range(found.run.header.blocks))]
    return section(
        "blocks",
        "Block by block",
        why(
            f"{found.title(capacity)}: each cell in each block against its own median, on one scale. "
            "The figure is how far the highest lies above the lowest. A line that the others share is the "
            "machine, not the cell; pairing by block takes it out."
        ),
        *few(found, cells, partial(sparks, title="Capacity by block")),
        behind(table(heads, rows, cells=[spark.cell for spark in cells])),
    )


def missing_section(found: View) -> Markup:
    """Every figure that could not be had, with its reason; what is missing alike in one row."""
    dropped = {(one.cell, one.why) for one in found.run.dropped}  # which have rows of their own
    of_cell: dict[tuple[str, Absence], list[str]] = {}
    for one in found.missing(*FIGURES, *CLIENTS, "response-p50", "delay-p50"):
        if one.absence is not None and (one.cell, one.absence.detail) not in dropped:
            of_cell.setdefault((found.cell(one.cell).label, one.absence), []).append(found.title(one.metric))
    alike: dict[tuple[str, Absence], list[str]] = {}
    for (label, absence), titles in of_cell.items():
        alike.setdefault(("; ".join(titles), absence), []).append(label)
    rows = [
        ["; ".join(labels), titles, absence_word(absence), absence.detail]
        for (titles, absence), labels in alike.items()
    ]
    labels = {cell.id: cell.label for cell in found.cells}
    together: dict[tuple[str, str], list[str]] = {}
    for part, reason, cells in left_out(found.run.dropped):
        who = "; ".join(labels.get(cell, cell) for cell in cells)
        together.setdefault((who, reason), []).append(part)
    rows += [[who, _all_of(found, parts), "not run", reason] for (who, reason), parts in together.items()]
    if not rows:
        return Markup("")
    return section(
        "missing", "What is missing, and why", table(["cell", "figures", "what it is", "reason"], rows)
    )


def _all_of(found: View, parts: Sequence[str]) -> str:
    """Return the loads of these parts of a plan; of a plan in one, all."""
    loads = {part.id: ", ".join(part.scenarios) for part in found.run.header.parts}
    return "; ".join(f"all of part {part} ({loads[part]})" if part in loads else "all" for part in parts)


def _loops(cells: Sequence[CellSpec]) -> list[list[str]]:
    by_loop: dict[str, list[str]] = {}
    for cell in cells:
        by_loop.setdefault(cell.loop or "its own", []).append(cell.label)
    if len(by_loop) == 1:
        return [["loop", f"{loop} in every cell"] for loop in by_loop]
    return [[f"loop {loop}", "; ".join(labels)] for loop, labels in by_loop.items()]


def _part_words(part: Part) -> str:
    own = ", ".join(f"{name} {value}" for name, value in part.settings.items())
    what = f"{', '.join(part.scenarios)}: {len(part.cells)} cells in {part.blocks} blocks"
    return f"{what}, {own}" if own else what


def figures_csv(found: View) -> str:
    """Return every figure of every cell in every block, one a line: what all of the page is made from."""
    lines = ["block,cell,metric,unit,value"]
    for (cell, name), figure in found.figures.items():
        unit = metric(name).unit
        lines += [f"{block + 1},{cell},{name},{unit},{value!r}" for block, value in figure.blocks.items()]
    return "\n".join(lines) + "\n"


def repeat_section(found: View) -> Markup:
    """What was held constant, the machine, the versions, the raw data, and the command that repeats it."""
    header = found.run.header
    constant = [
        *([scenario.id, scenario.words] for scenario in header.scenarios),
        *([f"part {part.id}", _part_words(part)] for part in header.parts),
        *([name, value] for name, value in header.settings.items()),
        *_loops(found.cells),
        *([name, value] for name, value in header.environment.items() if name == SUBJECTS_CORE),
        ["request", "GET with host, user-agent and accept; keep-alive connections over loopback"],
    ]
    csv = base64.b64encode(figures_csv(found).encode()).decode()
    stamp = "".join(filter(str.isdigit, header.started_at))
    return section(
        "repeat",
        "To repeat it",
        el("p", el("code", header.command)),
        why(f"The seed, {header.seed}, decides the order of the cells and all arrival times."),
        el(
            "p",
            el(
                "a",
                "Download all figures by block (CSV)",
                href=f"data:text/csv;charset=utf-8;base64,{csv}",
                download=f"tandem-{stamp}.csv",
                id="download",
            ),
            "; the ",
            el("a", "raw records", href=found.run.file, download=""),
            " with every histogram lie beside this page.",
        ),
        behind(table(["held constant", "how"], constant), "What was held constant"),
        behind(table(["environment", ""], [[k, v] for k, v in header.environment.items()]), "Environment"),
        behind(table(["package", "version"], [[k, v] for k, v in header.packages.items()]), "Versions"),
    )
