"""Arithmetic on blocks: paired log ratios, intervals, four-way verdicts, Holm's correction, ranks. No I/O.

The unit is the block: one value per cell and block, the two cells of a contrast measured minutes apart at
most, so a machine that slows down in between hits both. Logs, because costs multiply: half and double are
then equally far from one. Intervals of ratios are Student's t, from twenty blocks on the bootstrap over
blocks; those of single figures are order statistics, since what disturbs a cell only slows it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Literal, NamedTuple

import msgspec
import numpy as np

from bench.bootstrap import pivots
from bench.student import t_cdf, t_quantile

__all__ = [
    "CONFIDENCE",
    "INTERVAL_BLOCKS",
    "MARGIN",
    "Estimate",
    "Interval",
    "Verdict",
    "blocks_lacking",
    "compare",
    "difference",
    "holm",
    "least_samples",
    "log_ratios",
    "log_values",
    "median_interval",
    "places",
    "unpaired",
    "verdict",
]

CONFIDENCE = 0.95
MARGIN = 0.05
"""Ratios within 1/(1+m) … 1+m are no reason to choose: chosen beforehand, not from the data."""

INTERVAL_BLOCKS = 3
"""Fewer give no interval."""

_ALPHA = 1 - CONFIDENCE
_BOOTSTRAP_BLOCKS = 20

Verdict = Literal["more", "less", "equivalent", "cannot-tell"]


def blocks_lacking(count: int) -> str:
    """Return why so few blocks have no interval, for an absence."""
    return f"{count} of the {INTERVAL_BLOCKS} blocks that a figure needs"


class Interval(msgspec.Struct, frozen=True):
    """A value with its interval, from ``n`` blocks."""

    value: float
    low: float
    high: float
    n: int


class Estimate(msgspec.Struct, frozen=True):
    """A ratio of two cells with its interval, and the two p-values the verdict stands on."""

    ratio: float
    low: float
    high: float
    n: int
    p_difference: float
    p_equivalence: float

    @property
    def beyond_margin(self) -> bool:
        """Whether no ratio within MARGIN of 1 is in the interval."""
        return self.low > 1 + MARGIN or self.high < 1 / (1 + MARGIN)

    @property
    def within_margin(self) -> bool:
        """Whether only ratios within MARGIN of 1 are in the interval."""
        return self.low > 1 / (1 + MARGIN) and self.high < 1 + MARGIN


class _Student:
    """The distribution of (mean - truth) / error when blocks are few and about normal."""

    def __init__(self, values: Sequence[float]) -> None:
        self._df = len(values) - 1

    def quantile(self, p: float) -> float:
        return t_quantile(p, self._df)

    def below(self, t: float) -> float:
        return t_cdf(t, self._df)


class _Resampled:
    """The same, from the blocks themselves. A probability is never 0 or 1: no number of draws shows that."""

    def __init__(self, values: Sequence[float]) -> None:
        self._pivots = pivots(values)

    def quantile(self, p: float) -> float:
        return float(np.quantile(self._pivots, p))

    def below(self, t: float) -> float:
        return (float(np.searchsorted(self._pivots, t)) + 0.5) / (len(self._pivots) + 1)


class _Mean(NamedTuple):
    """A mean, its standard error (0 when all values are the same), and its 95 % interval."""

    mean: float
    error: float
    low: float
    high: float
    pivot: _Student | _Resampled


def _mean(values: Sequence[float], together: int = 1) -> _Mean:
    array = np.asarray(values, dtype=float)
    mean, error = float(array.mean()), float(array.std(ddof=1) / math.sqrt(len(array)))
    if error == 0.0:
        return _Mean(mean, error, mean, mean, _Student(values))
    pivot = _Resampled(values) if len(values) >= _BOOTSTRAP_BLOCKS else _Student(values)
    beyond = _ALPHA / together / 2
    low, high = (mean - pivot.quantile(p) * error for p in (1 - beyond, beyond))
    return _Mean(mean, error, low, high, pivot)


def difference(values: Sequence[float]) -> Interval | None:
    """Return the mean of per-block differences with its 95 % interval; None with fewer than three blocks."""
    if len(values) < INTERVAL_BLOCKS:
        return None
    found = _mean(values)
    return Interval(found.mean, found.low, found.high, len(values))


def median_interval(values: Sequence[float]) -> Interval | None:
    """Return the median over blocks, since outliers stay in, with its 95 % interval.

    From six blocks on its ends are order statistics, so nothing is assumed of the noise, which in a single
    cell has a side: what disturbs only slows. Of fewer even the whole range is too narrow (75 % of three):
    there it is widened to Student's t of the logs, which holds the truth in 93 of 100 runs or more. None
    with fewer than three blocks or without a positive value to take the log of.
    """
    if len(values) < INTERVAL_BLOCKS or min(values) <= 0:
        return None
    ordered = sorted(values)
    left_out = _left_out(len(ordered))
    low, high = ordered[left_out or 0], ordered[-1 - (left_out or 0)]
    if left_out is None:
        logs = _mean([math.log(value) for value in values])
        low, high = min(low, math.exp(logs.low)), max(high, math.exp(logs.high))
    return Interval(float(np.median(np.asarray(values))), low, high, len(values))


@cache
def _left_out(count: int) -> int | None:
    """Return how many values on each side lie outside the interval of a median: the median of ``count`` lies
    beyond k of them with P(Binomial(count, 1/2) <= k). None where even the whole range is not enough."""
    found, beyond = None, 0.0
    for k in range(count // 2):
        beyond += math.comb(count, k) / 2**count
        if 2 * beyond > _ALPHA:
            break
        found = k
    return found


def compare(log_ratios: Sequence[float], *, margin: float = MARGIN, together: int = 1) -> Estimate | None:
    """Return ratio, 95 % interval and p-values from per-block log ratios; None with fewer than three blocks.

    ``together``: of how many ratios the intervals are to hold all at once (Bonferroni).
    ``p_difference``: two-sided, against a ratio of one. ``p_equivalence``: two one-sided tests (TOST) against
    a ratio outside 1/(1+margin) … 1+margin; small means surely inside.
    """
    n = len(log_ratios)
    if n < INTERVAL_BLOCKS:
        return None
    mean, error, low, high, pivot = _mean(log_ratios, together)
    bound = math.log1p(margin)
    if error == 0.0:  # identical in every block: certain, whichever way
        p_difference, p_equivalence = float(mean == 0.0), float(abs(mean) >= bound)
    else:
        below = pivot.below(mean / error)
        p_difference = 2 * min(below, 1 - below)
        p_equivalence = max(pivot.below((mean - bound) / error), 1 - pivot.below((mean + bound) / error))
    return Estimate(math.exp(mean), math.exp(low), math.exp(high), n, p_difference, p_equivalence)


def log_ratios(first: Mapping[int, float], second: Mapping[int, float]) -> list[float]:
    """Return the log of first over second in each block that has both, in order of the blocks."""
    return [math.log(first[block] / second[block]) for block in sorted(first.keys() & second.keys())]


def log_values(values: Mapping[int, float]) -> list[float]:
    """Return the logs of a figure's blocks, in their order."""
    return [math.log(values[block]) for block in sorted(values)]


def unpaired(first: Sequence[float], second: Sequence[float]) -> Interval | None:
    """Return the ratio of two runs from the logs of each one's blocks; None with fewer than three in either.

    Welch's t, its degrees of freedom rounded down: blocks of two runs met two different machines, so there
    is nothing to pair, and the machine's own change is part of the ratio.
    """
    if min(len(first), len(second)) < INTERVAL_BLOCKS:
        return None
    sides = [np.asarray(logs, dtype=float) for logs in (first, second)]
    mean = float(sides[0].mean() - sides[1].mean())
    parts = [float(side.var(ddof=1)) / len(side) for side in sides]
    half = 0.0
    if any(parts):
        spread = sum(part**2 / (len(side) - 1) for part, side in zip(parts, sides, strict=True))
        df = max(1, math.floor(sum(parts) ** 2 / spread))
        half = t_quantile(1 - _ALPHA / 2, df) * math.sqrt(sum(parts))
    return Interval(math.exp(mean), math.exp(mean - half), math.exp(mean + half), min(map(len, sides)))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return Holm's adjusted p-values, in the order given."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted


def verdict(ratio: float, p_difference: float, p_equivalence: float) -> Verdict:
    """Return the verdict from adjusted p-values.

    Equivalence comes first: a difference may be real and still too small to choose by.
    """
    if p_equivalence < _ALPHA:
        return "equivalent"
    if p_difference < _ALPHA:
        return "more" if ratio > 1 else "less"
    return "cannot-tell"


def least_samples(quantile: float) -> int:
    """Return how many samples a quantile needs: enough that the largest lies beyond it with 97.5 %.

    36, 72, 368 and 3,688 for p90, p95, p99 and p99.9.
    """
    return math.floor(math.log(0.025) / math.log(quantile)) + 1


def places(values: Sequence[Sequence[float]]) -> list[tuple[int, int]]:
    """Return the places (best, worst) that each of several cells can hold, the smallest value first.

    ``values``: per cell its values in the same blocks, all positive. Two cells are apart when their paired
    log ratio differs from one after Holm's correction over all pairs; whoever is not told from the first
    shares its place. With fewer than three blocks nobody is told from anybody.
    """
    pairs = [(one, other) for one in range(len(values)) for other in range(one)]
    estimates = [
        compare([math.log(a / b) for a, b in zip(values[one], values[other], strict=True)])
        for one, other in pairs
    ]
    adjusted = holm([found.p_difference if found is not None else 1.0 for found in estimates])
    smaller, larger = [0] * len(values), [0] * len(values)  # how many are surely smaller, surely larger
    for (one, other), found, p in zip(pairs, estimates, adjusted, strict=True):
        if found is None or p >= _ALPHA:
            continue
        low, high = (other, one) if found.ratio > 1 else (one, other)
        smaller[high] += 1
        larger[low] += 1
    return [(1 + below, len(values) - above) for below, above in zip(smaller, larger, strict=True)]
