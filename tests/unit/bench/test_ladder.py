"""The ladder: each rung the difference to the one below, and a rung that is missing has its reason."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import pytest

from bench.cells import choose
from bench.figures import Figure
from bench.ladder import ladders
from bench.record import Absence, CellSpec

CELLS = choose(
    ["static", "bare", "fastapi-mount-uvicorn-httptools-wire", "fastapi-handler-uvicorn-httptools-wire"]
)


def figures(costs: Mapping[str, float | Absence]) -> dict[tuple[str, str], Figure]:
    """Figures over six blocks of a machine that gets slower."""
    found = {}
    for cell in CELLS:
        cost = costs.get(cell.id, Absence("not-run", "left out"))
        absence = cost if isinstance(cost, Absence) else None
        blocks = {} if isinstance(cost, Absence) else {b: cost * (1 + b / 10) for b in range(6)}
        found[cell.id, "cpu-request"] = Figure(cell.id, "cpu-request", blocks, None, absence)
    return found


ALL: dict[str, float | Absence] = {
    "static": 40.0,
    "bare": 100.0,
    "fastapi-mount-uvicorn-httptools-wire": 120.0,
    "fastapi-handler-uvicorn-httptools-wire": 160.0,
}
DRIFT = 1.25  # the mean of a machine that gets slower


def cells() -> list[CellSpec]:
    return [cell for cell in CELLS if cell.id in ALL]


def test_each_rung_is_the_difference_to_the_one_below_and_the_last_is_the_whole() -> None:
    (rungs,) = ladders(cells(), figures(ALL)).values()
    added = [rung.added.value for rung in rungs if rung.added is not None]
    assert added == pytest.approx([value * DRIFT for value in (40, 60, 20, 40)])
    assert rungs[-1].end == pytest.approx(160 * DRIFT)
    assert all(one.end == other.start for one, other in pairwise(rungs))


def test_a_rung_that_is_missing_is_part_of_the_next() -> None:
    (rungs,) = ladders(cells(), figures({**ALL, "static": Absence("failed", "it died")})).values()
    assert rungs[0].absence == Absence("failed", "it died")
    assert rungs[1].start == 0.0
    assert rungs[1].end == pytest.approx(100 * DRIFT)


def test_a_layer_that_costs_less_than_nothing_is_shown_as_it_is() -> None:
    (rungs,) = ladders(cells(), figures({**ALL, "fastapi-mount-uvicorn-httptools-wire": 90.0})).values()
    assert rungs[2].added is not None
    assert rungs[2].added.value == pytest.approx(-10 * DRIFT)


def test_what_people_put_on_top_is_a_rung_where_it_was_run() -> None:
    top = choose(["middleware-fastapi", "base-http-fastapi", "middleware-litestar"])
    known = figures(ALL) | {
        (cell.id, "cpu-request"): Figure(
            cell.id, "cpu-request", dict.fromkeys(range(6), 500.0 + 100 * at), None, None
        )
        for at, cell in enumerate(top)
    }
    (rungs,) = ladders([*cells(), *top], known).values()  # of Litestar nothing else was run
    assert [rung.cell for rung in rungs[-2:]] == ["middleware-fastapi", "base-http-fastapi"]
    first, second = (known[rung.cell, "cpu-request"].blocks[0] for rung in rungs[-2:])
    assert rungs[-1].added is not None
    assert rungs[-1].added.value == pytest.approx(second - first)
    assert rungs[-2].end == pytest.approx(first)


def test_one_cell_is_no_ladder() -> None:
    only = {"fastapi-handler-uvicorn-httptools-wire": 160.0}
    assert ladders(cells(), figures(only)) == {}
    assert ladders([], {}) == {}
