"""What a queue does to those in it, read off when each asked, had its place and gave it back. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

__all__ = ["Turn", "in_turn", "most_at_once"]

Turn = tuple[int, int, int]
"""When one asked, when its place was there, when it was free again, by one clock."""


def most_at_once(turns: Sequence[Turn]) -> int:
    """Return how many had a place at the same time, at most: given back, it is free at once."""
    changes = sorted([(begun, 1) for _, begun, _ in turns] + [(ended, -1) for *_, ended in turns])
    most = now = 0
    for _, change in changes:
        now += change
        most = max(most, now)
    return most


def in_turn(turns: Sequence[Turn]) -> float | None:
    """Return the share of pairs of waiters that were served in the order in which they asked.

    1 is first come, first served; 0.5 a draw of lots; 0 last come, first served, with which the first may
    starve. Its complement is Kendall's distance of the two orders (Biometrika 30, 1938), the slips of Larson,
    "Perspectives on Queues: Social Justice and the Psychology of Queueing" (Operations Research 35, 1987),
    over all there could be. Quantiles of the waiting time cannot tell: they are the same in whatever order.
    Only who waited counts: who began after the first place was given back. None with fewer than two of them.
    """
    free = min((ended for *_, ended in turns), default=0)
    waiters = sorted((asked, begun) for asked, begun, _ in turns if begun >= free)
    pairs = list(combinations((begun for _, begun in waiters), 2))
    return sum(first <= second for first, second in pairs) / len(pairs) if pairs else None
