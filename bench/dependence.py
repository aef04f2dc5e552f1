"""contrasts -> which other choice changes a main effect: by it, the mean of the pairs holds for none. Pure.

Two pairs that differ in one other factor alone give a ratio of ratios; over all such two of the factor's same
levels it is averaged in each block, as ratios are. One main effect's are a family of their own (Holm): what
else a plan asks makes it no harder to see that two pairs differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

from bench.contrasts import Contrast
from bench.factorial import FACTORS
from bench.figures import Figure, asked_pairs
from bench.record import CellSpec
from bench.stats import Estimate, compare, holm, log_ratios, verdict

__all__ = ["depends_on"]

_Key = tuple[str, ...]


def depends_on(
    contrast: Contrast,
    name: str,
    cells: Mapping[str, CellSpec],
    all_figures: Mapping[tuple[str, str], Figure],
) -> list[str]:
    """Return the factors that change a contrast's ratio in a metric, more than is too little to matter."""
    others = [factor for factor in FACTORS if factor != contrast.question]
    logs: dict[_Key, Mapping[int, float]] = {}
    for first, second in asked_pairs(contrast.pairs, name, all_figures):
        one, other = all_figures[first, name], all_figures[second, name]
        if one.absence is None and other.absence is None:
            shared = sorted(one.blocks.keys() & other.blocks.keys())
            key = tuple(FACTORS[factor](cells[first]) for factor in others)
            logs[key] = dict(zip(shared, log_ratios(one.blocks, other.blocks), strict=True))
    asked = [
        (factor, estimate)
        for place, factor in enumerate(others)
        for one, other in combinations(sorted({key[place] for key in logs}), 2)
        if (estimate := _changes(logs, place, one, other)) is not None
    ]
    differences = holm([estimate.p_difference for _, estimate in asked])
    equivalences = holm([estimate.p_equivalence for _, estimate in asked])
    return list(
        dict.fromkeys(
            factor
            for (factor, estimate), p, q in zip(asked, differences, equivalences, strict=True)
            if verdict(estimate.ratio, p, q) in ("more", "less")
        )
    )


def _changes(logs: Mapping[_Key, Mapping[int, float]], place: int, one: str, other: str) -> Estimate | None:
    """Return the ratio with the factor at ``place`` at ``one``, over that with it at ``other``."""
    twos = [
        (logs[key], logs[beside])
        for key in logs
        if key[place] == one and (beside := (*key[:place], other, *key[place + 1 :])) in logs
    ]
    if not twos:
        return None
    blocks: Sequence[int] = sorted(set.intersection(*(set(side) for two in twos for side in two)))
    return compare([sum(a[block] - b[block] for a, b in twos) / len(twos) for block in blocks])
