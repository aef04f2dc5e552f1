"""Capacity at a tail: read between measured rates and never beyond, of known curves."""

from __future__ import annotations

import io
import math
import re

import msgspec
import numpy as np
import numpy.typing as npt
import pytest
from rich.console import Console

from bench.cells import direct
from bench.histogram import encode_histogram
from bench.quantiles import quantile_interval
from bench.record import Absence, CellRecord, Dropped, Integrity, OpenResult, Result, Run
from bench.report import write_html, write_terminal
from bench.report.tails import words
from bench.scenarios import SWEEP
from bench.stats import Interval
from bench.tail import LIMITS_MS, Ends, Point, capacity, ends, tail, tails
from tests.unit.bench.made import made_header, made_run, made_span
from tests.unit.bench.test_coverage import slack

HELD = Point(400.0, 2.0)


@pytest.mark.parametrize(
    ("points", "limit_ms", "expected"),
    [
        ([Point(200, 1), HELD, Point(800, 10)], 6.0, (600.0, False)),  # halfway in p99, halfway in rate
        ([Point(200, 1), HELD, Point(800, 10)], 10.0, (800.0, True)),
        ([Point(200, 1), HELD, Point(800, 10), Point(900, 5000)], 10.0, (800.0, False)),
        ([HELD, Point(800, None)], 50.0, (400.0, True)),  # the next has no p99 to draw a line to
        ([Point(200, 1), HELD, Point(380, 700)], 5.0, (400.0, False)),  # past the knee less is completed
        # a rate that holds again after one that does not is luck
        ([Point(200, 1), Point(400, 9), Point(800, 3)], 5.0, (300.0, False)),
        ([Absence("too-few-samples", "120"), HELD, Point(800, 10)], 6.0, (600.0, False)),
    ],
)
def test_a_capacity_is_read_between_two_measured_rates(
    points: list[Point | Absence], limit_ms: float, expected: tuple[float, bool]
) -> None:
    assert capacity(points, limit_ms) == expected


@pytest.mark.parametrize(
    ("points", "reason", "told"),
    [
        ([Point(200, 7), Point(400, 20)], "saturated", "p99 was never within 5 ms: 7 ms at 200/s"),
        ([Point(200, None)], "saturated", "never answered"),
        ([Absence("too-few-samples", "120 samples"), Point(400, 20)], "too-few-samples", "120 samples"),
        ([Absence("too-few-samples", "120 samples")], "too-few-samples", "120 samples"),
        ([], "not-run", "no rate"),
    ],
)
def test_what_never_held_or_has_too_few_samples_says_so(
    points: list[Point | Absence], reason: str, told: str
) -> None:
    found = capacity(points, 5.0)
    assert isinstance(found, Absence)
    assert found.reason == reason
    assert told in found.detail


def swept(blocks: int, *, failures: dict[str, int] | None = None) -> Run:
    """A cell whose p99 is known at every rate: rate/100 ms of times that lie exponentially.

    Of so many blocks the first is a third slower.
    """
    cell = "litestar-handler-uvicorn-httptools-wire"
    cells = [direct(), *(one for one in made_header().cells if one.id == cell)]
    header = msgspec.structs.replace(made_header(blocks), cells=cells, scenarios=list(SWEEP))
    records = []
    for block in range(blocks):
        results: dict[str, Result] = {}
        for scenario in SWEEP:
            count = round(scenario.rate * scenario.window_s)
            slow_ms = scenario.rate / 100 * (4 / 3 if block == 0 else 1)
            shares = (np.arange(count) + 0.5) / count
            values = slow_ms * np.log(1 - shares) / math.log(0.01)
            encoded = encode_histogram([int(value * 1e6) for value in values])
            results[scenario.id] = OpenResult(
                count, count, made_span(scenario.window_s, 0.1), encoded, encoded, encoded,
                Integrity(failures or {}, "a fault"),
            )  # fmt: skip
        records.append(CellRecord(block, 0, cell, results))
    return Run(header, records, [], None)


def test_of_a_known_sweep_the_capacity_is_known() -> None:
    """p99 is rate/100 ms, a third more in one block: 5 ms are reached at some 400 to 500 requests/s."""
    five, ten, fifty = tails(swept(6), "litestar-handler-uvicorn-httptools-wire")
    assert (five.limit_ms, ten.limit_ms, fifty.limit_ms) == LIMITS_MS
    for found, limit in ((five, 5.0), (ten, 10.0), (fifty, 50.0)):
        assert found.absence is None
        assert found.rps is not None
        assert found.low is not None
        assert found.high is not None
        assert 0.75 * limit * 100 <= found.rps <= limit * 100
        rates = [scenario.rate for scenario in SWEEP]
        assert found.low == max(rate for rate in rates if rate < 0.8 * limit * 100)
        assert found.high == min(rate for rate in rates if rate > 1.2 * limit * 100)
        assert found.low < found.rps < found.high
        assert not found.at_least


def test_fewer_than_three_blocks_are_too_few_samples() -> None:
    for found in tails(swept(2), "litestar-handler-uvicorn-httptools-wire"):
        assert found.absence == Absence("too-few-samples", "2 of the 3 blocks that a figure needs")


def test_the_interval_of_a_capacity_holds_the_true_one_in_95_of_100_runs() -> None:
    """Times that grow with the rate: p99 is 10 ms at 1,000/s, on the line between two measured rates."""
    random = np.random.default_rng(970)
    p99 = float(np.quantile(_machine(random, 40_000) * _times(random, 40_000, 40), 0.99))
    runs, held = 500, 0
    for _ in range(runs):
        machine = _machine(random, 6)  # a block is slow at every rate
        points: list[Ends | Absence] = []
        for rate in (400, 800, 1600, 3200):
            found = quantile_interval(list(rate * 10 / p99 * machine * _times(random, 6, rate // 4)), 0.99)
            assert found is not None
            points.append(ends(rate, found))
        of = tail("a", 10.0, points)
        assert of.rps is not None
        assert of.low is not None
        assert of.low <= of.rps
        held += of.low <= 1000 and (of.high is None or of.high >= 1000)
    assert held / runs > 0.95 - slack(0.95, runs)


def test_the_interval_of_a_capacity_holds_it_where_the_curve_is_a_knee_and_no_line() -> None:
    """p99 is 5 ms idle and grows without bound towards 1,500/s; the highest rate is past the knee."""
    random = np.random.default_rng(971)
    usual = float(np.quantile(_machine(random, 40_000) * _times(random, 40_000, 40), 0.99))
    runs = 300
    held = dict.fromkeys((8.0, 12.0, 50.0), 0)
    for _ in range(runs):
        machine = _machine(random, 6)
        points: list[Ends | Absence] = []
        for rate, done in ((200, 200), (400, 400), (800, 800), (1600, 1480)):
            p99 = 5e3 / (1 - rate / 1500) if rate < 1500 else 5e5  # us
            found = quantile_interval(list(p99 / usual * machine * _times(random, 6, rate // 4)), 0.99)
            assert found is not None
            points.append(ends(done, found))
        for limit in held:
            of, true = tail("a", limit, points), 1500 * (1 - 5 / limit)
            if of.low is not None:
                held[limit] += of.low <= true and (of.high is None or of.high >= true)
    assert min(held.values()) / runs > 0.95 - slack(0.95, runs), held


def _machine(random: np.random.Generator, blocks: int) -> npt.NDArray[np.float64]:
    return np.exp(random.normal(0, 0.1, (blocks, 1)))


def _times(random: np.random.Generator, blocks: int, count: int) -> npt.NDArray[np.float64]:
    return np.exp(random.normal(0, 0.5, (blocks, count)))


@pytest.mark.parametrize(
    ("p99_ms", "expected", "told"),
    [
        # value, low end, high end of p99 at 200, 400 and 800 requests/s; the limit is 10 ms
        ([(1, 1, 1), (5, 4, 6), (15, 10, 16)], (600, 400, None), "600 (\N{GREATER-THAN OR EQUAL TO}400)"),
        ([(1, 1, 1), (5, 4, 6), (20, 16, 24)], (533, 400, 800), "533 (400\N{EN DASH}800)"),
        ([(6, 3, 11), (12, 8, 16), (40, 30, 50)], (333, 0, 800), "333 (0\N{EN DASH}800)"),
        ([(1, 1, 1), (2, 2, 2), (3, 3, 3)], (800, 800, None), "\N{GREATER-THAN OR EQUAL TO}800"),
        (
            [(1, 1, 1), (2, 2, 2), (8, 6, 12)],
            (800, 400, None),
            "\N{GREATER-THAN OR EQUAL TO}800 (\N{GREATER-THAN OR EQUAL TO}400)",
        ),
    ],
)
def test_an_interval_ends_where_no_rate_surely_holds_and_is_open_where_the_highest_may(
    p99_ms: list[tuple[float, float, float]], expected: tuple[float, float, float | None], told: str
) -> None:
    points: list[Ends | Absence] = [
        ends(rate, Interval(value * 1e3, low * 1e3, high * 1e3, 6))
        for rate, (value, low, high) in zip((200, 400, 800), p99_ms, strict=True)
    ]
    found = tail("a", 10.0, points)
    assert (found.rps, found.low, found.high) == pytest.approx(expected, abs=0.5)
    assert words(found) == told


def test_a_wrong_response_leaves_no_capacity_and_one_that_never_came_no_more_than_a_least() -> None:
    cell = "litestar-handler-uvicorn-httptools-wire"
    for found in tails(swept(3, failures={"content": 1}), cell):
        assert found.absence == Absence("failed", "block 1: a fault")
    for found in tails(swept(3, failures={"timeout": 1}), cell):
        assert found.absence is not None
        assert found.absence.reason == "saturated"
    assert tails(swept(3), "direct") == []


def test_a_process_that_died_in_one_block_leaves_no_capacity_in_the_others() -> None:
    """Its results are absences, or none where it did not start: five sound blocks are not the cell."""
    run = swept(6)
    cell, died = run.cells[0].cell, Absence("failed", "it died during S4-1600")
    broken = {**run.cells[3].results, "S4-1600": died}
    results = msgspec.structs.replace(run.cells[3], results=broken, failure=died.detail)
    start = msgspec.structs.replace(run.cells[3], results={}, failure="it did not start")
    for record, why in ((results, died.detail), (start, "it did not start")):
        cells = [*run.cells[:3], record, *run.cells[4:]]
        for found in tails(msgspec.structs.replace(run, cells=cells), cell):
            assert found.rps is None
            assert found.absence == Absence("failed", f"block 4: {why}")


def test_a_cell_that_was_left_out_after_the_first_block_was_not_run() -> None:
    run = swept(1)
    cell = run.cells[0].cell
    run = msgspec.structs.replace(run, dropped=[Dropped(cell, 1, "no time")])
    assert [found.absence for found in tails(run, cell)] == [Absence("not-run", "no time")] * 3


def test_no_capacity_is_cut_off_on_a_narrow_terminal() -> None:
    out = io.StringIO()
    write_terminal(swept(6), Console(file=out, width=70, highlight=False))
    table = out.getvalue().partition("stays within a limit")[2]
    assert "Litestar handler, uvicorn" in table
    assert "\N{EN DASH}" in table
    assert "\N{HORIZONTAL ELLIPSIS}" not in table


def test_page_and_terminal_tell_it_where_the_sweep_was_run() -> None:
    run = swept(6)
    page = write_html(run)
    out = io.StringIO()
    write_terminal(run, Console(file=out, width=120, highlight=False))
    for text in (page, out.getvalue()):
        assert "p99 within 10 ms" in text
        assert "Litestar handler, uvicorn" in text
    # 2 ms in five blocks and a third more in one, of 120 samples each
    assert re.search(r"<td>200</td><td>[\d.]+</td><td>2\.\d+ \(1\.\d+\N{EN DASH}[23]\.\d+\)</td>", page)
    assert "p99 within" not in write_html(made_run())
