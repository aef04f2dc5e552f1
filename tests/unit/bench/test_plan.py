"""Plans: complete blocks in seeded orders, one load for all cells of a block, cells dropped before blocks."""

from __future__ import annotations

import re
import shlex
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import command
from bench.cells import EXTRA, FACTORS, QUICK_CELLS, choose, direct, subject_of, vary
from bench.figures import GROWTHS
from bench.full import FULL, SCENARIOS, parts_of
from bench.load import schedule_ns
from bench.metrics import metric
from bench.plan import cell_seconds, fit, order, schedule_seed, steps, trim
from bench.record import CellRecord, Part
from bench.scenarios import MORE, QUICK, Open, Streams, settings
from bench.wishes import plan
from shared.harness.process import ROOT
from tests.unit.bench.made import made_header

NAMES = [cell.id for cell in QUICK_CELLS]


@given(st.integers(0, 2**32), st.integers(0, 50))
def test_every_block_holds_each_cell_once(seed: int, block: int) -> None:
    assert sorted(order(NAMES, seed=seed, block=block)) == sorted(NAMES)


def test_a_seed_repeats_its_orders_and_blocks_differ() -> None:
    orders = [order(NAMES, seed=3, block=block) for block in range(6)]
    assert orders == [order(NAMES, seed=3, block=block) for block in range(6)]
    assert len({tuple(one) for one in orders}) == 6
    assert orders != [order(NAMES, seed=4, block=block) for block in range(6)]


def test_each_cell_takes_each_end_of_a_block_about_equally_often() -> None:
    first = [order(NAMES, seed=9, block=block)[0] for block in range(1200)]
    counts = [first.count(name) for name in NAMES]
    # 1200 draws of 12: 100 each, five standard deviations of a binomial are 48
    assert min(counts) > 52
    assert max(counts) < 148


@given(st.integers(0, 2**31), st.floats(20, 500), st.floats(0.1, 2))
def test_a_schedule_is_its_seeds_alone_in_order_and_inside_its_window(
    seed: int, rate: float, window_s: float
) -> None:
    starts = schedule_ns(rate, window_s, arrivals="poisson", seed=seed)
    assert starts == schedule_ns(rate, window_s, arrivals="poisson", seed=seed)
    assert starts == sorted(starts)
    assert all(0 <= start < window_s * 1e9 for start in starts)


def test_poisson_arrivals_come_at_the_rate_with_exponential_gaps() -> None:
    starts = schedule_ns(1000, 20, arrivals="poisson", seed=1)
    assert len(starts) == pytest.approx(20_000, rel=0.03)
    gaps = [b - a for a, b in pairwise(starts)]
    mean = sum(gaps) / len(gaps)
    # of an exponential, the share of gaps above the mean is 1/e
    assert sum(gap > mean for gap in gaps) / len(gaps) == pytest.approx(0.368, abs=0.015)


def test_constant_arrivals_are_even_and_other_words_are_refused() -> None:
    assert schedule_ns(4, 1, arrivals="constant", seed=0) == [0, 250_000_000, 500_000_000, 750_000_000]
    with pytest.raises(ValueError, match="neither constant nor poisson"):
        schedule_ns(4, 1, arrivals="bursty", seed=0)


def test_cells_of_a_block_share_a_schedule_and_blocks_do_not() -> None:
    assert schedule_seed(7, 2) == schedule_seed(7, 2)
    assert len({schedule_seed(7, block) for block in range(20)}) == 20


def part(name: str, cells: list[str], *, blocks: int = 6, least: int = 5) -> Part:
    return Part(name, "", ["direct", *cells], ["S0"], blocks, least=least)


def even(*parts: Part) -> dict[tuple[str, str], float]:
    """One second a cell."""
    return {(one.id, cell): 1.0 for one in parts for cell in one.cells}


def test_short_of_time_the_last_cells_go_and_the_direct_leg_stays() -> None:
    whole = part("", NAMES)
    (kept,), left_out = fit([whole], even(whole), budget_s=60)
    assert kept.cells == ["direct", *NAMES[:9]]
    assert [dropped.cell for dropped in left_out] == NAMES[9:]


def test_with_time_enough_nothing_is_left_out_and_a_core_of_cells_always_stays() -> None:
    whole = part("", NAMES)
    assert fit([whole], even(whole), budget_s=1000) == ([whole], [])
    (kept,), _ = fit([whole], even(whole), budget_s=0)
    assert kept.cells == ["direct", *NAMES[:5]]


def test_the_part_farthest_above_its_least_gives_up_its_last_cell_first() -> None:
    first, second = part("first", NAMES, least=6), part("second", NAMES, blocks=3, least=2)
    whole = 6 * 13 + 3 * 13
    (one, two), left_out = fit([first, second], even(first, second), budget_s=whole - 3 * 8)
    assert (one.cells, two.cells) == (first.cells, ["direct", *NAMES[:4]])  # both at twice their least
    assert [(dropped.part, dropped.cell) for dropped in left_out] == [("second", name) for name in NAMES[4:]]
    (one, two), _ = fit([first, second], even(first, second), budget_s=whole - 3 * 9 - 6)
    assert (one.cells, two.cells) == (["direct", *NAMES[:11]], ["direct", *NAMES[:3]])
    (one, two), _ = fit([first, second], even(first, second), budget_s=0)
    assert (one.cells, two.cells) == (["direct", *NAMES[:6]], ["direct", *NAMES[:2]])


def test_a_block_of_every_part_comes_before_the_next_block_of_any() -> None:
    parts = [part("long", NAMES[:3], blocks=3), part("short", NAMES[:2], blocks=1)]
    found = [[(step.part.id, step.block) for step in steps(parts, seed=1, block=n)] for n in range(3)]
    assert found == [
        [("long", 0)] * 4 + [("short", 0)] * 3,
        [("long", 1)] * 4,
        [("long", 2)] * 4,
    ]


def test_what_the_first_block_took_decides_what_the_others_hold_from_the_records_alone() -> None:
    whole = part("a", NAMES)
    header = msgspec.structs.replace(made_header(), parts=[whole], budget_s=6 * 13.0)
    done = [CellRecord(0, at, cell, {}, part="a", seconds=1.0) for at, cell in enumerate(whole.cells)]
    assert trim(header, done) == ([whole], [])
    slower = [msgspec.structs.replace(record, seconds=1.3) for record in done]
    (kept,), left_out = trim(header, slower)
    # 78 s less the first block's 16.9 leave five blocks of nine cells at 1.3 s
    assert (kept.cells, kept.blocks) == (["direct", *NAMES[:8]], 6)
    assert {(dropped.cell, dropped.from_block) for dropped in left_out} == {(name, 1) for name in NAMES[8:]}
    assert trim(header, [*slower, CellRecord(1, 0, "direct", {}, part="a", seconds=99)])[1] == left_out


def test_the_quick_plan_asks_every_question_in_twelve_cells_and_about_four_minutes() -> None:
    products = [cell for cell in QUICK_CELLS if cell.group == "product" and not cell.twin_of]
    combinations = {(cell.framework, cell.route, cell.profile) for cell in products}
    assert len(QUICK_CELLS) == 12
    assert len(combinations) == 6
    assert {cell.engine for cell in products} == {"wire", "httpx2"}
    assert [cell.id for cell in QUICK_CELLS if cell.twin_of] == [
        "fastapi-handler-uvicorn-httptools-wire-twin"
    ]
    seconds = sum(cell_seconds(cell, QUICK, start_stop_s=0.6) for cell in (direct(), *QUICK_CELLS))
    assert 180 < 6 * seconds < 270


def test_quick_offers_what_the_slowest_cell_can_carry_and_its_p99_has_samples_enough() -> None:
    paced = next(scenario for scenario in QUICK if isinstance(scenario, Open))
    assert paced.rate <= 0.5 * 460  # facts.md: the recipe's capacity
    assert paced.rate * paced.window_s * 6 > 1.2 * 368


def test_a_cell_is_chosen_by_a_part_of_its_name_and_a_wrong_one_is_refused() -> None:
    assert [cell.id for cell in choose(["recipe"])] == ["recipe-fastapi", "recipe-litestar"]
    assert choose([]) == []
    assert [cell.id for cell in choose(["static", "bare"])] == ["bare", "static"]
    assert {cell.engine for cell in choose(["litestar-handler-uvicorn-httptools"])} == {
        "wire",
        "httpx2",
        "httpx",
    }
    with pytest.raises(ValueError, match="no cell matches 'no-such'"):
        choose(["no-such"])


def test_a_cell_that_is_not_listed_is_found_among_all_combinations() -> None:
    (cell,) = choose(["fastapi-mount-uvicorn-h11-asyncio-httpx"])
    assert (cell.loop, cell.profile, cell.engine) == ("asyncio", "uvicorn-h11", "httpx")


def test_factors_vary_and_all_else_is_held() -> None:
    cells = vary(["engine=wire,httpx2", "framework"])
    assert [(cell.framework, cell.engine) for cell in cells] == [
        ("fastapi", "wire"), ("fastapi", "httpx2"), ("litestar", "wire"), ("litestar", "httpx2"),
    ]  # fmt: skip
    assert {(cell.route, cell.profile, cell.loop) for cell in cells} == {
        ("handler", "uvicorn-httptools", "uvloop")
    }


@pytest.mark.parametrize("wish", ["colour", "engine=requests", "engine=wire,"])
def test_a_factor_or_level_that_there_is_not_is_refused(wish: str) -> None:
    with pytest.raises(ValueError, match=r"no (factor|level)"):
        vary([wish])


def test_cells_keep_their_names_apart() -> None:
    names = [cell.id for cell in (*QUICK_CELLS, *EXTRA)]
    assert len(set(names)) == len(names)


def test_the_run_gives_every_cell_the_pool_that_its_largest_scenario_takes() -> None:
    assert settings(QUICK) == {}
    by_id = {scenario.id: scenario for scenario in MORE}
    assert settings([by_id["S3-16"]]) == {}
    assert settings([by_id["S5-200"], by_id["S3-512"]]) == {"TANDEM_MAX_CONNECTIONS": "563"}
    idle = settings([by_id["S3-idle-5000"]])
    assert idle == {"TANDEM_MAX_CONNECTIONS": "5500", "TANDEM_KEEPALIVE_EXPIRY": "600"}


def test_a_product_cell_is_named_after_the_subject_it_times() -> None:
    for cell in QUICK_CELLS:
        if cell.group == "product":
            subject = subject_of(cell)
            assert (cell.twin_of or cell.id) in (subject.id, f"{subject.id}-{subject.engine}")


def test_a_scenario_about_a_small_pool_is_refused_beside_one_that_takes_more() -> None:
    by_id = {scenario.id: scenario for scenario in (*QUICK, *MORE)}
    assert settings([by_id["S0"], by_id["S13"]]) == {
        "TANDEM_MAX_CONNECTIONS": "20",
        "TANDEM_POOL_TIMEOUT": "0.65",
    }
    with pytest.raises(ValueError, match="S13 is about a pool of 20, S3 takes 32: run them apart"):
        settings([by_id["S3"], by_id["S13"]])


def test_the_full_plan_asks_every_scenario_in_one_part_and_crosses_the_factors() -> None:
    scenarios = SCENARIOS
    parts = parts_of((direct(), *FULL), scenarios, own=["mine"], blocks=6)
    asked = [name for one in parts for name in one.scenarios if name != "S0"]
    assert sorted(asked) == sorted(one.id for one in scenarios if one.id != "S0")
    assert all(one.scenarios[0] == "S0" and one.cells[0] == "direct" and one.blocks >= 6 for one in parts)
    (choices,) = (one for one in parts if "S3" in one.scenarios)
    products = [cell for cell in FULL if cell.group == "product" and not cell.twin_of]
    crossed = [cell for cell in products if cell.engine != "httpx"]
    assert len(crossed) == 2 * 3 * 3 * (2 + 1)  # framework, server, engine; both loops, then mount on uvloop
    assert {cell.id for cell in FULL} | {"direct"} == set(choices.cells)
    for growth in GROWTHS:  # a ratio within one process
        loads = {metric(growth.large).scenario, metric(growth.small).scenario}
        by_name_alone = growth.id == "retention-256"
        assert sum(loads <= set(one.scenarios) for one in parts) == (0 if by_name_alone else 1)


def test_a_scenario_that_no_part_names_finds_one_with_the_settings_it_needs() -> None:
    usual = Streams(id="new-1", title="new", streams=3, every_us=1000, window_s=1)
    other = Streams(id="new-2", title="too", streams=4, every_us=1000, window_s=1)
    large = Streams(id="new-3", title="large", streams=4000, every_us=1000, window_s=1)
    parts = parts_of((direct(), *FULL), (*QUICK, usual, large, other), own=[], blocks=6)
    found = {tuple(one.scenarios[1:]): one.settings for one in parts}
    assert found["new-1", "new-2"] == {}
    assert found[("new-3",)] == {"TANDEM_MAX_CONNECTIONS": "4400"}


def test_a_cell_of_the_readers_own_is_the_first_of_every_part_and_the_last_to_go() -> None:
    own = msgspec.structs.replace(QUICK_CELLS[0], id="mine", label="mine")
    parts = parts_of((direct(), own, *FULL), SCENARIOS, own=["mine"], blocks=6)
    assert all(one.cells[1] == "mine" for one in parts)


def test_the_list_shows_every_scenario_cell_level_and_part(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["run", "--list"]) == 0
    words = set(capsys.readouterr().out.replace(",", " ").replace(";", " ").split())
    assert {scenario.id for scenario in (*QUICK, *MORE)} <= words
    assert {cell.id for cell in (*QUICK_CELLS, *EXTRA)} <= words
    assert {level for levels in FACTORS.values() for level in levels} <= words
    assert {one.id for one in parts_of((direct(), *FULL), SCENARIOS, own=(), blocks=6)} <= words


def test_beside_other_options_the_list_shows_what_these_ask_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["run", "--scenario", "S6", "--subject", "recipe", "--list"]) == 0
    said = capsys.readouterr().out
    words = set(said.split())
    assert {"S6", "recipe-fastapi", "recipe-litestar", "6", "blocks"} <= words
    assert not {"S3", "bare"} & words
    assert re.search(r"^about [1-9]\d* s$", said, re.MULTILINE)
    assert command.main(["run", "--full", "--list"]) == 0
    whole = capsys.readouterr().out
    assert re.search(r"^Part fixed, ", whole, re.MULTILINE)
    assert re.search(r"^left out of part ", whole, re.MULTILINE)
    assert command.main(["run", "--subject", "nobody", "--list"]) == 2


def _asked_by_the_papers() -> set[str]:
    texts = [(ROOT / name).read_text("utf-8") for name in ("README.md", *_PAPERS)]
    found = {line for text in texts for line in re.findall(r"make bench ARGS='([^'\n]*)'", text)}
    found |= {line for text in texts for line in re.findall(r"python -m bench run (--[^`\n]*)", text)}
    return {line.partition("#")[0].strip() for line in found if line.startswith("--") and "--add" not in line}


_PAPERS = ("docs/benchmark.md", "docs/choosing.md", "docs/porting.md", "docs/fanout.md")


def test_every_run_that_the_papers_tell_can_be_had() -> None:
    asked = _asked_by_the_papers() - {"--resume", "--resume [RUN]"}
    assert len(asked) > 25
    for line in sorted(asked):
        assert command.main(["run", *shlex.split(line), "--list"]) == 0, line


@pytest.mark.parametrize(
    ("factors", "twins"),
    [
        (["engine"], ["fastapi-handler-uvicorn-httptools-wire-twin"]),
        (["framework", "route"], ["fastapi-handler-uvicorn-httptools-wire-twin"]),
        (["framework=litestar", "route"], []),
    ],
)
def test_a_run_that_varies_a_factor_times_one_cell_twice(factors: list[str], twins: list[str]) -> None:
    """Without an A/A pair no run knows what it can resolve; it is not the first to be left out."""
    words = [word for factor in factors for word in ("--factor", factor)]
    planned = plan(command._parser().parse_args(["run", *words]))
    ids = [cell.id for cell in planned.cells]
    assert [name for name in ids if name.endswith("-twin")] == twins
    assert not twins or ids[3:4] == twins
