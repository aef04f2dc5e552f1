"""Whether records are what a run writes: each of a cell, part and block of the plan, once, each result of its
scenario's kind, each histogram whole. Pure.

A line that is JSON can still be another run's, or have lost a byte of a histogram. Found here, it is one line
of refusal; found later it would be a figure, or a traceback.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from bench.histogram import merge_histograms
from bench.measured import (
    AbortsResult,
    Absence,
    BurstResult,
    ClosedResult,
    CrowdResult,
    DownloadResult,
    GateResult,
    HoldingResult,
    Integrity,
    OpenResult,
    SlowResult,
    StreamsResult,
    Timed,
    UploadResult,
)
from bench.shapes import (
    Aborts,
    Burst,
    Closed,
    Crowd,
    Download,
    Fanout,
    Gate,
    Holding,
    Open,
    Slow,
    Streams,
    Upload,
)

if TYPE_CHECKING:  # which reads what is judged here
    from bench.record import CellRecord, RunRecord

__all__ = ["damage"]

_RESULTS: Mapping[type, type] = {
    Gate: GateResult,
    Closed: ClosedResult,
    Open: OpenResult,
    Fanout: OpenResult,
    Streams: StreamsResult,
    Download: DownloadResult,
    Upload: UploadResult,
    Burst: BurstResult,
    Holding: HoldingResult,
    Aborts: AbortsResult,
    Crowd: CrowdResult,
    Slow: SlowResult,
}
"""What a scenario leaves behind, where it is no absence."""


def damage(header: RunRecord, cells: Sequence[CellRecord]) -> str:
    """Return in one line what is wrong with the first record of a cell that is not sound; empty for none."""
    plan = {part.id: part for part in header.plan}
    kinds = {scenario.id: type(scenario) for scenario in header.scenarios}
    known = {cell.id for cell in header.cells}
    seen: set[tuple[str, int, str]] = set()
    for record in cells:
        place = (record.part, record.block, record.cell)
        what = f"{record.cell}, block {record.block + 1}" + (f" of {record.part}" if record.part else "")
        part = plan.get(record.part)
        if record.cell not in known or part is None or not 0 <= record.block < part.blocks:
            return f"{what} is not in the plan of its run"
        if place in seen:
            return f"{what} is there twice"
        seen.add(place)
        for name, result in record.results.items():
            kind = kinds.get(name)
            if kind is None or name not in part.scenarios:
                return f"{what}: {name} is not in the plan of its part"
            if not isinstance(result, (_RESULTS[kind], Absence)):
                return f"{what}: {name} has a result of another scenario"
            if isinstance(result, Timed) and not result.span.seconds and getattr(result, "completed", False):
                return f"{what}: {name} has completed something in no time"
            try:
                merge_histograms(_histograms(result))
            except ValueError as error:
                return f"{what}, {name}: {error}"
    return ""


def _histograms(value: object) -> Iterator[str]:
    """Yield the encoded histograms in a result: every text that is not there to be read."""
    if isinstance(value, GateResult | Absence | Integrity):
        return
    if isinstance(value, str):
        if value:
            yield value
    elif isinstance(value, msgspec.Struct):
        for field in value.__struct_fields__:
            yield from _histograms(getattr(value, field))
    elif isinstance(value, dict):
        for one in value.values():
            yield from _histograms(one)
