"""Choices that depend on each other are found, at their size and no more often than chance has it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
import pytest

from bench.cells import vary
from bench.contrasts import Contrast, contrasts
from bench.dependence import called, depends_on, interactions, under
from bench.figures import Figure
from bench.record import Absence, CellSpec

CELLS = [
    cell for cell in vary(["framework", "route", "server"]) if cell.group == "product" and not cell.twin_of
]
BLOCKS, RUNS = 6, 1000


def main_effect(question: str, cells: list[CellSpec] = CELLS) -> Contrast:
    return next(one for one in contrasts(cells) if one.question == question and one.main)


def drawn(
    cost: Callable[[CellSpec], float],
    random: np.random.Generator,
    *,
    noise: float = 0.01,
    cells: list[CellSpec] = CELLS,
    missing: str = "",
) -> Mapping[tuple[str, str], Figure]:
    """The cells' figures: ``cost`` with noise, on a machine that becomes slower."""
    return {
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


def found(
    question: str, figures: Mapping[tuple[str, str], Figure], cells: list[CellSpec] = CELLS
) -> list[str]:
    """What changes the main effect of a question."""
    every = interactions(cells, "rps", figures)
    return depends_on(main_effect(question, cells), {cell.id: cell for cell in cells}, every)


def multiplied(cell: CellSpec) -> float:
    """Costs that multiply: every ratio is the same wherever it is taken."""
    parts = {"litestar": 1.2, "mount": 1.3, "hypercorn-h1": 0.5, "uvicorn-h11": 0.7}
    return 1000 * math.prod(parts.get(part, 1.0) for part in (cell.framework, cell.route, cell.profile))


def slower(cell: CellSpec, part: float) -> float:
    """Costs that multiply, but for a mount in Litestar."""
    return multiplied(cell) * (part if (cell.route, cell.framework) == ("mount", "litestar") else 1.0)


def test_costs_that_multiply_are_called_to_depend_about_once_in_twenty() -> None:
    """Anything at all: what depends on what is one family, whoever asks."""
    random = np.random.default_rng(11)
    called_any = sum(
        bool(called(interactions(CELLS, "rps", drawn(multiplied, random, noise=0.1)))) for _ in range(RUNS)
    )
    assert 0.02 * RUNS < called_any <= 0.05 * RUNS + 3 * math.sqrt(0.05 * 0.95 * RUNS)


@pytest.mark.parametrize(("factor", "level"), [("framework", "litestar"), ("server", "hypercorn-h1")])
def test_the_choice_that_changes_a_ratio_is_named_and_no_other(factor: str, level: str) -> None:
    def cost(cell: CellSpec) -> float:
        slow = cell.route == "mount" and level in (cell.framework, cell.profile)
        return multiplied(cell) * (0.85 if slow else 1.0)

    random = np.random.default_rng(12)
    named = [found("route", drawn(cost, random)) for _ in range(100)]
    assert sum(factor in one for one in named) >= 99
    assert sum(one == [factor] for one in named) >= 90


def test_two_choices_depend_on_each_other_or_neither_on_the_other() -> None:
    random = np.random.default_rng(16)
    for part in (0.9, 0.94, 0.97):
        for _ in range(50):
            figures = drawn(lambda cell, part=part: slower(cell, part), random, noise=0.02)  # type: ignore[misc]
            assert ("framework" in found("route", figures)) == ("route" in found("framework", figures))


def test_a_change_too_little_to_matter_is_not_called() -> None:
    random = np.random.default_rng(13)
    assert not any(
        found("route", drawn(lambda cell: slower(cell, 0.99), random, noise=0.001)) for _ in range(20)
    )


def test_pairs_that_differ_in_two_choices_say_nothing_of_either() -> None:
    wanted = {("fastapi", "uvicorn-httptools"), ("litestar", "hypercorn-h1")}
    cells = [cell for cell in CELLS if (cell.framework, cell.profile) in wanted]
    figures = drawn(lambda cell: float(len(cell.id)), np.random.default_rng(14), cells=cells)
    assert found("route", figures, cells) == []


def test_a_cell_that_failed_leaves_the_others_to_say_it() -> None:
    figures = drawn(lambda cell: slower(cell, 0.8), np.random.default_rng(15), missing=CELLS[0].id)
    assert found("route", figures) == ["framework"]


def test_what_a_dear_client_hides_is_asked_of_the_usual_one() -> None:
    """Where the client takes most of the time two apps are nearly alike: no square of theirs is averaged."""
    varied = vary(["framework", "route", "engine"])
    cells = [cell for cell in varied if cell.group == "product" and not cell.twin_of]
    assert sum(cell.engine == "httpx2" for cell in cells) == 4

    def rate(cell: CellSpec) -> float:
        return 1 / (1 / slower(cell, 0.8) + (0.01 if cell.engine != "wire" else 0.0))

    figures = drawn(rate, np.random.default_rng(17), cells=cells)
    (own,) = [
        each
        for each in interactions(cells, "rps", figures)
        if (each.factor, each.other) == ("framework", "route")
    ]
    assert own.squares == 1
    assert abs(math.log(own.estimate.ratio)) == pytest.approx(-math.log(0.8), abs=0.05)


def test_the_ratios_under_a_choice_hold_their_true_ones_all_together() -> None:
    random = np.random.default_rng(18)
    contrast, cells = main_effect("route"), {cell.id: cell for cell in CELLS}
    held = 0
    for _ in range(RUNS):
        figures = drawn(lambda cell: slower(cell, 0.8), random, noise=0.05)
        every = under(contrast, ["framework"], "rps", cells, figures)
        assert [set(one.levels) for one in every] == [{"framework"}] * 2
        truth = {"FastAPI": 1.3, "Litestar": 1.04}
        held += all(one.estimate.low <= truth[one.levels["framework"]] <= one.estimate.high for one in every)
    assert held / RUNS > 0.95 - 3 * math.sqrt(0.05 * 0.95 / RUNS)


def test_under_a_choice_nothing_else_differs() -> None:
    """Where one level has pairs that another has not, they are left out: server and loop would tell on it."""
    cells = [one for one in CELLS if (one.framework, one.profile) != ("litestar", "hypercorn-h1")]

    def cost(cell: CellSpec) -> float:
        return 1000 * (1.5 if (cell.route, cell.profile) == ("mount", "hypercorn-h1") else 1.0)

    figures = drawn(cost, np.random.default_rng(19), noise=0.001, cells=cells)
    contrast = main_effect("route", cells)
    every = under(contrast, ["framework"], "rps", {cell.id: cell for cell in cells}, figures)
    assert [one.estimate.ratio for one in every] == pytest.approx([1.0, 1.0], rel=0.01)
