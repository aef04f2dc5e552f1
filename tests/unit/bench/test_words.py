"""The first screen's sentences about the recipe: what is said when both metrics, one, or none decides."""

from __future__ import annotations

import re

import msgspec

from bench.contrasts import Contrast, Outcome
from bench.record import Run, StreamsResult
from bench.report.verdict import picks
from bench.report.view import View, view
from bench.report.words import DASH, TIMES, sentence
from bench.stats import Estimate
from tests.unit.bench.made import made_run


def streaming(run: Run, cell: str, cpu: float) -> Run:
    """The run with one cell's CPU per event times a factor, in every block."""
    cells = []
    for record in run.cells:
        result = record.results["S5"]
        assert isinstance(result, StreamsResult)
        factor = cpu if record.cell == cell else 1.0
        span = msgspec.structs.replace(result.span, cpu_s=result.span.cpu_s * factor)
        results = {**record.results, "S5": msgspec.structs.replace(result, span=span)}
        cells.append(msgspec.structs.replace(record, results=results))
    return msgspec.structs.replace(run, cells=cells)


def plain(text: str) -> str:
    return text.replace(TIMES, "x").replace(DASH, "-")


def recipe(found: View) -> Contrast:
    return next(one for one in found.asked("recipe") if "FastAPI" in one.first)


def said(run: Run) -> tuple[str, list[str]]:
    """The pick and the sentences of the FastAPI app against the recipe."""
    rows = picks(view(run))
    return next(
        (plain(pick.whole), [plain(line) for line in lines])
        for title, pick, lines, *_ in rows
        if title == "The FastAPI app or the recipe"
    )


def test_cpu_per_event_against_the_recipe_is_one_plain_sentence() -> None:
    pick, lines = said(streaming(made_run(), "recipe-fastapi", 0.5))
    assert re.fullmatch(r"the FastAPI app, (2\.9\d|3\.0\d?)x \(\d\.\d+-\d\.\d+\) the requests/s", pick)
    assert re.fullmatch(
        r"The FastAPI app needs 0\.\d\d+x the CPU per SSE event of the recipe \(0\.\d+-0\.\d+\): cheaper",
        lines[1],
    )


def test_a_choice_that_capacity_and_streams_decide_differently_says_both() -> None:
    pick, lines = said(streaming(made_run(), "recipe-fastapi", 0.2))
    assert re.fullmatch(
        r"the FastAPI app, but the recipe for streams, (2\.9\d|3\.0\d?)x \(\d\.\d+-\d\.\d+\) the requests/s; "
        r"the recipe for streams, 0\.\d\d+x \(0\.\d+-0\.\d+\) the CPU per event",
        pick,
    )
    assert lines[1].endswith(": dearer")


def test_where_a_run_cannot_tell_the_sentence_gives_the_range_and_no_one_number() -> None:
    contrast = recipe(view(made_run()))
    estimate = Estimate(ratio=1.02, low=0.88, high=1.17, n=6, p_difference=0.7, p_equivalence=0.3)
    outcome = Outcome(contrast, "cpu-event", estimate, "cannot-tell", None)
    assert plain(sentence(outcome)) == (
        "The FastAPI app needs 0.88x to 1.17x the CPU per SSE event of the recipe: cannot tell"
    )


def test_one_contrast_that_cannot_be_told_leaves_the_others_pick_standing() -> None:
    found = view(made_run())
    contrast = recipe(found)
    unsure = [
        msgspec.structs.replace(one, verdict="cannot-tell")
        if one.contrast == contrast and one.metric == "rps"
        else one
        for one in found.outcomes
    ]
    rows = picks(msgspec.structs.replace(found, outcomes=unsure))
    pick = next(plain(pick.whole) for title, pick, *_ in rows if title == "The FastAPI app or the recipe")
    assert re.fullmatch(r"the FastAPI app, for streams, 0\.\d\d+x \(0\.\d+-0\.\d+\) the CPU per event", pick)


def test_a_peer_is_held_against_each_app_in_one_line() -> None:
    run = made_run()
    like = next(cell for cell in run.header.cells if cell.id == "recipe-fastapi")
    peer = msgspec.structs.replace(
        like, id="nginx", label="nginx", group="peer", profile="", scenarios=("S3",)
    )
    header = msgspec.structs.replace(run.header, cells=[*run.header.cells, peer])
    records = [msgspec.structs.replace(one, cell="nginx") for one in run.cells if one.cell == like.id]
    found = view(msgspec.structs.replace(run, header=header, cells=[*run.cells, *records]))
    ((_, pick, lines, *_),) = [row for row in picks(found) if row[0] == "Other proxies"]
    assert plain(pick.whole) == "3.0-3.3x the requests/s, faster"
    assert len(lines) == 2  # the apps on wire; on httpx2 the client would be what is compared
    assert re.match(
        r"FastAPI handler, uvicorn over nginx: requests/s 2\.99x \(\d\.\d+-\d\.\d+\); CPU per request 0\.33x",
        plain(lines[0]),
    )


def test_the_verdict_says_in_words_what_the_client_costs() -> None:
    rows = {
        title: (plain(pick.whole), [plain(line) for line in lines])
        for title, pick, lines, *_ in picks(view(made_run()))
    }
    pick, lines = rows["Engine"]
    assert re.fullmatch(r"wire, 2\.5\d?x \(2\.\d+-2\.\d+\) the requests/s", pick)
    assert re.match(
        r"wire serves 2\.5\d?x the requests per second of httpx2 \(2\.\d+-2\.\d+\): faster", lines[0]
    )
    (cost,) = [line for line in lines if "per request" in line and "costs" in line]
    assert re.fullmatch(
        r"The client httpx2 costs \d+ \([\d,]+-[\d,]+\) µs more CPU per request than wire: "
        r"60% \(\d+-\d+\) of the whole",
        cost,
    )
