"""Intervals of what is worked out from all blocks at once and from no block alone: the block jackknife. Pure.

Each block is left out in turn; how far the result then moves is its standard error (Tukey 1958), and
Student's t with one degree of freedom less than blocks gives the interval, as for a mean over blocks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from bench.stats import CONFIDENCE, INTERVAL_BLOCKS, Interval
from bench.student import t_quantile

__all__ = ["jackknife", "share_interval"]


def jackknife(whole: float, but_one: Sequence[float]) -> Interval | None:
    """Return a value with its 95 % interval; ``but_one``: the same without the first block, the second, …

    None with fewer than three blocks.
    """
    count = len(but_one)
    if count < INTERVAL_BLOCKS:
        return None
    half = t_quantile((1 + CONFIDENCE) / 2, count - 1) * _error(but_one)
    return Interval(whole, whole - half, whole + half, count)


def share_interval(whole: float, but_one: Sequence[float]) -> Interval | None:
    """Return a share with its 95 % interval, inside 0 … 1.

    Each end is the farther of the jackknife's own and of that on log odds: a large share is bounded by one
    and falls short of it farther than it rises, and a share of nothing has no log odds to vary.
    """
    plain = jackknife(whole, but_one)
    if plain is None:
        return None
    odds = plain
    if all(0 < share < 1 for share in (whole, *but_one)):
        found = jackknife(_log_odds(whole), [_log_odds(share) for share in but_one])
        assert found is not None
        odds = Interval(whole, _share(found.low), _share(found.high), found.n)
    return Interval(whole, max(0.0, min(plain.low, odds.low)), min(1.0, max(plain.high, odds.high)), plain.n)


def _error(but_one: Sequence[float]) -> float:
    mean = sum(but_one) / len(but_one)
    return math.sqrt((len(but_one) - 1) / len(but_one) * sum((one - mean) ** 2 for one in but_one))


def _log_odds(share: float) -> float:
    return math.log(share / (1 - share))


def _share(log_odds: float) -> float:
    return 1 / (1 + math.exp(-log_odds)) if log_odds > -700 else 0.0
