"""figures -> what matters: how much of the variation between products each factor explains. Pure.

Costs multiply, so the model is additive in logs: cell = block x framework x route x server x loop x engine,
fitted by least squares in each block alone. A block then gives one independent value of every effect, and
the blocks give its interval, as everywhere else here. The plan need not be complete: shares of factors that
overlap are averaged over every order of entering them (Shapley; Lindeman, Merenda and Gold 1980), and each
is freed of what noise alone would have explained (omega squared), so what explains nothing is about 0 %.
A share is of what differs between these very cells; its interval, the block jackknife's, is about their runs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations

import msgspec
import numpy as np
import numpy.typing as npt

from bench.cells import framework_name
from bench.figures import Figure
from bench.jackknife import share_interval
from bench.record import CellSpec
from bench.stats import INTERVAL_BLOCKS, Estimate, Interval, compare

__all__ = ["FACTORS", "Decomposition", "LevelEffect", "decompose"]

Matrix = npt.NDArray[np.float64]

FACTORS: Mapping[str, Callable[[CellSpec], str]] = {
    "framework": lambda cell: framework_name(cell.framework),
    "route": lambda cell: cell.route,
    "server": lambda cell: cell.profile,
    "loop": lambda cell: cell.loop,
    "engine": lambda cell: cell.engine,
}


class LevelEffect(msgspec.Struct, frozen=True):
    """A level's cost over the geometric mean of its factor's levels, all else equal."""

    factor: str
    level: str
    estimate: Estimate


class Decomposition(msgspec.Struct, frozen=True):
    """Of the variation of one metric between these products: the share of each factor, of how they combine,
    and of noise, adding up to one; the effect of each level.

    ``intervals``: of each factor's share, and ``combined_interval`` of theirs together. Noise has none: its
    share is a variance, which a few blocks tell only as far as its rare large pieces happened to fall into
    them."""

    metric: str
    cells: int
    blocks: int
    shares: dict[str, float]
    combined: float
    noise: float
    levels: list[LevelEffect]
    intervals: dict[str, Interval]
    combined_interval: Interval | None


def decompose(
    cells: Sequence[CellSpec], of: str, all_figures: Mapping[tuple[str, str], Figure]
) -> Decomposition | None:
    """Return the decomposition of a metric over the products that have it in the blocks they share.

    None when fewer than two factors vary, or three blocks or a degree of freedom are wanting.
    """
    products = [
        cell
        for cell in cells
        if cell.group == "product" and not cell.twin_of and all_figures[cell.id, of].absence is None
    ]
    per_cell = [all_figures[cell.id, of].blocks for cell in products]
    blocks = sorted(set.intersection(*map(set, per_cell))) if per_cell else []
    varied = [name for name, level in FACTORS.items() if len({level(cell) for cell in products}) > 1]
    if len(varied) < 2 or len(blocks) < INTERVAL_BLOCKS:
        return None
    logs = np.log(np.array([[values[block] for block in blocks] for values in per_cell]))
    logs -= logs.mean(axis=0)  # the block takes its mean: a slower machine is no property of a cell
    designs = {name: _coded([FACTORS[name](cell) for cell in products]) for name in varied}
    bases = _bases(designs)
    shares, combined, noise = _shares(logs, bases)
    but_one = [_shares(np.delete(logs, out, axis=1), bases) for out in range(len(blocks))]
    return Decomposition(
        metric=of,
        cells=len(products),
        blocks=len(blocks),
        shares=shares,
        combined=combined,
        noise=noise,
        levels=_levels(logs, designs, products),
        intervals={
            name: found
            for name, share in shares.items()
            if (found := share_interval(share, [each[name] for each, *_ in but_one])) is not None
        },
        combined_interval=share_interval(combined, [each for _, each, _ in but_one]),
    )


def _coded(levels: Sequence[str]) -> Matrix:
    """Return sum-to-zero columns, one for each level but the last: coefficients are then from the mean."""
    names = sorted(set(levels))
    columns = [[float(level == name) - float(level == names[-1]) for name in names[:-1]] for level in levels]
    return np.array(columns)


def _bases(designs: Mapping[str, Matrix]) -> dict[tuple[str, ...], Matrix]:
    """Return, for each choice of factors, orthonormal columns of all that they can explain of the means."""
    names = list(designs)
    choices = [chosen for size in range(len(names) + 1) for chosen in combinations(names, size)]
    return {chosen: _orthonormal([designs[name] for name in chosen]) for chosen in choices if chosen}


def _orthonormal(designs: Sequence[Matrix]) -> Matrix:
    columns = np.column_stack(designs)
    left, sizes, _ = np.linalg.svd(columns - columns.mean(axis=0), full_matrices=False)
    return left[:, : int((sizes > 1e-9 * sizes[0]).sum())]


def _shares(logs: Matrix, bases: Mapping[tuple[str, ...], Matrix]) -> tuple[dict[str, float], float, float]:
    cells, blocks = map(len, (logs, logs.T))
    names = [chosen[0] for chosen in bases if len(chosen) == 1]
    means = logs.mean(axis=1)
    total = float((logs**2).sum())
    between = blocks * float((means**2).sum())
    if total < 1e-12 * cells * blocks:  # nothing differs but the last digits
        return dict.fromkeys(names, 0.0), 0.0, 1.0
    error = (total - between) / ((cells - 1) * (blocks - 1))  # mean square between runs of the same cell
    values = {(): 0.0} | {
        chosen: blocks * float(np.sum(np.square(basis.T @ means))) - basis.shape[1] * error
        for chosen, basis in bases.items()
    }
    raw = {name: _shapley(name, names, values) for name in names}
    combined = max(0.0, between - (cells - 1) * error - values[tuple(names)])
    parts = {name: max(0.0, value) for name, value in raw.items()}
    noise = max(0.0, total - sum(parts.values()) - combined)
    whole = (sum(parts.values()) + combined + noise) or 1.0
    return {name: part / whole for name, part in parts.items()}, combined / whole, noise / whole


def _shapley(name: str, names: Sequence[str], values: Mapping[tuple[str, ...], float]) -> float:
    """Return what ``name`` adds, averaged over all orders in which the factors can enter."""
    others = [other for other in names if other != name]
    added = 0.0
    for size in range(len(others) + 1):
        weight = 1 / (len(names) * math.comb(len(others), size))
        for chosen in combinations(others, size):
            joined = tuple(one for one in names if one in (*chosen, name))
            added += weight * (values[joined] - values[chosen])
    return added


def _levels(logs: Matrix, designs: Mapping[str, Matrix], products: Sequence[CellSpec]) -> list[LevelEffect]:
    """Fit all factors together in each block; what the plan cannot tell apart has no effect."""
    columns = np.column_stack([np.ones(len(products)), *designs.values()])
    if np.linalg.matrix_rank(columns) < columns.shape[1]:
        return []
    fitted, *_ = np.linalg.lstsq(columns, logs, rcond=None)
    found = []
    at = 1
    for name, design in designs.items():
        width = design.shape[1]
        per_level = np.vstack([fitted[at : at + width], -fitted[at : at + width].sum(axis=0)])
        at += width
        for level, effect in zip(sorted({FACTORS[name](cell) for cell in products}), per_level, strict=True):
            estimate = compare(effect.tolist())
            assert estimate is not None
            found.append(LevelEffect(name, level, estimate))
    return found
