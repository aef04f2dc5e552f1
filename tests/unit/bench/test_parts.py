"""A run in parts: each part's cells stand under its own scenarios, and nowhere as missing."""

from __future__ import annotations

import io
import re

import msgspec
from rich.console import Console

from bench.check import cell_absence
from bench.record import Absence, Dropped, GateResult, Part, Run
from bench.report import show_comparison, write_html, write_terminal
from bench.report.holding import memory_section
from bench.report.parts import lacking
from bench.report.tables import gate_table, memory_table
from bench.report.view import view
from bench.scenarios import Holding
from bench.usage import Memory
from tests.unit.bench.made import made_run

FEW = [
    "direct",
    "fastapi-handler-uvicorn-httptools-wire",
    "fastapi-handler-uvicorn-httptools-wire-twin",
    "litestar-handler-uvicorn-httptools-wire",
    "fastapi-handler-uvicorn-httptools-httpx2",
]
OTHER = "recipe-litestar"
LEFT_OUT = "recipe-fastapi"


def in_parts() -> Run:
    """The made-up run, its capacity asked of all cells and the rest of few; one was left out for time."""
    run = made_run()
    every = [cell.id for cell in run.header.cells]
    parts = [
        Part("all", "capacity", every, ["S0", "S3"], 6),
        Part("few", "fixed rates", FEW, ["S0", "S2", "S5"], 6, {"TANDEM_MAX_CONNECTIONS": "7"}),
    ]
    cells = [
        msgspec.structs.replace(
            record, part=part.id, results={name: record.results[name] for name in part.scenarios}
        )
        for record in run.cells
        for part in parts
        if record.cell in part.cells
    ]
    header = msgspec.structs.replace(run.header, parts=parts)
    dropped = [Dropped(LEFT_OUT, 0, "no time", "few")]
    return msgspec.structs.replace(run, header=header, cells=cells, dropped=dropped)


def test_what_a_part_does_not_ask_of_a_cell_is_not_asked_and_what_was_left_out_not_run() -> None:
    run = in_parts()
    assert cell_absence(run, OTHER, "S3") is None
    assert cell_absence(run, OTHER, "S2") == Absence("not-asked", "the plan asks this of other cells")
    assert cell_absence(run, LEFT_OUT, "S2") == Absence("not-run", "no time")
    assert cell_absence(run, LEFT_OUT, "S3") is None
    assert cell_absence(run, FEW[1], "S5") is None


def test_a_cell_that_fails_in_one_part_keeps_its_figures_in_another() -> None:
    run = in_parts()
    cells = [
        msgspec.structs.replace(one, failure="it died") if (one.cell, one.part) == (FEW[1], "few") else one
        for one in run.cells
    ]
    run = msgspec.structs.replace(run, cells=cells)
    assert cell_absence(run, FEW[1], "S3") is None
    assert cell_absence(run, FEW[1], "S2") == Absence("failed", "block 1: it died")


def changed(run: Run, part: str, **fields: object) -> Run:
    """The run with something else recorded of each process of that part."""
    cells = [msgspec.structs.replace(one, **fields) if one.part == part else one for one in run.cells]
    return msgspec.structs.replace(run, cells=cells)


def test_the_gate_is_read_by_the_part_it_was_passed_for_and_shown_of_every_process() -> None:
    run = in_parts()
    refused = GateResult(["json"], failed="64 KiB upload", detail="500 instead of 200")
    cells = [
        msgspec.structs.replace(one, results=one.results | {"S0": refused})
        if (one.cell, one.part) == (FEW[1], "few")
        else one
        for one in run.cells
    ]
    run = msgspec.structs.replace(run, cells=cells)
    assert run.by_block(FEW[1], "S0") == dict.fromkeys(range(6), GateResult(["json"]))  # of the first part
    assert len(run.processes(FEW[1], run.header.parts[1])) == 6
    assert run.processes(FEW[1], None) == []
    text = gate_table(view(run))
    assert text.count("FAILED: 64 KiB upload: 500 instead of 200") == 1
    assert text.count("passed in 12 processes: json") == len(FEW) - 1
    assert text.count("passed in 6 processes: json") == len(run.header.cells) - len(FEW)


def test_memory_and_start_up_are_of_one_parts_processes_and_never_of_two_in_one_figure() -> None:
    run = changed(
        in_parts(),
        "few",
        answered_s=8.0,
        idle=Memory(99_000, 88_000),
        after=Memory(99_000, 88_000),
        peak_kib=128 * 1024,
    )
    found = view(run)
    rows = re.findall(r"<tr data-cell=\"([^\"]+)\">(.*?)</tr>", memory_table(found))
    of_one = [re.findall(r"<td>([^<]*)</td>", row) for cell, row in rows if cell == FEW[1]]
    assert [(row[0], row[3], row[6], row[7]) for row in of_one] == [
        ("all", "0.420", "39.1", "\N{EN DASH}"),
        ("few", "8.00", "85.9", "128"),
    ]
    assert [cell for cell, _ in rows].count(OTHER) == 1
    assert "of part all (S0, S3)" in memory_section(found)
    assert "39.1 · 39.1" in memory_section(found)
    held = Holding(id="S5-memory", title="held", few=100, many=1000, every_us=1_000_000)
    part = msgspec.structs.replace(run.header.parts[1], scenarios=["S0", "S5-memory"])
    header = msgspec.structs.replace(
        run.header, scenarios=[*run.header.scenarios, held], parts=[run.header.parts[0], part]
    )
    charted = memory_section(view(msgspec.structs.replace(run, header=header))).partition("<details>")[0]
    assert "of part few (S0, S5-memory)" in charted
    assert "85.9 · 85.9" in charted
    assert "39.1" not in charted


def test_a_main_effect_is_over_the_pairs_that_were_asked() -> None:
    found = view(in_parts())
    (engine,) = found.asked("engine", main=True)
    assert found.outcome(engine, "rps").pairs == 2
    of_few = found.outcome(engine, "cpu-event")
    assert of_few.pairs == 1
    assert of_few.estimate is not None
    assert found.was_asked(engine, "cpu-event")
    assert not any(found.was_asked(one, "cpu-event") for one in found.asked("recipe"))


def test_the_page_shows_under_each_load_who_was_asked_and_names_the_parts() -> None:
    run = in_parts()
    page = write_html(run)
    found = view(run)
    assert {cell.id for cell in found.asked_of("cpu-event")} == set(FEW) - {"direct"}
    assert len(found.asked_of("rps")) == len(found.cells)
    assert "part few" in page
    assert "TANDEM_MAX_CONNECTIONS 7" in page
    assert "left out from the start: no time" in page
    assert "all of part few (S0, S2, S5)" in page
    missing = page.partition('id="missing"')[2].partition("</section>")[0]
    assert "not asked" not in missing
    assert write_html(run) == page


def test_the_terminal_keeps_to_the_cells_that_were_asked_everything() -> None:
    out = io.StringIO()
    write_terminal(in_parts(), Console(file=out, width=120, highlight=False))
    text = out.getvalue()
    table = text[text.index("cell  ") : text.index("us/req (near")]
    assert "FastAPI handler, uvicorn, httpx2" in table
    assert "recipe in Litestar" not in table
    assert "Cells left out from the start: no time: 1 of few." in text
    assert "blocks of" not in text  # none is incomplete
    assert "0 more loads" not in text


def test_side_by_side_two_runs_in_parts_agree_on_what_was_asked_and_on_nothing_else() -> None:
    out = io.StringIO()
    assert show_comparison(in_parts(), in_parts(), Console(file=out, width=200, highlight=False))
    text = out.getvalue()
    of_events = [line for line in text.splitlines() if "cpu-event" in line and "/" in line]
    assert any(line.startswith("wire / httpx2, over 1 pairs") for line in of_events)
    assert not any("recipe" in line for line in of_events)


def test_what_is_missing_for_one_reason_stands_in_one_line_and_many_cells_as_their_number() -> None:
    few, none = Absence("not-run", "no time"), Absence("failed", "it died")
    assert [text.count("class") for text in lacking([("one", few), ("two", few), ("three", none)])] == [1, 1]
    assert "one; two: no time." in lacking([("one", few), ("two", few)])[0]
    assert "9 cells, named under" in lacking([(str(n), few) for n in range(9)])[0]
