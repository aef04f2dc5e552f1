"""What is said of a choice where another one changes it, where it does not, and where nothing can be told."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping

import msgspec
import numpy as np
import pytest
from rich.console import Console

from bench.cells import QUICK_CELLS, direct, vary
from bench.metrics import metric
from bench.record import CellRecord, CellSpec, End, GateResult, Result, Run
from bench.report import write_html, write_terminal
from bench.report.choice import how_much, least_and_most, pair_by_pair, pick, said, span
from bench.report.headline import headline, resolution
from bench.report.markup import unbroken
from bench.report.matters import dependences
from bench.report.verdict import picks
from bench.report.view import View, view
from bench.report.words import DASH, TIMES
from bench.sample.blocks import block
from bench.scenarios import MORE, Closed
from tests.unit.bench.made import closed, made_header, made_run, scaled, streams

_CELLS = [
    cell
    for cell in QUICK_CELLS
    if cell.group == "product" and (cell.profile, cell.engine) == ("uvicorn-httptools", "wire")
]


def crossed(rates: Mapping[tuple[str, str], float], *, noise: float = 0.005, blocks: int = 6) -> View:
    """Two frameworks by two routes, their requests/s by (framework, route)."""
    return found_in(
        {cell: rates[cell.framework, cell.route] for cell in _CELLS if not cell.twin_of}, noise, blocks
    )


def found_in(rates: Mapping[CellSpec, float], noise: float, blocks: int = 6) -> View:
    """A run of these cells in a closed loop, judged."""
    random = np.random.default_rng(8)
    header = made_header(blocks)
    cells = [direct(), *rates]
    scenarios = [scenario for scenario in header.scenarios if scenario.id in ("S0", "S3")]
    header = msgspec.structs.replace(header, cells=cells, scenarios=scenarios)
    records = [
        CellRecord(
            block,
            place,
            cell.id,
            {
                "S0": GateResult(["json"]),
                "S3": closed(rates.get(cell, 1e6) * float(np.exp(random.normal(0, noise)))),
            },
        )
        for block in range(blocks)
        for place, cell in enumerate(cells)
    ]
    return view(Run(header, records, [], End("finished", 60.0)))


def plain(text: str) -> str:
    return text.replace(TIMES, "x").replace(DASH, "-")


APART = {
    ("fastapi", "handler"): 10_000.0,
    ("fastapi", "mount"): 14_000.0,
    ("litestar", "handler"): 13_000.0,
    ("litestar", "mount"): 15_600.0,
}
"""Mount gives 1.4 in FastAPI and 1.2 in Litestar."""
_INTERVAL = r"\(1\.\d\d-1\.\d\d\)"
_APART = rf"1\.(19|20|21)x {_INTERVAL} with Litestar to 1\.(39|40|41)x {_INTERVAL} with FastAPI"
ALIKE = APART | {("litestar", "mount"): 18_200.0}
OPPOSED = APART | {("litestar", "mount"): 10_000.0}


def _card(found: View, question: str) -> str:
    page = write_html(found.run)
    return re.sub("<[^>]+>", "", plain(page.partition(f">{question}<")[2].partition("</article>")[0]))


def test_a_main_effect_that_holds_for_no_pair_is_told_with_where_it_is_least_and_most() -> None:
    found = crossed(APART)
    route = found.asked("route", main=True)[0]
    outcome = found.outcome(route, "rps")
    assert found.depends_on(route, "rps") == ["framework"]
    mean = r"1\.(29|30)x \(1\.\d\d-1\.\d\d\)"
    assert re.fullmatch(
        f"mount, {mean} the requests/s on average, from {_APART}", plain(pick(found, route).whole)
    )
    told = plain(said(found, outcome))
    assert re.search(rf"of handler \(1\.\d\d-1\.\d\d\) on average, from {_APART}: faster$", told)
    assert re.search(
        f"Mount over handler.*{mean} on average, from {_APART}", plain(block(found, "answers", str))
    )
    pairs = [plain(line) for line in pair_by_pair(found, route, "rps")]
    assert [line.partition(":")[0] for line in pairs] == ["FastAPI", "Litestar"]
    for line, ratio in zip(pairs, (1.4, 1.2), strict=True):
        middle, low, high = map(float, re.findall(r"\d\.\d\d", line))
        assert low <= middle <= high
        assert middle == pytest.approx(ratio, rel=0.02)
    card = _card(found, "Route")
    assert re.search(r"with Litestar: 1\.\d\dx \(1\.\d\d-1\.\d\d\)with FastAPI: 1\.\d\dx \(1", card)
    assert re.search("the requests/s on average", plain(headline(found)))


def test_an_end_that_its_own_interval_does_not_tell_from_one_is_not_told_as_a_difference() -> None:
    lone = {("litestar", "mount"): 13_260.0}  # 1.02 in Litestar
    noisy, calm = crossed(APART | lone, noise=0.02), crossed(APART | lone, noise=0.002)
    figure = r"\d\.\d+x \(\d\.\d+-\d\.\d+"
    for found, word in ((noisy, "cannot tell"), (calm, "the same")):
        route = found.asked("route", main=True)[0]
        outcome = found.outcome(route, "rps")
        least, _, most = plain(least_and_most(found, outcome)).partition(" to ")
        assert re.fullmatch(rf"{figure}, {word}\) with Litestar", least)
        assert re.fullmatch(rf"{figure}\) with FastAPI", most)
        assert re.search(rf"with Litestar: {figure}, {word}\)with FastAPI", _card(found, "Route"))


def test_the_two_ends_stand_with_their_intervals_in_the_terminal_too() -> None:
    told = io.StringIO()
    write_terminal(crossed(APART).run, Console(file=told, width=80))
    ends = rf"1\.1\dx {_INTERVAL} with mount to 1\.\d\dx {_INTERVAL} with handler"
    assert re.search(f"Litestar / FastAPI {ends}".replace(" ", r"\s+"), plain(told.getvalue()))


def test_who_loses_is_least_where_the_winner_is_most() -> None:
    found = crossed({key: 2e8 / rate for key, rate in APART.items()})
    route = found.asked("route", main=True)[0]
    told = plain(least_and_most(found, found.outcome(route, "rps"), turned=True))
    assert re.fullmatch(_APART, told)
    assert plain(pick(found, route).whole).startswith("handler, 1.")
    assert plain(pick(found, route).whole).endswith(told)


def test_what_a_card_says_of_another_choice_the_ranking_says_too() -> None:
    for rates in (APART, ALIKE, OPPOSED):
        found = crossed(rates, noise=0.02)
        depends = [
            one for one in found.asked("framework", "route", main=True) if found.depends_on(one, "rps")
        ]
        (capacity,) = [line for line in dependences(found) if line.startswith("Requests per second")]
        assert bool(depends) == ("framework and route depend on each other" in capacity)
        assert (not depends) == ("no choice was seen to depend on another" in capacity)
        assert len(depends) in (0, 2)
        assert all(
            unbroken(line) in re.sub("<[^>]+>", "", write_html(found.run)) for line in dependences(found)
        )


def test_a_main_effect_that_holds_for_all_its_pairs_is_one_figure_with_its_interval() -> None:
    found = crossed(ALIKE)
    route = found.asked("route", main=True)[0]
    assert found.depends_on(route, "rps") == []
    assert re.fullmatch(
        r"mount, 1\.\d\dx \(1\.\d\d-1\.\d\d\) the requests/s", plain(pick(found, route).whole)
    )
    answer = next(one for one in picks(found) if one.question == "Route")
    assert answer.pairs == ("", [])
    # which framework is asked first: its pairs are told either way
    framework = next(one for one in picks(found) if one.question == "Framework")
    assert [line.partition(":")[0] for line in framework.pairs[1]] == ["handler", "mount"]


def test_a_choice_that_goes_both_ways_is_no_pick() -> None:
    found = crossed(OPPOSED)
    route = found.asked("route", main=True)[0]
    choice = pick(found, route)
    assert choice.who == "it depends"
    told = r"mount has 0\.7\dx \(0.+\) with Litestar to 1\.\d\dx \(1.+\) with FastAPI the requests/s of.+"
    assert re.fullmatch(told, plain(choice.words))
    assert "oute: it depends, mount has 0.7" in plain(headline(found))


def test_a_mean_that_goes_neither_way_is_no_sameness_where_the_pairs_differ() -> None:
    found = crossed(APART | {("fastapi", "mount"): 11_000.0, ("litestar", "mount"): 12_610.0}, noise=0.002)
    route = found.asked("route", main=True)[0]
    outcome = found.outcome(route, "rps")
    assert outcome.verdict == "equivalent"  # 1.10 in FastAPI, 0.97 in Litestar
    assert pick(found, route).who == "it depends"
    assert said(found, outcome).endswith(": it depends")
    assert "mount and handler in requests per second" not in block(found, "same", str)


def test_the_way_of_a_ratio_is_turned_with_its_interval() -> None:
    found = crossed(ALIKE)
    framework = found.asked("framework", main=True)[0]
    outcome = found.outcome(framework, "rps")
    assert outcome.estimate is not None
    straight, turned = (
        [float(word) for word in re.findall(r"\d\.\d\d", how_much(outcome, turned=way))]
        for way in (False, True)
    )
    assert [1 / turned[0], 1 / turned[2], 1 / turned[1]] == pytest.approx(straight, rel=0.01)


def test_the_headline_has_an_interval_with_each_figure_and_says_of_what() -> None:
    text = plain(headline(crossed(ALIKE)))
    assert re.match(
        r"Pick Litestar over FastAPI, 1\.\d+x \(\d\.\d+-\d\.\d+\) the requests/s; mount over handler, 1", text
    )
    for figure in re.findall(r"\d\.\d+x(.{3})", text):
        assert re.match(r" \(\d", figure)


def test_the_headline_says_anew_in_what_its_figures_are_where_that_changes() -> None:
    random = np.random.default_rng(3)
    apps = [cell.id for cell in QUICK_CELLS if cell.group == "product"]
    cheaper: dict[str, Result] = {
        f"{cell}/S5": streams(20.0, 1_000_000, random) for cell in apps if cell.startswith("litestar")
    }
    alike: dict[str, Result] = {
        f"{cell}/S3": closed(600.0 if cell.endswith("httpx2") else 1500.0) for cell in apps
    }
    text = plain(headline(view(made_run(changes=cheaper | alike))))
    figure = r"\d\.\d+x \([^)]+\)"
    picked = rf"Litestar over FastAPI \(for streams\), {figure} the CPU per event.*"
    assert re.match(f"Pick {picked}; wire over httpx2, {figure} the requests/s", text)


def test_many_contrasts_are_told_from_the_lowest_end_to_the_highest_with_what_was_told() -> None:
    sure, noisy = crossed(ALIKE), crossed(dict.fromkeys(ALIKE, 10000.0), noise=0.2)
    asked = sure.asked("route", main=False)
    estimates = [sure.outcome(one, "rps").estimate for one in asked]
    low, high = (
        choose(end) for choose, end in (
            (min, [one.low for one in estimates if one]), (max, [one.high for one in estimates if one]),
        )
    )  # fmt: skip
    words = plain(span(sure, asked).whole)
    assert words == f"{low:.2f}-{high:.2f}x the requests/s, faster"
    unsure = plain(span(noisy, noisy.asked("route", main=False)).whole)
    assert unsure.startswith("this run cannot tell, ")


def test_a_server_is_judged_with_the_parser_held_equal_where_that_was_run() -> None:
    cells = [cell for cell in vary(["server", "framework"]) if cell.group == "product" and not cell.twin_of]
    per_second = {"uvicorn-httptools": 9_000.0, "uvicorn-h11": 5_000.0, "hypercorn-h1": 4_000.0}
    found = found_in({cell: per_second[cell.profile] for cell in cells}, 0.005)
    answers = {one.question: one for one in picks(found)}
    equal = answers["Server (parser equal)"]
    assert equal.first
    assert equal.note == "Both parse with h11, in Python: the parser is held equal"
    assert "uvicorn over hypercorn (parser equal), 1.2" in headline(found)
    assert not answers["Server with its parser"].first
    assert answers["Server with its parser"].note in write_html(found.run)
    quick = [cell for cell in cells if cell.profile != "uvicorn-h11"]
    found = found_in({cell: per_second[cell.profile] for cell in quick}, 0.005)
    assert "uvicorn over hypercorn, 2.2" in headline(found)


def test_the_resolution_is_told_with_the_width_of_the_pairs_that_are_compared() -> None:
    found = view(made_run())
    widths = [
        max(one.high / one.ratio, one.ratio / one.low) - 1
        for contrast in found.asked("framework", "route", "engine", "recipe", main=False)
        if (one := found.outcome(contrast, "rps").estimate)
    ]
    said_of = f"requests/s (pairs: ±{min(widths) * 100:.1f} to ±{max(widths) * 100:.1f} %)"
    assert said_of in resolution(found)


def test_what_is_the_same_with_one_of_the_others_only_is_told_with_which() -> None:
    there = {one: 13000.0 if one == ("litestar", "handler") else 10000.0 for one in ALIKE}
    told = re.sub(r"\s+", " ", block(crossed(there, noise=0.002), "same", str))
    assert "whatever else is chosen" in told
    assert "But the same: Litestar and FastAPI with mount, in requests per second" in told
    assert "with handler, in requests per second" not in told


def test_only_what_is_equivalent_does_not_matter_and_what_cannot_be_told_stands_elsewhere() -> None:
    flat = dict.fromkeys(ALIKE, 10000.0)
    alike, unsure = crossed(flat, noise=0.002), crossed(flat, noise=0.2)
    assert "The same: Litestar and FastAPI in requests per second" in block(alike, "same", str)
    assert "could tell all" in block(alike, "untold", str)
    assert "no two of its choices" in block(unsure, "same", str)
    assert "Not told apart: Litestar and FastAPI in requests per second" in block(unsure, "untold", str)


def test_a_card_of_many_loads_tells_one_of_each_kind() -> None:
    loads = [one.id for one in MORE if isinstance(one, Closed)]
    found = view(scaled(made_run(), **dict.fromkeys(loads, 1.0)))
    assert len(found.shown("rps")) > 9
    framework = next(one for one in picks(found) if one.question == "Framework")
    assert len(framework.lines) == len(
        {metric(name).kind for name in found.shown("rps", "cpu-event", "response-p50")}
    )
    assert framework.lines[0].startswith("Litestar serves")
