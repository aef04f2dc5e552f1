"""Sections that need more than the quick plan's records, the badge, and the same bytes in every process."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import numpy as np
from rich.console import Console

from bench.factorial import Decomposition
from bench.health import health
from bench.histogram import encode_histogram
from bench.record import (
    Absence,
    Dropped,
    HoldingResult,
    Integrity,
    OpenResult,
    Part,
    Record,
    RecordFile,
    Result,
    Run,
)
from bench.report import write_html
from bench.report.appendix import figures_csv
from bench.report.effects import matters_section
from bench.report.figures import figures_section
from bench.report.holding import memory_section
from bench.report.latency import added_section, load_section
from bench.report.leaving import leaving_section
from bench.report.markup import Markup
from bench.report.matters import matters
from bench.report.terminal import show
from bench.report.view import view
from bench.report.words import DASH, TIMES, changed_versions, place, value_interval
from bench.scenarios import Holding, Open, Scenario
from bench.stats import Interval
from bench.usage import Memory
from shared.harness.process import ROOT
from tests.unit.bench.made import made_run, made_span
from tests.unit.bench.simulated import run_of

CELL = "fastapi-handler-uvicorn-httptools-wire"


def text_of(markup: Markup) -> str:
    words: list[str] = []

    class Reader(HTMLParser):
        def handle_data(self, data: str) -> None:
            words.append(data)

    Reader().feed(markup)
    return " ".join(words)


def also(run: Run, scenarios: dict[Scenario, dict[str, Result]]) -> Run:
    """The run with further scenarios: the result of each cell, in every block."""
    header = msgspec.structs.replace(run.header, scenarios=[*run.header.scenarios, *scenarios])
    cells = [
        msgspec.structs.replace(
            record,
            results=record.results
            | {
                scenario.id: results[record.cell]
                for scenario, results in scenarios.items()
                if record.cell in results
            },
        )
        for record in run.cells
    ]
    return msgspec.structs.replace(run, header=header, cells=cells)


def opened(milliseconds: float, *, lag_ms: float = 0.01) -> OpenResult:
    """400 responses, enough for a p99 in one block."""
    response = encode_histogram([int(milliseconds * 1e6)] * 400)
    lag = encode_histogram([int(lag_ms * 1e6)] * 400)
    return OpenResult(400, 400, made_span(1.0, 0.1), response, response, lag)


def sweep() -> Run:
    """Three rates: direct carries all, the cell only two."""
    rates: dict[Scenario, dict[str, Result]] = {}
    for rate, through, lag_ms in ((200.0, 2.0, 0.01), (400.0, 3.0, 0.01), (800.0, 90.0, 50.0)):
        scenario = Open(id=f"S4-{rate:g}", title="a sweep", path="/json", rate=rate, window_s=1.0)
        rates[scenario] = {"direct": opened(0.1), CELL: opened(through, lag_ms=lag_ms)}
    return also(made_run(), rates)


def test_a_sweep_ends_each_line_at_the_last_rate_that_its_cell_carried() -> None:
    markup = load_section(view(sweep()))
    text = text_of(markup)
    assert "FastAPI handler, uvicorn 400/s" in text
    assert "direct to the origin 800/s" in text
    assert "the rate is past the knee" in text
    polylines = re.findall(r"data-cell=\"([^\"]+)\".*?points=\"([^\"]+)\"", markup)
    points = {cell: len(drawn.split()) for cell, drawn in polylines}
    assert (points["direct"], points[CELL]) == (4, 3)  # with the quick plan's own rate


def test_who_was_left_out_of_the_sweep_has_no_line_from_the_rate_of_another_part() -> None:
    run = sweep()
    every = [cell.id for cell in run.header.cells]
    parts = [
        Part("fixed", "", every, ["S0", "S2"], 6),
        Part("sweep", "", ["direct", CELL], ["S0", "S4-200", "S4-400"], 6),
    ]
    cells = [
        msgspec.structs.replace(
            record, part=part.id, results={name: record.results[name] for name in part.scenarios}
        )
        for record in run.cells
        for part in parts
        if record.cell in part.cells and (part.id, record.cell, record.block > 0) != ("sweep", CELL, True)
    ]
    header = msgspec.structs.replace(run.header, parts=parts)
    left = [Dropped(CELL, 1, "no time", "sweep")]
    markup = load_section(view(msgspec.structs.replace(run, header=header, cells=cells, dropped=left)))
    assert set(re.findall(r"<g[^>]*data-cell=\"([^\"]+)\"", markup)) == {"direct"}
    assert "Carried, at most: direct to the origin 400/s." in text_of(markup)


def test_a_cold_start_is_of_each_process_of_the_first_part_and_absent_where_none_was_begun() -> None:
    run = made_run()
    parts = [
        Part(name, "", [cell.id for cell in run.header.cells], ["S0", *asked], run.header.blocks)
        for name, asked in (("one", ["S3"]), ("two", ["S2", "S5"]))
    ]
    cells = [
        msgspec.structs.replace(record, part=part, answered_s=answered_s, import_s=answered_s / 2)
        for part, answered_s in (("one", 0.25), ("two", 4.0))
        for record in run.cells
    ]
    run = msgspec.structs.replace(run, header=msgspec.structs.replace(run.header, parts=parts), cells=cells)
    found = view(run)
    assert found.figures[CELL, "cold-start"].blocks == dict.fromkeys(range(run.header.blocks), 250.0)
    assert found.figures[CELL, "import"].blocks == dict.fromkeys(range(run.header.blocks), 125.0)
    text = text_of(figures_section(found))
    assert "Cold start to first answer (ms) Import of the app (ms)" in text
    show(found, Console(file=(out := io.StringIO()), width=300, highlight=False), {})
    assert "(importing the app): FastAPI handler, uvicorn 250 (125); Litestar handler" in out.getvalue()
    absence = found.figures["direct", "cold-start"].absence
    assert absence is not None
    assert absence.reason == "unsupported"


def test_records_from_before_a_first_answer_was_timed_have_no_cold_start() -> None:
    run = made_run()
    cells = [msgspec.structs.replace(record, answered_s=None, import_s=None) for record in run.cells]
    found = view(msgspec.structs.replace(run, cells=cells))
    absences = [found.figures[CELL, name].absence for name in ("cold-start", "import")]
    assert [absence.reason for absence in absences if absence] == ["not-run", "unsupported"]
    show(found, Console(file=(out := io.StringIO()), width=300, highlight=False), {})
    assert "importing the app" not in out.getvalue()


def test_cpu_per_request_at_a_fixed_rate_and_near_saturation_stand_side_by_side_with_their_load() -> None:
    found = view(made_run(noise=0.0))  # a closed second of a whole core, 120 paced requests of 1 ms in 0.8 s
    text = re.sub(r"\s+", " ", text_of(figures_section(found)))
    head = "at 150 requests/s, µs core busy near saturation, 32 connections, µs core busy this over that"
    near = found.figures[CELL, "cpu-request"].middle
    assert near is not None
    row = text.partition(head)[2].partition("FastAPI handler, uvicorn ")[2]
    assert row.startswith(f"1,000 (1,000{DASH}1,000) 15% {value_interval(near)} 100% 0.46{TIMES} (")
    scenarios = [one for one in found.run.header.scenarios if one.id != "S2"]
    header = msgspec.structs.replace(found.run.header, scenarios=scenarios)
    alone = view(msgspec.structs.replace(found.run, header=header))
    assert "near saturation" not in text_of(figures_section(alone))


def test_without_a_sweep_the_section_says_so_and_draws_nothing() -> None:
    markup = load_section(view(made_run()))
    assert "<svg" not in markup
    assert "Not run. Response time against offered load: scenario S4" in re.sub(r"\s+", " ", text_of(markup))


def test_a_first_byte_stands_beside_the_response_and_records_without_one_have_none() -> None:
    text = text_of(added_section(view(made_run())))
    assert "Time to first byte p50 at 150 requests/s (µs) Response time p50 at 150 requests/s (µs)" in text
    assert "first byte p50" in text  # what the cell adds to it
    run = made_run()
    cells = [
        msgspec.structs.replace(
            record, results=record.results | {"S2": msgspec.structs.replace(opened, first="")}
        )
        for record in run.cells
        if isinstance(opened := record.results["S2"], OpenResult)
    ]
    found = view(msgspec.structs.replace(run, cells=cells))
    absence = found.figures[CELL, "ttfb-p50"].absence
    assert absence is not None
    assert absence.reason == "not-run"
    assert found.figures[CELL, "response-p50"].absence is None


def test_memory_goes_from_ready_over_few_and_many_streams_to_after() -> None:
    held = HoldingResult(100, 1000, Memory(50_000, 51_200), Memory(90_000, 81_920), made_span(1.0, 0.1))
    scenario = Holding(id="S5-memory", title="held", few=100, many=1000, every_us=1_000_000)
    markup = memory_section(view(also(made_run(), {scenario: {CELL: held}})))
    assert "ready, 100 streams open, 1,000 streams open, after all load has gone" in text_of(markup)
    assert "39.1 · 50.0 · 80.0 · 39.1" in text_of(markup)
    assert "39.1 · 39.1" in text_of(markup)  # cells that held none have two phases


def test_a_stream_that_is_left_open_fails_its_cell() -> None:
    run = made_run()
    cells = [
        msgspec.structs.replace(record, streams_left=3 if (record.cell, record.block) == (CELL, 2) else 0)
        for record in run.cells
    ]
    text = text_of(leaving_section(view(msgspec.structs.replace(run, cells=cells))))
    assert re.search(r"FastAPI handler, uvicorn\s+✗ FAIL\s+3", text)
    assert text.count("✓ pass") == len(run.header.cells) - 2  # all but this one and the direct leg
    assert "S9" in text
    assert "S8" in text


def test_places_are_those_of_the_model_and_shared_where_nothing_differs() -> None:
    found = view(run_of(np.random.default_rng(3), blocks=12))
    places = found.places("cpu-request")
    assert set(places) == {cell.id for cell in found.cells}
    mounts = [place for cell, place in places.items() if "mount" in cell]
    handlers = [place for cell, place in places.items() if "handler" in cell or cell == "twin"]
    assert max(worst for _, worst in mounts) <= 4
    assert min(best for best, _ in handlers) >= 5
    assert found.places("rps") == places  # more is better there, less here
    assert (place((1, 1)), place((2, 4))) == ("1", "2\N{EN DASH}4")


def test_what_matters_is_said_with_its_shares() -> None:
    shares = {"framework": 0.2, "engine": 0.7}
    intervals = {"framework": Interval(0.2, 0.17, 0.234, 6), "engine": Interval(0.7, 0.66, 0.74, 6)}
    one = Decomposition("cpu-request", 8, 6, shares, 0.04, 0.06, [], intervals, Interval(0.04, 0.03, 0.06, 6))
    assert matters(one) == (
        "The engine explains 70% (66\N{EN DASH}74) of what differs between these 8 cells in CPU per request. "
        "The framework 20% (17\N{EN DASH}23), how they combine 4% (3\N{EN DASH}6), noise 6%."
    )
    shares = {"framework": 0.1, "engine": 0.2}
    noisy = msgspec.structs.replace(one, shares=shares, noise=0.7, intervals={}, combined_interval=None)
    assert matters(noisy) == (
        "Most of what differs between these 8 cells in CPU per request is noise in this run (70%). "
        "The engine 20%, the framework 10%, how they combine 4%, noise 70%."
    )
    few = msgspec.structs.replace(made_run(), cells=[])
    assert "Not run" in text_of(matters_section(view(few)))


def test_a_badge_names_what_is_installed_in_another_version_and_nothing_else() -> None:
    run = made_run()
    assert 'class="badge"' not in write_html(run)
    assert 'class="badge"' not in write_html(run, {"fastapi": "0"})
    page = write_html(run, {"fastapi": "1.2", "httptools": "none"})
    assert "Not the versions installed here: fastapi 0 in the data, 1.2 here." in page
    assert changed_versions({}, {"aiohttp": "3"}) == ["aiohttp none in the data, 3 here"]


def test_the_csv_is_every_figure_to_the_last_digit() -> None:
    found = view(made_run())
    lines = figures_csv(found).splitlines()
    assert lines[0] == "block,cell,metric,unit,value"
    assert len(lines) - 1 == sum(len(figure.blocks) for figure in found.figures.values())
    block, cell, name, unit, value = lines[1].split(",")
    assert float(value) == found.figures[cell, name].blocks[int(block) - 1]
    assert unit


def test_the_command_makes_the_same_bytes_whatever_the_process(tmp_path: Path) -> None:
    """Order of sets and dictionaries differs from process to process; the page does not."""
    run = made_run(changes={"recipe-fastapi/S5": Absence("saturated", "900 of 1,500 events came through")})
    with RecordFile(tmp_path / "records.jsonl") as file:
        whole: list[Record] = [run.header, *run.cells]
        for record in whole:
            file.append(record)
    pages = []
    for seed in ("1", "2"):
        subprocess.run(
            [sys.executable, "-m", "bench", "report", str(tmp_path)],
            cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": seed}, check=True, capture_output=True,
        )  # fmt: skip
        pages.append((tmp_path / "report.html").read_bytes())
    assert pages[0] == pages[1]


def test_a_rate_past_the_knee_is_the_cells_and_no_fault_of_the_rig() -> None:
    run = sweep()
    timed_out = Integrity({"timeout": 1}, "timeout: 40 requests without an answer")
    cells = [
        msgspec.structs.replace(
            record,
            results={
                name: msgspec.structs.replace(result, integrity=timed_out)
                if isinstance(result, OpenResult) and (record.cell, name) == (CELL, "S4-800")
                else result
                for name, result in record.results.items()
            },
        )
        for record in run.cells
    ]
    found = {one.name: one for one in health(msgspec.structs.replace(run, cells=cells))}
    assert found["Send lag"].level == "good"
    assert found["Failures"].level == "good"
