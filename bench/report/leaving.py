"""Clients that leave: whether the upstream is let go, and how soon; clients that are slow, and who pays."""

from __future__ import annotations

from collections.abc import Sequence

from bench.check import cell_absence
from bench.record import AbortsResult, Absence, CellSpec
from bench.report.markup import Markup
from bench.report.parts import not_run, section, why
from bench.report.tables import behind, gate_table, table
from bench.report.view import View
from bench.report.words import DASH, absence_word, number
from bench.shapes import LEAVING, Aborts
from bench.values import quantile_us

__all__ = ["leaving_section"]

_KEPT = 0.1  # of the clients that left: beyond that, descriptors are no handful that is opened once
_PASS, _FAIL = "✓ pass", "✗ FAIL"


def leaving_section(found: View) -> Markup:
    """Whether the upstream is let go when clients leave, how soon, and what slow readers do to others."""
    return section(
        "leaving",
        "Clients that leave, clients that are slow",
        *_left_open(found),
        *_aborts(found),
        not_run("Slow readers beside healthy streams", "S8"),
        behind(gate_table(found), "The gate, and how many contract cases each passes"),
    )


def _left_open(found: View) -> list[Markup]:
    rows, ids = [], []
    for cell in found.cells:
        records = [record for record in found.run.cells if record.cell == cell.id]
        left = [one.streams_left for one in records if one.streams_left is not None]
        if left:
            rows.append([cell.label, _FAIL if any(left) else _PASS, str(max(left)), str(len(left))])
            ids.append(cell.id)
    if not rows:
        return [not_run("Clients that leave", "S5")]
    heads = ["cell", "all clients gone, mid-stream", "upstream streams left open, at most", "blocks"]
    return [
        why(
            "After the streams all clients leave at once, in the middle of an event stream that would never "
            "end: the proxy has to close every upstream stream, or it streams to nobody."
        ),
        table(heads, rows, cells=ids),
    ]


def _aborts(found: View) -> list[Markup]:
    planned = next((one for one in found.run.header.scenarios if isinstance(one, Aborts)), None)
    if planned is None:
        return [not_run("How soon the upstream is let go, before and after the head", "S9")]
    rows = [[cell.label, *_aborts_row(found, cell, planned.id)] for cell in found.run.header.cells]
    heads = ["cell", "verdict", *(f"{point}, ms" for point in LEAVING), "descriptors kept, at most"]
    return [
        why(
            f"One client after the other leaves, {planned.each} in each block and at each point. From the "
            "moment it closes its connection to the moment the origin sees its own closed: p50, p99 over all "
            f"blocks. Never: not within {planned.patience_s:g} s; a proxy that does not let go works for "
            "nobody, and its pool has one place less. Kept: what its processes still hold when all is quiet."
        ),
        table(heads, rows, cells=[cell.id for cell in found.run.header.cells]),
    ]


def _aborts_row(found: View, cell: CellSpec, scenario: str) -> list[str]:
    absence = cell_absence(found.run, cell.id, scenario)
    if absence is not None:
        return [absence_word(absence), *(DASH for _ in LEAVING), DASH]
    results = [r for r in found.run.by_block(cell.id, scenario).values() if isinstance(r, AbortsResult)]
    kept = [result.kept for result in results if result.kept is not None]
    verdict = _FAIL if any(map(_fails, results)) else _PASS
    return [verdict, *(_point(results, point) for point in LEAVING), str(max(kept)) if kept else DASH]


def _fails(result: AbortsResult) -> bool:
    clients = sum(left.clients for left in result.points.values())
    never = sum(left.never for left in result.points.values())
    return never > 0 or (result.kept or 0) > _KEPT * clients


def _point(results: Sequence[AbortsResult], point: str) -> str:
    lefts = [result.points[point] for result in results if point in result.points]
    absence = next((left.absence for left in lefts if left.absence is not None), None)
    if absence is not None or not lefts:
        return absence_word(absence) if absence else DASH
    if never := sum(left.never for left in lefts):
        return f"never, {never} of {sum(left.clients for left in lefts)}"
    seen = [left.seen for left in lefts]
    return ", ".join(_milliseconds(quantile_us(seen, quantile)) for quantile in (0.5, 0.99))


def _milliseconds(value: float | Absence) -> str:
    return absence_word(value) if isinstance(value, Absence) else number(value / 1e3)
