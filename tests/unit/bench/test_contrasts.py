"""Known ratios come out with their verdicts, whatever the machine did from block to block."""

from __future__ import annotations

from itertools import combinations

import msgspec
import numpy as np
import pytest

from bench.cells import FACTORS, QUICK_CELLS, choose, direct, vary
from bench.contrasts import Contrast, contrasts, judge
from bench.figures import added_delays, extra_cost, figures, grown
from bench.histogram import encode_histogram
from bench.metrics import quantile_us
from bench.record import Absence, Dropped, Run
from tests.unit.bench.made import made_run, scaled
from tests.unit.bench.simulated import run_of


def outcome(run: Run, question: str, metric: str, first: str = "") -> tuple[float, str]:
    for one in judge(contrasts(run.header.cells), figures(run)):
        if one.contrast.question == question and one.metric == metric and first in one.contrast.first:
            assert one.estimate is not None
            assert one.estimate.low <= one.estimate.ratio <= one.estimate.high
            return one.estimate.ratio, str(one.verdict)
    raise AssertionError("no such contrast")


def test_the_known_ratios_come_out_although_the_machine_doubled_its_speed_meanwhile() -> None:
    run = made_run()
    ratio, verdict = outcome(run, "framework", "rps", "Litestar")
    assert ratio == pytest.approx(1.1, rel=0.02)
    assert verdict == "more"
    ratio, verdict = outcome(run, "recipe", "rps", "FastAPI")
    assert ratio == pytest.approx(3.0, rel=0.02)
    assert verdict == "more"
    ratio, verdict = outcome(run, "recipe", "cpu-event", "FastAPI")
    assert ratio == pytest.approx(1 / 3, rel=0.02)
    assert verdict == "less"


def test_the_same_cell_twice_is_equivalent_and_with_noise_it_cannot_be_told() -> None:
    assert outcome(made_run(), "a/a", "rps")[1] == "equivalent"
    assert outcome(made_run(noise=0.3), "a/a", "rps")[1] == "cannot-tell"


def test_a_pair_is_judged_the_same_whatever_else_a_plan_asks() -> None:
    """Each pair is told apart or not by its own question's pairs: engines are no burden on frameworks."""
    run = run_of(np.random.default_rng(3))
    asked, known = contrasts(run.header.cells), figures(run)
    every = {one.contrast: one.verdict for one in judge(asked, known) if one.metric == "cpu-request"}
    for question in ("framework", "route", "server", "a/a"):
        alone = [one for one in asked if one.question == question and not one.main]
        found = {one.contrast: one.verdict for one in judge(alone, known) if one.metric == "cpu-request"}
        assert found == {one: every[one] for one in alone}


def test_the_pairs_of_one_question_are_corrected_for_each_other() -> None:
    """In one family of four, the surest of them has to be four times as sure as it would be alone."""
    run = run_of(np.random.default_rng(4), blocks=3)
    known = figures(run)
    pairs = [one for one in contrasts(run.header.cells) if one.question == "framework" and not one.main]
    together = {one.contrast: one.verdict for one in judge(pairs, known) if one.metric == "cpu-request"}
    alone = {
        one.contrast: one.verdict
        for pair in pairs
        for one in judge([pair], known)
        if one.metric == "cpu-request"
    }
    assert (len(pairs), list(alone.values()).count("less")) == (4, 3)
    assert list(together.values()).count("less") == 2


def test_the_quick_cells_ask_every_question_and_each_factor_has_a_main_effect() -> None:
    asked = contrasts([direct(), *QUICK_CELLS])
    counts = {
        q: sum(c.question == q for c in asked)
        for q in ("a/a", "framework", "server", "route", "engine", "recipe", "bare")
    }
    # a main effect and its pairs; the framework is asked on httpx2, too, apart from the main effect
    assert counts == {
        "a/a": 1, "framework": 5, "server": 3, "route": 3, "engine": 3, "recipe": 2, "bare": 2,
    }  # fmt: skip
    pairs = {"framework": 3, "server": 2, "route": 2, "engine": 2}
    for question, count in pairs.items():
        mains = [c for c in asked if c.question == question and c.main]
        assert [len(c.pairs) for c in mains] == [count]


def test_each_pair_holds_everything_but_its_own_factor_equal() -> None:
    cells = {cell.id: cell for cell in QUICK_CELLS}
    factors = {"framework": "framework", "server": "profile", "route": "route", "engine": "engine"}

    def differing(contrast: Contrast) -> set[str]:
        return {
            name
            for one, other in contrast.pairs
            for name in ("framework", "profile", "route", "loop", "engine")
            if getattr(cells[one], name) != getattr(cells[other], name)
        }

    for contrast in contrasts([direct(), *QUICK_CELLS]):
        if contrast.question in factors:
            assert differing(contrast) == {factors[contrast.question]}


def test_a_main_effect_keeps_to_one_engine() -> None:
    cells = {cell.id: cell for cell in QUICK_CELLS}
    for contrast in contrasts([direct(), *QUICK_CELLS]):
        if contrast.main and contrast.question != "engine":
            assert {cells[name].engine for pair in contrast.pairs for name in pair} == {"wire"}


def test_every_engine_is_held_against_every_other() -> None:
    asked = contrasts(vary(["engine", "framework"]))
    engines = [(c.first, c.second, len(c.pairs)) for c in asked if c.question == "engine" and c.main]
    assert engines == [(*pair, 2) for pair in combinations(FACTORS["engine"], 2)]


def test_the_sketch_is_the_ceiling_of_what_differs_from_it_in_nothing_else() -> None:
    wanted = ["bare", "sketch*", "*-uvicorn-httptools-wire", "asgiproxy"]
    asked = contrasts(choose(wanted))
    ceilings = {c.pairs[0] for c in asked if c.question == "ceiling"}
    assert ceilings == {("bare", "sketch")} | {
        (f"{app}-{route}-uvicorn-httptools-wire", f"sketch-{app}-{route}")
        for app in ("fastapi", "litestar")
        for route in ("handler", "mount")
    }
    assert len([c for c in asked if c.question == "peer"]) == 5


def test_what_the_client_costs_is_the_difference_in_each_block() -> None:
    run = made_run()
    pairs = next(c.pairs for c in contrasts(run.header.cells) if c.question == "engine")
    extra = extra_cost(figures(run), pairs, "cpu-request")
    assert extra is not None
    machine = [1 / (1 + 0.2 * block) for block in range(6)]
    expected = sum(machine) / 6 * (1e6 / 600 - 1e6 / 1500 + 1e6 / 660 - 1e6 / 1650) / 2
    assert extra.value == pytest.approx(expected, rel=0.02)
    assert extra.low < extra.value < extra.high


def test_a_missing_cell_is_an_absence_with_its_name_and_spoils_no_other_contrast() -> None:
    run = made_run(changes={"recipe-fastapi/S3": Absence("failed", "it died")})
    for one in judge(contrasts(run.header.cells), figures(run)):
        broken = one.metric in ("rps", "cpu-request") and "recipe-fastapi" in one.contrast.pairs[0]
        assert (one.estimate is None) == broken
        if broken:
            assert one.absence == Absence("failed", "recipe-fastapi: it died")


@pytest.mark.parametrize("whole", [1, 2])
def test_a_cell_left_out_after_the_first_blocks_spoils_no_main_effect(whole: int) -> None:
    """The first block shows that not all cells fit into the time: the others answer what they can."""
    run = run_of(np.random.default_rng(6))
    cell = "litestar-mount-uvicorn-httptools"
    cells = [record for record in run.cells if record.cell != cell or record.block < whole]
    run = msgspec.structs.replace(run, cells=cells, dropped=[Dropped(cell, whole, "no time")])
    found = [
        each for each in judge(contrasts(run.header.cells), figures(run)) if each.metric == "cpu-request"
    ]
    pair = ((cell, cell.replace("litestar", "fastapi")),)
    (single,) = [each for each in found if each.contrast.pairs == pair]
    assert single.absence == Absence("not-run", f"{cell}: no time")
    for question in ("framework", "route"):
        (main,) = [each for each in found if each.contrast.main and each.contrast.question == question]
        assert main.estimate is not None
        assert main.pairs == len(main.contrast.pairs) - 1


def test_added_delay_is_the_difference_to_the_direct_leg() -> None:
    run = made_run()
    cell = "fastapi-handler-uvicorn-httptools-wire"
    added = {(one.name, one.quantile): one for one in added_delays(run, cell, figures(run))}
    middle = added["response", 0.5].middle
    assert middle is not None
    assert middle.value == pytest.approx(960, rel=0.03)  # 1,000 us through, 40 us direct
    assert middle.low < middle.value < middle.high
    assert added["response", 0.99].absence is None  # 6 x 120 samples are enough


def test_a_difference_that_holds_zero_is_below_resolution() -> None:
    run = made_run()
    same = run.by_block("direct", "S2")[0]
    run = made_run(changes={"fastapi-handler-uvicorn-httptools-wire/S2": same, "direct/S2": same})
    added = added_delays(run, "fastapi-handler-uvicorn-httptools-wire", figures(run))[0]
    assert added.absence is not None
    assert added.absence.reason == "below-resolution"


def test_growth_is_a_ratio_within_each_cell_and_block() -> None:
    run = scaled(made_run(noise=0.1), **{"S3-16": 1.0, "S3-512": 0.9})
    found = grown(run, figures(run))
    assert {one.cell for one in found} == {cell.id for cell in run.header.cells} - {"direct"}
    for one in found:
        assert one.estimate is not None
        assert one.estimate.ratio == pytest.approx(0.9, rel=0.01)
        assert one.growth.id == "retention"


def test_growth_is_not_told_of_a_run_that_was_not_asked_for_both_loads() -> None:
    run = scaled(made_run(), **{"S3-512": 0.9})
    assert grown(run, figures(run)) == []


@pytest.mark.parametrize(("count", "enough"), [(367, False), (368, True)])
def test_a_quantile_with_too_few_samples_is_none(count: int, enough: bool) -> None:
    value = quantile_us([encode_histogram([1_000_000] * count)], 0.99)
    assert isinstance(value, float) is enough
    if isinstance(value, Absence):
        assert value.reason == "too-few-samples"


def test_the_recipe_is_held_against_django_and_against_what_people_write_in_its_place() -> None:
    wished = ["recipe", "django", "starlette", "client-per-request", "requests-threads", "asgiproxy"]
    wished += ["sketch-fastapi-handler", "litestar-handler-uvicorn-httptools-wire"]
    asked = contrasts([direct(), *choose(wished)])
    found = {
        question: [one.pairs[0] for one in asked if one.question == question]
        for question in ("django", "habit")
    }
    assert found == {
        "django": [
            ("litestar-handler-uvicorn-httptools-wire", "django"),
            ("recipe-fastapi", "django"),
            ("recipe-litestar", "django"),
        ],
        "habit": [
            ("recipe-fastapi", "starlette"),
            ("recipe-fastapi", "client-per-request"),
            ("recipe-fastapi", "requests-threads"),
        ],
    }
