"""A main effect that another choice changes is found, at its size and no more often than chance has it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
import pytest

from bench.cells import vary
from bench.contrasts import Contrast, contrasts
from bench.dependence import depends_on
from bench.figures import Figure
from bench.record import Absence, CellSpec

CELLS = [
    cell for cell in vary(["framework", "route", "server"]) if cell.group == "product" and not cell.twin_of
]
BLOCKS, RUNS = 6, 1000


def main_effect(question: str, cells: list[CellSpec] = CELLS) -> Contrast:
    return next(one for one in contrasts(cells) if one.question == question and one.main)


def found(
    question: str,
    cost: Callable[[CellSpec], float],
    random: np.random.Generator,
    *,
    noise: float = 0.01,
    cells: list[CellSpec] = CELLS,
    missing: str = "",
) -> list[str]:
    """What changes the main effect of a question, the cells' figures being ``cost`` with noise."""
    figures: Mapping[tuple[str, str], Figure] = {
        (cell.id, "rps"): Figure(
            cell.id,
            "rps",
            {
                block: cost(cell) * (1 + 0.1 * block) * math.exp(random.normal(0, noise))
                for block in range(BLOCKS)
            },
            None,
            Absence("failed", "it died") if cell.id == missing else None,
        )
        for cell in cells
    }
    return depends_on(main_effect(question, cells), "rps", {cell.id: cell for cell in cells}, figures)


def multiplied(cell: CellSpec) -> float:
    """Costs that multiply: every ratio is the same wherever it is taken."""
    parts = {"litestar": 1.2, "mount": 1.3, "hypercorn-h1": 0.5, "uvicorn-h11": 0.7}
    return 1000 * math.prod(parts.get(part, 1.0) for part in (cell.framework, cell.route, cell.profile))


def test_costs_that_multiply_are_called_to_depend_about_once_in_twenty() -> None:
    random = np.random.default_rng(11)
    called = sum(bool(found("route", multiplied, random, noise=0.1)) for _ in range(RUNS))
    assert 0.02 * RUNS < called <= 0.05 * RUNS + 3 * math.sqrt(0.05 * 0.95 * RUNS)


@pytest.mark.parametrize(("factor", "level"), [("framework", "litestar"), ("server", "hypercorn-h1")])
def test_the_choice_that_changes_a_ratio_is_named_and_no_other(factor: str, level: str) -> None:
    def cost(cell: CellSpec) -> float:
        slower = cell.route == "mount" and level in (cell.framework, cell.profile)
        return multiplied(cell) * (0.85 if slower else 1.0)

    random = np.random.default_rng(12)
    named = [found("route", cost, random) for _ in range(100)]
    assert sum(factor in one for one in named) >= 99
    assert sum(one == [factor] for one in named) >= 90


def test_a_change_too_little_to_matter_is_not_called() -> None:
    def cost(cell: CellSpec) -> float:
        return multiplied(cell) * (0.99 if (cell.route, cell.framework) == ("mount", "litestar") else 1.0)

    random = np.random.default_rng(13)
    assert not any(found("route", cost, random, noise=0.001) for _ in range(20))


def test_pairs_that_differ_in_two_choices_say_nothing_of_either() -> None:
    wanted = {("fastapi", "uvicorn-httptools"), ("litestar", "hypercorn-h1")}
    cells = [cell for cell in CELLS if (cell.framework, cell.profile) in wanted]
    assert found("route", lambda cell: float(len(cell.id)), np.random.default_rng(14), cells=cells) == []


def test_a_cell_that_failed_leaves_the_others_to_say_it() -> None:
    def cost(cell: CellSpec) -> float:
        return multiplied(cell) * (0.8 if (cell.route, cell.framework) == ("mount", "litestar") else 1.0)

    assert found("route", cost, np.random.default_rng(15), missing=CELLS[0].id) == ["framework"]
