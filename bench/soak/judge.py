"""Whether something grows: a line through the middles of ten stretches of a run, with its interval. Pure.

Samples a moment apart are alike, so a line through all of them would seem far surer than it is. Ten stretches
are ten values, each the median of its own, long enough to forget the one before; the first quarter of the
run, in which pools and heaps fill, is left out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import Literal

import msgspec
import numpy as np

from bench.stats import CONFIDENCE
from bench.student import t_quantile

__all__ = ["Growth", "Trend", "Verdict", "growth"]

Verdict = Literal["flat", "grows", "cannot tell"]

_STRETCHES = 10
_WARM = 0.25


class Growth(msgspec.Struct, frozen=True):
    """By how much a line rises over what is judged, with its interval; ``base`` is where it begins.
    ``allowed`` is what a run without a leak may show."""

    base: float
    value: float
    low: float
    high: float
    allowed: float

    @property
    def verdict(self) -> Verdict:
        """Return "grows" when the interval's low end is more than allowed, "flat" when the high is not."""
        if self.low > self.allowed:
            return "grows"
        return "flat" if self.high <= self.allowed else "cannot tell"


class Trend(msgspec.Struct, frozen=True):
    """A line through points: where it begins, how much it rises, and half of that rise's interval."""

    start: float
    rise: float
    half: float


def line(xs: Sequence[float], ys: Sequence[float]) -> Trend:
    """Return the line of least squares, first x to last. Raises ValueError for fewer than three points."""
    n = len(xs)
    if n < 3:
        raise ValueError("a slope with an interval takes three points")
    x, y = np.asarray(xs, dtype=float), np.asarray(ys, dtype=float)
    spread = float(((x - x.mean()) ** 2).sum())
    slope = float(((x - x.mean()) * (y - y.mean())).sum()) / spread
    left = y - y.mean() - slope * (x - x.mean())
    error = math.sqrt(float((left**2).sum()) / (n - 2) / spread)
    length = float(x[-1] - x[0])
    half = t_quantile(1 - (1 - CONFIDENCE) / 2, n - 2) * error * length
    return Trend(float(y.mean() + slope * (x[0] - x.mean())), slope * length, half)


def growth(
    times: Sequence[float], values: Sequence[float], *, allowed: float, settle_s: float = 0.0
) -> Growth | None:
    """Return how much ``values`` grew after the first quarter of the run; None with too few samples.

    ``settle_s``: seconds that have to pass in any case.
    """
    if not times:
        return None
    begin = times[0] + max(settle_s, _WARM * (times[-1] - times[0]))
    kept = [(at, value) for at, value in zip(times, values, strict=True) if at >= begin]
    if len(kept) < 2 * _STRETCHES:
        return None
    bounds = np.linspace(0, len(kept), _STRETCHES + 1).astype(int)
    stretches = [kept[a:b] for a, b in pairwise(bounds)]
    found = line(
        [median(at for at, _ in stretch) for stretch in stretches],
        [median(value for _, value in stretch) for stretch in stretches],
    )
    # the middles of the first and last stretch are nine tenths of the way apart
    reach = _STRETCHES / (_STRETCHES - 1)
    rise, half = found.rise * reach, found.half * reach
    return Growth(found.start, rise, rise - half, rise + half, allowed)
