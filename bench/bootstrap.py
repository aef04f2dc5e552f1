"""The symmetric studentised bootstrap over blocks: what `stats` uses instead of Student's t from twenty on.

Blocks are drawn with replacement, each whole; what is resampled is the pivot (mean - truth) / error, and both
its signs count (Hall 1988): a log ratio of two cells in one block has no side on which disturbances fall. In
`tests/unit/bench/test_coverage.py` the one-sided form holds the truth in 89 of 100 runs of twenty disturbed
blocks, this one in 97. The draws are seeded by their number alone: the same records, the same interval.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

__all__ = ["DRAWS", "pivots"]

DRAWS = 4999
"""p-values are resolved to 1/5,000: fine enough for Holm over a hundred contrasts at 5 %."""


def pivots(values: Sequence[float]) -> npt.NDArray[np.float64]:
    """Return the pivots of all draws with both signs, sorted. A draw that repeats one value is left out."""
    array = np.asarray(values, dtype=float)
    count = len(array)
    draws = array[np.random.default_rng(count).integers(count, size=(DRAWS, count))]
    errors = draws.std(axis=1, ddof=1) / math.sqrt(count)
    kept = errors > 0
    found = (draws[kept].mean(axis=1) - array.mean()) / errors[kept]
    return np.sort(np.concatenate((found, -found)))
