"""Clients that leave: whether the upstream is let go, and how soon; clients that are slow, and who pays."""

from __future__ import annotations

from collections.abc import Sequence

from bench.check import cell_absence
from bench.figures import Figure
from bench.record import AbortsResult, Absence, CellSpec, SlowResult
from bench.report.markup import Markup, el
from bench.report.parts import absent, not_run, ran, section, why
from bench.report.tables import behind, gate_table, table
from bench.report.view import GLANCE, View
from bench.report.words import DASH, absence_word, estimated, number
from bench.shapes import LEAVING, Aborts, Slow
from bench.stats import least_samples
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
        *_slow(found),
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
    heads = ["cell", "all clients gone, mid-stream", "upstream streams left open, at most", "processes"]
    return [
        why(
            "After the streams all clients leave at once, in the middle of an event stream that would never "
            "end: the proxy has to close every upstream stream, or it streams to nobody."
        ),
        *_failing_first(heads, rows, ids),
    ]


def _failing_first(heads: Sequence[str], rows: Sequence[list[str]], cells: Sequence[str]) -> list[Markup]:
    """Return the table; of many rows those that fail, and all on demand."""
    whole = table(heads, rows, cells=cells)
    if len(rows) <= GLANCE:
        return [whole]
    wrong = [(row, cell) for row, cell in zip(rows, cells, strict=True) if row[1] == _FAIL]
    said = f"{len(rows) - len(wrong)} of {len(rows)} cells pass{':' if wrong else '.'}"
    parts = [table(heads, [row for row, _ in wrong], cells=[cell for _, cell in wrong])] if wrong else []
    return [el("p", said), *parts, behind(whole, f"All {len(rows)} cells")]


def _aborts(found: View) -> list[Markup]:
    planned = next((one for one in found.run.header.scenarios if isinstance(one, Aborts)), None)
    if planned is None:
        return [not_run("How soon the upstream is let go, before and after the head", "S9")]
    cells, idle = ran(found, _asked(found, planned.id), planned.id)
    results = {
        cell.id: [r for r in found.run.by_block(cell.id, planned.id).values() if isinstance(r, AbortsResult)]
        for cell in cells
    }
    rows = [[cell.label, *_aborts_row(results[cell.id], _absence(found, cell, planned.id))] for cell in cells]
    heads = ["cell", "verdict", *(f"{point}, ms" for point in LEAVING), "descriptors kept, at most"]
    few = min((planned.each * len(of) for of in results.values() if of), default=0)
    parts = [
        why(
            f"One client after the other leaves, {planned.each} in each block and at each point. From the "
            "moment it closes its connection to the moment the origin sees its own closed: p50, p99 over all "
            f"blocks. Never: not within {planned.patience_s:g} s; a proxy that does not let go works for "
            "nobody, and its pool has one place less. Kept: what its processes still hold when all is quiet."
        ),
        table(heads, rows, cells=[cell.id for cell in cells]),
        *idle,
    ]
    if 0 < few < (least := least_samples(0.99)):
        lacking = f"{few} clients left at a point in the blocks that were run, it needs {least}"
        parts.append(absent("p99", Absence("too-few-samples", lacking)))
    return parts


def _asked(found: View, scenario: str) -> list[CellSpec]:
    """Return the cells that the plan asks it of, the direct leg among them."""
    cells = found.run.header.cells
    absences = {cell.id: _absence(found, cell, scenario) for cell in cells}
    return [cell for cell in cells if (why_not := absences[cell.id]) is None or why_not.reason != "not-asked"]


def _absence(found: View, cell: CellSpec, scenario: str) -> Absence | None:
    return cell_absence(found.run, cell.id, scenario)


def _aborts_row(results: Sequence[AbortsResult], absence: Absence | None) -> list[str]:
    if absence is not None:
        return [absence_word(absence), *(DASH for _ in LEAVING), DASH]
    kept = [result.kept for result in results if result.kept is not None]
    verdict = _FAIL if any(map(_fails, results)) else _PASS
    return [verdict, *(_point(results, point) for point in LEAVING), str(max(kept)) if kept else DASH]


def _fails(result: AbortsResult) -> bool:
    clients = sum(left.clients for left in result.points.values())
    never = sum(left.never for left in result.points.values())
    return never > 0 or (result.kept or 0) > _KEPT * clients


def _point(results: Sequence[AbortsResult], point: str) -> str:
    lefts = [result.points[point] for result in results if point in result.points]
    if never := sum(left.never for left in lefts):
        return f"never, {never} of {sum(left.clients for left in lefts)}"
    absence = next((left.absence for left in lefts if left.absence is not None), None)
    if absence is not None or not lefts:
        return absence_word(absence) if absence else DASH
    seen = [left.seen for left in lefts]
    return ", ".join(_milliseconds(quantile_us(seen, quantile)) for quantile in (0.5, 0.99))


def _milliseconds(value: float | Absence) -> str:
    return DASH if isinstance(value, Absence) else number(value / 1e3)


def _slow(found: View) -> list[Markup]:
    planned = next((one for one in found.run.header.scenarios if isinstance(one, Slow)), None)
    if planned is None:
        return [not_run("Slow readers beside healthy streams", "S8")]
    cells, idle = ran(found, _asked(found, planned.id), planned.id)
    rows = [[cell.label, *_slow_row(found, cell, planned)] for cell in cells]
    heads = [
        "cell",
        "verdict",
        "p99 alone, ms",
        "p99 beside slow readers, ms",
        "ratio",
        "held for each, KiB",
        "memory for each, KiB",
    ]
    return [
        why(
            f"{planned.healthy.streams} event streams, alone and then beside {planned.slow} clients that "
            f"take {planned.bytes_per_s / 1024:g} KiB/s of {planned.body / 1e6:g} MB: the event delay of the "
            "healthy ones. Held: accepted from the origin and not taken by the slow one, in the proxy and in "
            "the kernel's buffers; memory: the proxy's own part. Whoever takes the whole body holds nothing "
            "back, and fails."
        ),
        table(heads, rows, cells=[cell.id for cell in cells]),
        *idle,
    ]


def _slow_row(found: View, cell: CellSpec, planned: Slow) -> list[str]:
    absence = _absence(found, cell, planned.id)
    if absence is not None:
        return [absence_word(absence), *(DASH for _ in range(5))]
    results = [r for r in found.run.by_block(cell.id, planned.id).values() if isinstance(r, SlowResult)]
    alone, beside, held, rise = (
        found.figures[cell.id, f"{name}@{planned.id}"]
        for name in ("alone-p99", "slow-p99", "kib-held", "kib-rise")
    )
    return [
        _PASS if all(map(_holds_back, results)) else _FAIL,
        _middle(alone, 1e3),
        _middle(beside, 1e3),
        _grown(found, cell),
        _middle(held),
        _middle(rise),
    ]


def _holds_back(result: SlowResult) -> bool:
    return not any(reader.gone or reader.accepted >= result.body for reader in result.readers)


def _middle(figure: Figure, divisor: float = 1.0) -> str:
    if figure.middle is not None:
        return number(figure.middle.value / divisor)
    return absence_word(figure.absence) if figure.absence else DASH


def _grown(found: View, cell: CellSpec) -> str:
    grown = next(
        (one for one in found.growths if (one.cell, one.growth.id) == (cell.id, "slow-readers")), None
    )
    if grown is None or grown.estimate is None:
        return absence_word(grown.absence) if grown and grown.absence else DASH
    return estimated(grown.estimate)
