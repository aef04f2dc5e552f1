"""What is run, in which order, and what is left out when time is short. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.record import CellSpec
from bench.scenarios import Gate, Scenario

__all__ = ["LEAST_BLOCKS", "cell_seconds", "fit", "order", "schedule_seed"]

LEAST_BLOCKS = 6
_LEAST_CELLS = 5  # below that no question is left to answer


def order(cells: Sequence[str], *, seed: int, block: int) -> list[str]:
    """Return the cells of one block, each once, in an order that seed and block number decide."""
    random = np.random.default_rng([seed, block])
    return [cells[index] for index in random.permutation(len(cells))]


def schedule_seed(seed: int, block: int) -> int:
    """Return the seed of a block's arrival times: all its cells meet the same load."""
    return int(np.random.default_rng([seed, block, 1]).integers(2**31))


def cell_seconds(cell: CellSpec, scenarios: Sequence[Scenario], *, start_stop_s: float) -> float:
    """Return about how long one cell takes in one block."""
    process_s = 0.0 if cell.group == "direct" else start_stop_s
    timed = (s.seconds for s in scenarios if isinstance(s, Gate) or cell.takes_part(s.id))
    return process_s + sum(timed)


def fit(
    cells: Sequence[CellSpec],
    seconds: Sequence[float],
    *,
    blocks: int,
    budget_s: float,
) -> tuple[list[CellSpec], list[CellSpec]]:
    """Return (kept, left out) so that ``blocks`` blocks of ``seconds[i]`` per cell fit into the budget.

    Cells are given in order of weight and left out from the end, never blocks: fewer blocks would make every
    answer vaguer, fewer cells only make some questions go unanswered. The direct leg always stays.
    """
    kept = list(zip(cells, seconds, strict=True))
    left_out: list[CellSpec] = []
    while sum(s for _, s in kept) * blocks > budget_s:
        droppable = [i for i, (cell, _) in enumerate(kept) if cell.group != "direct"]
        if len(droppable) <= _LEAST_CELLS:
            break
        left_out.insert(0, kept.pop(droppable[-1])[0])
    return [cell for cell, _ in kept], left_out
