"""figures -> which choices depend on each other, and what a ratio is under each that changes it. Pure.

Two choices depend on each other where the ratio of one's levels is another under the other's: the ratio of
ratios, averaged in each block over all squares of four cells that are alike in the rest. Said of framework
and route it is one statement, so it is judged once: all such ratios of a metric are one family (Holm), and
card, ranking and table read the same verdicts. Where the engine is not what is asked about, cells share the
one that most have, as the pairs of a main effect do.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations
from statistics import fmean
from typing import NamedTuple

import msgspec

from bench.contrasts import Contrast
from bench.factorial import FACTORS
from bench.figures import Figure, asked_pairs
from bench.record import CellSpec
from bench.stats import Estimate, Verdict, compare, holm, log_ratios, verdict

__all__ = ["Interaction", "Under", "called", "depends_on", "interactions", "under"]

_Key = tuple[str, ...]
_Logs = Mapping[_Key, Mapping[int, float]]
_ENGINE = list(FACTORS).index("engine")


class Interaction(msgspec.Struct, frozen=True):
    """How a ratio depends on another factor: (``first`` over ``second`` at ``at``) over (the same at
    ``against``). ``verdict``: "equivalent" when the dependence is too small to matter."""

    factor: str
    first: str
    second: str
    other: str
    at: str
    against: str
    squares: int
    estimate: Estimate
    verdict: Verdict

    @property
    def called(self) -> bool:
        """Whether the two are seen to depend on each other, more than is too little to matter."""
        return self.verdict in ("more", "less")


class Under(NamedTuple):
    """A ratio under some levels of other factors, by factor: the mean of its pairs there."""

    levels: Mapping[str, str]
    estimate: Estimate


def interactions(
    cells: Sequence[CellSpec], name: str, all_figures: Mapping[tuple[str, str], Figure]
) -> list[Interaction]:
    """Return every ratio of ratios between products that a metric gives: two levels of each of two factors,
    over all squares."""
    products = {_key(cell): cell.id for cell in cells if cell.group == "product" and not cell.twin_of}
    logs = {
        key: {block: math.log(value) for block, value in figure.blocks.items()}
        for key, cell in products.items()
        if (figure := all_figures[cell, name]).absence is None
    }
    usual = Counter(key[_ENGINE] for key in logs).most_common(1)
    alike = {key: blocks for key, blocks in logs.items() if key[_ENGINE] == usual[0][0]}
    asked = [
        found
        for one, other in combinations(range(len(FACTORS)), 2)
        for found in _ratios(logs if _ENGINE in (one, other) else alike, one, other)
    ]
    differences = holm([each.estimate.p_difference for each in asked])
    equivalences = holm([each.estimate.p_equivalence for each in asked])
    return [
        msgspec.structs.replace(each, verdict=verdict(each.estimate.ratio, p, q))
        for each, p, q in zip(asked, differences, equivalences, strict=True)
    ]


def _key(cell: CellSpec) -> _Key:
    return tuple(level(cell) for level in FACTORS.values())


def _ratios(logs: _Logs, one: int, other: int) -> list[Interaction]:
    names, found = list(FACTORS), []
    for first, second in combinations(sorted({key[one] for key in logs}), 2):
        for at, against in combinations(sorted({key[other] for key in logs}), 2):
            starts = [key for key in logs if (key[one], key[other]) == (first, at)]
            squares = [_square(key, one, second, other, against) for key in starts]
            squares = [square for square in squares if logs.keys() >= set(square)]
            shared = [set(logs[corner]) for square in squares for corner in square]
            per_block = [
                sum(
                    logs[a][block] - logs[b][block] - logs[c][block] + logs[d][block]
                    for a, b, c, d in squares
                )
                / len(squares)
                for block in sorted(set.intersection(*shared) if shared else ())
            ]
            if (estimate := compare(per_block)) is not None:
                words = (names[one], first, second, names[other], at, against)
                found.append(Interaction(*words, len(squares), estimate, "cannot-tell"))
    return found


def _square(key: _Key, one: int, second: str, other: int, against: str) -> tuple[_Key, _Key, _Key, _Key]:
    """Return (first at, second at, first against, second against), from the first, all else equal."""

    def at(place: int, level: str, of: _Key) -> _Key:
        return (*of[:place], level, *of[place + 1 :])

    below = at(other, against, key)
    return key, at(one, second, key), below, at(one, second, below)


def called(found: Sequence[Interaction]) -> list[Interaction]:
    """Return those that are seen, the farthest from one first."""
    seen = [each for each in found if each.called]
    return sorted(seen, key=lambda each: -abs(math.log(each.estimate.ratio)))


def depends_on(contrast: Contrast, cells: Mapping[str, CellSpec], found: Sequence[Interaction]) -> list[str]:
    """Return the factors that are seen to change a contrast's ratio, in their order: "engine" among them,
    too, where its own pairs have only one."""
    levels = {FACTORS[contrast.question](cells[cell]) for cell in contrast.pairs[0]}
    changing = {each.other for each in found if each.called and {each.first, each.second} == levels}
    changing |= {each.factor for each in found if each.called and {each.at, each.against} == levels}
    return [factor for factor in FACTORS if factor in changing]


def under(
    contrast: Contrast,
    factors: Sequence[str],
    name: str,
    cells: Mapping[str, CellSpec],
    all_figures: Mapping[tuple[str, str], Figure],
) -> list[Under]:
    """Return a main effect's ratio under each combination of levels of the factors, the least first.

    The mean over those pairs that all combinations have, so that nothing else differs between them; over all
    pairs where there are none. The intervals hold together (Bonferroni): least and greatest are of many.
    """
    rest = [factor for factor in FACTORS if factor not in (*factors, contrast.question)]
    groups: dict[_Key, dict[_Key, dict[int, float]]] = {}
    for first, second in asked_pairs(contrast.pairs, name, all_figures):
        one, other = all_figures[first, name], all_figures[second, name]
        if one.absence is None and other.absence is None:
            group, place = (tuple(FACTORS[f](cells[first]) for f in of) for of in (factors, rest))
            blocks = sorted(one.blocks.keys() & other.blocks.keys())
            ratios = dict(zip(blocks, log_ratios(one.blocks, other.blocks), strict=True))
            groups.setdefault(group, {})[place] = ratios
    common = set.intersection(*map(set, groups.values())) if groups else set()
    found = []
    for group, pairs in groups.items():
        of_it = [logs for place, logs in pairs.items() if place in common or not common]
        shared = sorted(set.intersection(*map(set, of_it)))
        per_block = [fmean(logs[block] for logs in of_it) for block in shared]
        if (estimate := compare(per_block, together=len(groups))) is not None:
            found.append(Under(dict(zip(factors, group, strict=True)), estimate))
    return sorted(found, key=lambda each: each.estimate.ratio)
