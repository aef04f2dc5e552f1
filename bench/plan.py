"""What is run, in which order, and what is left out when time is short. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from bench.record import CellRecord, CellSpec, Dropped, Part, RunRecord
from bench.shapes import Gate, Scenario

__all__ = [
    "LEAST_BLOCKS",
    "Step",
    "cell_seconds",
    "estimate",
    "fit",
    "order",
    "schedule_seed",
    "seconds_of",
    "steps",
    "trim",
]

LEAST_BLOCKS = 6
_DIRECT = "direct"  # the leg that every other is held against: it always stays

Seconds = Mapping[tuple[str, str], float]
"""(part, cell) -> about how long the cell takes in one block of the part."""


class Step(NamedTuple):
    """One process that is due: what it is, and where in its block it stands."""

    part: Part
    block: int
    position: int
    cell: str


def order(cells: Sequence[str], *, seed: int, block: int) -> list[str]:
    """Return the cells of one block, each once, in an order that seed and block number decide."""
    random = np.random.default_rng([seed, block])
    return [cells[index] for index in random.permutation(len(cells))]


def schedule_seed(seed: int, block: int) -> int:
    """Return the seed of a block's arrival times: all its cells meet the same load."""
    return int(np.random.default_rng([seed, block, 1]).integers(2**31))


def steps(parts: Sequence[Part], *, seed: int, block: int) -> list[Step]:
    """Return one block of every part that has so many, part after part: whatever ends a run early has taken
    blocks from all parts alike, and a bad minute of the machine is spread over them."""
    return [
        Step(part, block, position, cell)
        for part in parts
        if block < part.blocks
        for position, cell in enumerate(order(part.cells, seed=seed, block=block))
    ]


def cell_seconds(cell: CellSpec, scenarios: Sequence[Scenario], *, start_stop_s: float) -> float:
    """Return about how long one cell takes in one block."""
    process_s = 0.0 if cell.group == "direct" else start_stop_s
    timed = (s.seconds for s in scenarios if isinstance(s, Gate) or cell.takes_part(s.id))
    return process_s + sum(timed)


def estimate(
    parts: Sequence[Part], cells: Iterable[CellSpec], scenarios: Sequence[Scenario], *, start_stop_s: float
) -> Seconds:
    """Return about how long each cell takes in one block of each part."""
    specs = {cell.id: cell for cell in cells}
    found = {}
    for part in parts:
        asked = [scenario for scenario in scenarios if scenario.id in part.scenarios]
        for cell in part.cells:
            found[part.id, cell] = cell_seconds(specs[cell], asked, start_stop_s=start_stop_s)
    return found


def seconds_of(parts: Sequence[Part], seconds: Seconds) -> float:
    """Return about how long these parts take, all blocks."""
    return sum(seconds[part.id, cell] * part.blocks for part in parts for cell in part.cells)


def fit(parts: Sequence[Part], seconds: Seconds, *, budget_s: float) -> tuple[list[Part], list[Dropped]]:
    """Return (the parts with the cells that are kept, what is left out) so that all fits into the budget.

    Cells are given in order of weight. The part that is farthest above its ``least``, as a multiple, gives up
    its last cell, the later part where two are alike, again and again, down to that. Never blocks: fewer
    blocks would make every answer vaguer, fewer cells only make some questions go unanswered. The direct leg
    always stays.
    """
    kept = list(parts)
    left_out: list[Dropped] = []
    while seconds_of(kept, seconds) > budget_s:
        at = max(range(len(kept)), key=lambda index: (_above(kept[index]), index))
        if _above(kept[at]) <= 1:
            break
        last = next(cell for cell in reversed(kept[at].cells) if cell != _DIRECT)
        left_out.insert(0, Dropped(last, 0, "all cells would not fit into the time", kept[at].id))
        kept[at] = msgspec.structs.replace(kept[at], cells=[cell for cell in kept[at].cells if cell != last])
    return kept, left_out


def _above(part: Part) -> float:
    return (len(part.cells) - (_DIRECT in part.cells)) / part.least


def trim(header: RunRecord, done: Sequence[CellRecord]) -> tuple[list[Part], list[Dropped]]:
    """Return as `fit` does what the blocks after the first have room for, by how long the first really took.

    Of the records alone: a run that is resumed comes to the same parts.
    """
    if header.budget_s is None:
        return header.plan, []
    took = {(record.part, record.cell): record.seconds for record in done if record.block == 0}
    rest = [msgspec.structs.replace(part, blocks=part.blocks - 1) for part in header.plan]
    kept, left_out = fit(rest, took, budget_s=header.budget_s - sum(took.values()))
    why = "the first block showed that all cells would not fit into the time"
    return (
        [msgspec.structs.replace(part, blocks=part.blocks + 1) for part in kept],
        [msgspec.structs.replace(dropped, from_block=1, why=why) for dropped in left_out],
    )
