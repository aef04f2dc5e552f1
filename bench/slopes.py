"""CPU over the size of a body: what a request takes whatever it carries, and what each MB takes. Pure.

A line through two sizes under the same number of connections, in each block alone; in a plan of parts both
are of one process. What a body of 10 MB and more takes per MB has a metric of its own (S7).
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from bench.cells import DIRECT
from bench.figures import Figure
from bench.record import Absence, Run
from bench.stats import Interval, blocks_lacking, difference

__all__ = ["Slope", "slopes"]

_LARGE, _LARGE_BYTES = "S3-64k", 65_536
_SMALL, _SMALL_BYTES = ("S3", "S11-keep"), 1_024  # the same load twice: the one in the process of the large


class Slope(msgspec.Struct, frozen=True):
    """µs of CPU of one cell: of a request without its body, and of each MB of body; or why there are none."""

    cell: str
    request_us: Interval | None = None
    mb_us: Interval | None = None
    absence: Absence | None = None


def slopes(run: Run, all_figures: Mapping[tuple[str, str], Figure]) -> list[Slope]:
    """Return one for each cell that was asked both sizes; none where a size is no part of the run."""
    asked = {scenario.id for scenario in run.header.scenarios}
    part = run.header.part_of(_LARGE)
    small = next((one for one in _SMALL if one in asked and run.header.part_of(one) == part), None)
    if _LARGE not in asked or small is None:
        return []
    return [
        found
        for cell in run.header.cells
        if cell.id != DIRECT and (found := _slope(cell.id, small, all_figures)) is not None
    ]


def _slope(cell: str, small: str, all_figures: Mapping[tuple[str, str], Figure]) -> Slope | None:
    names = ("cpu-request" if small == "S3" else f"cpu-request@{small}", f"cpu-request@{_LARGE}")
    few, many = (all_figures[cell, name] for name in names)
    absence = few.absence or many.absence
    if absence is not None:
        return None if absence.reason in ("not-asked", "not-run") else Slope(cell, absence=absence)
    shared = sorted(few.blocks.keys() & many.blocks.keys())
    per_byte = [(many.blocks[block] - few.blocks[block]) / (_LARGE_BYTES - _SMALL_BYTES) for block in shared]
    fixed = [few.blocks[block] - _SMALL_BYTES * us for block, us in zip(shared, per_byte, strict=True)]
    request_us, mb_us = difference(fixed), difference([us * 1e6 for us in per_byte])
    if mb_us is None:
        return Slope(cell, absence=Absence("too-few-samples", blocks_lacking(len(shared))))
    if mb_us.low <= 0 <= mb_us.high:
        return Slope(cell, request_us, mb_us, Absence("below-resolution", "the interval holds zero"))
    return Slope(cell, request_us, mb_us)
