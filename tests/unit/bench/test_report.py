"""The report: made from records alone, the same bytes again, and nothing missing is shown as a zero."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from html.parser import HTMLParser

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from bench.metrics import METRICS
from bench.record import Absence, Dropped, End, Run
from bench.report import write_html, write_terminal
from bench.report.headline import headline, resolution
from bench.report.markup import Markup, el
from bench.report.view import view
from bench.report.words import number, sentence
from bench.scenarios import Closed, Open, Scenario, Streams
from bench.stats import CONFIDENCE, MARGIN
from shared.harness.process import ROOT
from tests.unit.bench.made import made_run, scaled

ABSENT = {
    "recipe-fastapi/S5": Absence("saturated", "900 of 1,500 events came through"),
    "recipe-litestar/S3": Absence("failed", "the process died <here>"),
}


class Checker(HTMLParser):
    """Well-formed enough to be read: each element closes, and nothing is fetched from elsewhere."""

    VOID = frozenset(("meta", "br", "input"))

    def __init__(self) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.addresses: list[str] = []
        self.tags: set[str] = set()
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses += [str(value) for name, value in attrs if name in ("src", "href", "action")]
        if tag not in self.VOID:
            self.stack.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def parsed(run: Run) -> Checker:
    checker = Checker()
    checker.feed(write_html(run))
    assert checker.stack == []
    return checker


def printed(run: Run, *, whole: bool = False) -> str:
    out = io.StringIO()
    write_terminal(run, Console(file=out, width=200, highlight=False), whole=whole)
    return out.getvalue()


def test_the_page_is_one_file_and_fetches_nothing() -> None:
    checker = parsed(made_run())
    elsewhere = [one for one in checker.addresses if not one.startswith(("#", "data:text/csv;"))]
    assert elsewhere == ["records.jsonl"]
    assert "svg" in checker.tags
    assert "url(" not in write_html(made_run())


def test_the_same_records_give_the_same_bytes() -> None:
    assert write_html(made_run()) == write_html(made_run())
    assert printed(made_run()) == printed(made_run())


def test_every_chart_has_a_table_behind_it() -> None:
    page = write_html(made_run())
    sections = page.split("<h2")[1:]
    for section in sections:
        if "<svg" in section:
            assert "<details>" in section.split("<svg")[-1]
            assert "<table>" in section


def test_the_first_screen_says_resolution_health_and_verdict_in_words() -> None:
    text = " ".join(printed(made_run()).split())  # lines may break anywhere
    first = text.index("This run can resolve")
    assert first < text.index("headroom") < text.index("Litestar / FastAPI")
    assert re.search(r"Litestar / FastAPI Litestar 1\.\d\d\N{MULTIPLICATION SIGN} \(\d", text)
    assert re.search(r"FastAPI app / recipe FastAPI app 2\.99\N{MULTIPLICATION SIGN} \(\d", text)
    page = "".join(parsed(made_run()).text)
    assert page.index("This run can resolve") < page.index("Pick Litestar over FastAPI")
    assert re.search(r"Litestar serves 1\.\d\d\S the requests per second of FastAPI \(", page)
    assert re.search(r"The FastAPI app serves 2\.99\S the requests per second of the recipe", page)
    assert re.search(r"The client\s+httpx2\s+costs\s[^:]*more\s+CPU[^:]*than\s+wire:\s+60%", text)
    assert headline(view(made_run())).startswith("Pick Litestar over FastAPI, 1.")


def test_a_page_says_of_its_run_what_the_records_hold() -> None:
    """Every load, rate and loop stands in the page as the header has it; none of the usual ones is left."""
    run = made_run()

    def other(scenario: Scenario) -> Scenario:
        match scenario:
            case Closed():
                return msgspec.structs.replace(scenario, connections=7, window_s=1.25)
            case Open():
                return msgspec.structs.replace(scenario, rate=1234.0, arrivals="constant")
            case Streams():
                return msgspec.structs.replace(scenario, streams=30, every_us=10_000)
            case _:
                return scenario

    header = run.header
    cells = [
        msgspec.structs.replace(cell, loop="asyncio") if cell.id == "recipe-fastapi" else cell
        for cell in header.cells
    ]
    header = msgspec.structs.replace(header, scenarios=list(map(other, header.scenarios)), cells=cells)
    usual, text = "".join(parsed(run).text), "".join(parsed(msgspec.structs.replace(run, header=header)).text)
    for was, now in (
        ("32 connections", "7 connections"),
        ("150 requests/s", "1,234 requests/s"),
        ("2,500 events/s", "3,000 events/s"),
        ("50 streams, 50 events/s each", "30 streams, 100 events/s each"),
        ("Poisson arrivals", "constant arrivals"),
        ("uvloop in every cell", "recipe in FastAPI, uvicorn"),
    ):
        assert was in usual
        assert was not in text
        assert now in text
    assert f"±{MARGIN * 100:g} %" in usual
    assert f"{CONFIDENCE * 100:g} % intervals" in usual


def test_a_title_without_its_scenario_names_no_load() -> None:
    run = made_run()
    only = [scenario for scenario in run.header.scenarios if scenario.id in ("S0", "S3")]
    cells = [
        msgspec.structs.replace(record, results={of: record.results[of] for of in ("S0", "S3")})
        for record in run.cells
    ]
    header = msgspec.structs.replace(run.header, scenarios=only)
    found = view(msgspec.structs.replace(run, header=header, cells=cells))
    assert found.title("rps") == "Requests per second, 32 connections"
    assert found.title("response-p50") == "Response time p50"
    assert all("{" not in found.title(of.id) for of in METRICS)
    page = write_html(found.run)
    assert "from the intended start" not in page  # what was not asked for leaves no empty chart
    assert "One-way delay" not in page


def test_what_was_asked_beyond_the_quick_plan_has_its_own_table_and_its_growth() -> None:
    run = scaled(made_run(), **{"S3-16": 1.0, "S3-512": 0.5})
    growth = "requests/s, 512 connections over 16"
    whole = printed(run, whole=True).partition("Requests/s, the larger load over the smaller")[2]
    assert whole.split("\n")[1].split() == ["cell", "512", "connections", "over", "16"]
    assert re.search(r"FastAPI handler, uvicorn +0\.50", whole)
    assert f"R{growth[1:]}: 0.50" in printed(run)
    table = write_html(run).partition('id="growth"')[2].partition("</table>")[0]
    assert "512 connections over 16" in table
    assert re.search("0.50+\N{MULTIPLICATION SIGN} \\(", table)
    text = printed(run, whole=True)
    assert text.index("S3-16, 1 KiB JSON") < text.index("S3-512, 1 KiB JSON")
    assert "[512 connections]" in "".join(parsed(run).text)
    assert "Growth" not in "".join(parsed(made_run()).text)


def test_the_page_says_what_the_client_costs_pair_by_pair() -> None:
    text = "".join(parsed(made_run()).text)
    for where in ("Over 2 pairs", "FastAPI, handler, uvicorn", "Litestar, handler, uvicorn"):
        assert f"{where}. The client httpx2 costs " in text


def test_absences_are_shown_with_their_reason_in_both_reports() -> None:
    run = made_run(changes=ABSENT)
    run = msgspec.structs.replace(run, dropped=[Dropped("bare", 1, "no time was left")])
    for text in (printed(run), "".join(parsed(run).text)):
        assert "900 of 1,500 events came through" in text
        assert "the process died <here>" in text
        assert "no time was left" in text
        assert "FAILED" in text


def test_an_interrupted_run_reports_what_is_done() -> None:
    run = made_run(blocks=6)
    some = [record for record in run.cells if record.block < 4][:-2]
    run = msgspec.structs.replace(run, cells=some, end=End("interrupted", 100.0))
    text = printed(run)
    assert "interrupted after 1 min 40 s" in text
    assert "3 of 6 blocks are complete" in text
    assert "interrupted after 1 min 40 s" in "".join(parsed(run).text)


@pytest.mark.parametrize("blocks", [0, 1, 2])
def test_a_run_of_hardly_anything_still_reports(blocks: int) -> None:
    run = made_run(blocks=6)
    cells = [record for record in run.cells if record.block < blocks]
    run = msgspec.structs.replace(run, cells=cells, end=None)
    parsed(run)
    printed(run)
    assert "not known" in resolution(view(run))


def test_a_run_that_compares_nothing_has_no_empty_table_of_answers() -> None:
    run = made_run()
    alone = run.header.cells[:2]
    some = msgspec.structs.replace(
        run,
        header=msgspec.structs.replace(run.header, cells=alone),
        cells=[record for record in run.cells if record.cell in {cell.id for cell in alone}],
    )
    assert "ratio of" in printed(run)
    assert "ratio of" not in printed(some)


def test_a_run_with_failures_does_not_open_with_a_recommendation() -> None:
    broken = {"litestar-handler-uvicorn-httptools-wire/S3": Absence("failed", "it died")}
    assert "wrong with this run" in headline(view(made_run(changes=broken)))
    # a baseline that fails is a finding about the baseline
    assert headline(view(made_run(changes=ABSENT))).startswith("Pick Litestar over FastAPI, 1.")


def test_an_a_a_pair_that_differs_is_said_on_the_first_line() -> None:
    run = made_run(noise=0.0005)
    arm = "fastapi-handler-uvicorn-httptools-wire-twin"
    slow = {
        block: msgspec.structs.replace(result, completed=int(result.completed * 0.9))  # type: ignore[union-attr]
        for block, result in run.by_block(arm, "S3").items()
    }
    cells = [
        msgspec.structs.replace(r, results={**r.results, "S3": slow[r.block]}) if r.cell == arm else r
        for r in run.cells
    ]
    text = resolution(view(msgspec.structs.replace(run, cells=cells)))
    assert "two arms differ in requests/s" in text


def test_every_outcome_can_be_said() -> None:
    found = view(made_run(changes=ABSENT))
    for outcome in found.outcomes:
        text = sentence(outcome)
        assert text[0].isupper() or text.startswith(("wire", "httpx2"))
        assert "None" not in text


def test_the_report_never_starts_anything() -> None:
    """Importing the report brings neither the runner nor the load engine with it."""
    code = "import bench.report, sys; print([m for m in sys.modules if m in ('bench.run', 'bench.load')])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@given(st.text(), st.text())
def test_text_and_attributes_are_escaped_and_markup_is_not_twice(text: str, value: str) -> None:
    inner = el("b", text, title=value)
    outer = el("p", inner)
    assert isinstance(outer, Markup)
    assert outer.count("<") == 4
    assert outer == f"<p>{inner}</p>"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "0"),
        (143_210, "143,000"),
        (1684.9, "1,680"),
        (646.2, "646"),
        (59.77, "59.8"),
        (1.434, "1.43"),
        (0.7141, "0.714"),
    ],
)
def test_numbers_have_three_digits(value: float, expected: str) -> None:
    assert number(value) == expected
