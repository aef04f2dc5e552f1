"""What a cell holds on to: memory by phase."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from bench.record import Absence, CellRecord, CellSpec, HoldingResult
from bench.report.charts import ranges
from bench.report.frame import Row
from bench.report.markup import Markup
from bench.report.parts import absent, key, section, tone, why
from bench.report.tables import behind, memory_table
from bench.report.view import View
from bench.report.words import number

__all__ = ["memory_section"]

_KIB = 1024


def memory_section(found: View) -> Markup:
    """Private memory idle, after all load, and with few and many streams open."""
    rows = [row for cell in found.cells if (row := _row(found, cell)) is not None]
    title = "Memory by phase"
    if not rows:
        why_not = Absence("unsupported", "this system does not show another process's memory")
        return section("memory", title, absent("Memory", why_not))
    return section(
        "memory",
        title,
        why(
            f"MiB private to the process, medians over blocks: {', '.join(_phases(found))}. The large dot is "
            "the first of them, the hollow one the last."
        ),
        key(found),
        ranges(rows, title=title, unit="MiB", from_zero=True),
        behind(memory_table(found)),
    )


def _records(found: View, cell: CellSpec) -> list[CellRecord]:
    return [record for record in found.run.cells if record.cell == cell.id]


def _phases(found: View) -> list[str]:
    """Return the names of the phases, in the order in which a process goes through them."""
    held: list[str] = []
    for record in found.run.cells:
        for result in record.results.values():
            if isinstance(result, HoldingResult):
                held = [f"{result.few:,} streams open", f"{result.many:,} streams open"]
    return ["ready", *held, "after all load has gone"]


def _row(found: View, cell: CellSpec) -> Row | None:
    records = _records(found, cell)
    idle = [record.idle.private_kib for record in records if record.idle]
    after = [record.after.private_kib for record in records if record.after]
    held = [
        (result.at_few.private_kib, result.at_many.private_kib)
        for record in records
        for result in record.results.values()
        if isinstance(result, HoldingResult) and result.at_few and result.at_many
    ]
    if not idle or not after:
        return None
    phases: list[Sequence[int]] = [idle, *zip(*held, strict=True), after]
    values = tuple(median(phase) / _KIB for phase in phases)
    names = _phases(found) if held else ["ready", "after all load has gone"]
    tip = ", ".join(f"{name} {number(value)} MiB" for name, value in zip(names, values, strict=True))
    note = " · ".join(number(value) for value in values)
    return Row(cell.label, note, tone(cell), values, cell=cell.id, tip=f"{cell.label}: {tip}")
