"""What a cell holds on to: memory by phase."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from statistics import median

from bench.record import Absence, CellRecord, CellSpec, HoldingResult
from bench.report.charts import ranges
from bench.report.frame import Row
from bench.report.markup import Markup
from bench.report.parts import absent, few, key, section, tone, why
from bench.report.tables import behind, memory_table
from bench.report.view import View
from bench.report.words import number
from bench.shapes import Holding

__all__ = ["memory_section"]

_KIB = 1024
_FIRST, _LAST = "ready", "after all load has gone"


def memory_section(found: View) -> Markup:
    """Private memory idle, after all load, and with few and many streams open."""
    held = next((one for one in found.run.header.scenarios if isinstance(one, Holding)), None)
    # each part has processes of its own, and what one leaves in memory is not what another does
    part = (held and found.run.header.part_of(held.id)) or found.run.header.plan[0]
    phases = [f"{count:,} streams open" for count in (held.few, held.many)] if held else []
    rows = [row for cell in found.cells if (row := _row(cell, found.run.processes(cell.id, part), phases))]
    title = "Memory by phase"
    if not rows:
        why_not = Absence("unsupported", "this system does not show another process's memory")
        return section("memory", title, absent("Memory", why_not))
    of = f" of part {part.id} ({', '.join(part.scenarios)})" if part.id else ""
    return section(
        "memory",
        title,
        why(
            f"MiB private to the process{of}, medians over blocks: {', '.join([_FIRST, *phases, _LAST])}. "
            "The large dot is the first of them, the hollow one the last."
        ),
        key(found),
        *few(found, rows, partial(ranges, title=title, unit="MiB", from_zero=True)),
        behind(memory_table(found)),
    )


def _row(cell: CellSpec, records: Sequence[CellRecord], phases: Sequence[str]) -> Row | None:
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
    values = tuple(median(phase) / _KIB for phase in (idle, *zip(*held, strict=True), after))
    names = [_FIRST, *(phases if held else ()), _LAST]
    tip = ", ".join(f"{name} {number(value)} MiB" for name, value in zip(names, values, strict=True))
    note = " · ".join(number(value) for value in values)
    return Row(cell.label, note, tone(cell), values, cell=cell.id, tip=f"{cell.label}: {tip}")
