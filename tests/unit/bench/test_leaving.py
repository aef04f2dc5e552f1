"""What the report says of clients that leave and clients that are slow, from known results."""

from __future__ import annotations

import re

import pytest

from bench.histogram import encode_histogram
from bench.record import AbortsResult, Absence, Left, Result
from bench.report.leaving import leaving_section
from bench.report.view import View, view
from bench.scenarios import Aborts, Scenario
from bench.shapes import LEAVING
from tests.unit.bench.made import RPS, made_run, made_span
from tests.unit.bench.test_sections import also, text_of

CELL = "fastapi-handler-uvicorn-httptools-wire"
ABORTS = Aborts(id="S9", title="", each=64)
LET_GO = Left(64, 0, encode_histogram([2_000_000] * 63 + [9_000_000]))


def with_aborts(result: Result) -> View:
    usual = AbortsResult(dict.fromkeys(LEAVING, LET_GO), 0, made_span(1.0, 0.1))
    scenarios: dict[Scenario, dict[str, Result]] = {ABORTS: dict.fromkeys(RPS, usual) | {CELL: result}}
    return view(also(made_run(), scenarios))


def row(found: View) -> str:
    text = re.sub(r"\s+", " ", text_of(leaving_section(found)))
    rows: list[str] = re.findall(r"FastAPI handler, uvicorn (?!\(A/A\)).*?(?=FastAPI|Litestar|recipe)", text)
    return next(row for row in rows if "ms" not in row)


def test_what_is_let_go_at_every_point_passes_with_its_times() -> None:
    result = AbortsResult(dict.fromkeys(LEAVING, LET_GO), 3, made_span(1.0, 0.1))
    found = with_aborts(result)
    assert row(found) == "FastAPI handler, uvicorn ✓ pass " + "2.00, 9.00 " * 4 + "3 "
    assert found.figures[CELL, "gone-stream@S9"].blocks[0] == pytest.approx(2000, rel=1e-3)


def test_what_is_never_let_go_fails_by_how_many_and_has_no_time() -> None:
    points = dict.fromkeys(LEAVING, LET_GO) | {LEAVING[0]: Left(64, 1, LET_GO.seen)}
    found = with_aborts(AbortsResult(points, 0, made_span(1.0, 0.1)))
    assert row(found) == "FastAPI handler, uvicorn ✗ FAIL never, 6 of 384 " + "2.00, 9.00 " * 3 + "0 "
    figure = found.figures[CELL, "gone-first@S9"]
    assert figure.absence is not None
    assert figure.absence.reason == "failed"


def test_what_keeps_a_descriptor_for_each_client_fails() -> None:
    result = AbortsResult(dict.fromkeys(LEAVING, LET_GO), 4 * 64, made_span(1.0, 0.1))
    assert row(with_aborts(result)) == "FastAPI handler, uvicorn ✗ FAIL " + "2.00, 9.00 " * 4 + "256 "


def test_a_point_that_was_not_reached_and_a_cell_that_took_no_part_are_absences() -> None:
    why = Absence("unsupported", "a whole body was taken that nobody read: nothing blocks")
    points = dict.fromkeys(LEAVING, LET_GO) | {LEAVING[3]: Left(0, 0, encode_histogram([]), why)}
    found = with_aborts(AbortsResult(points, None, made_span(1.0, 0.1)))
    assert row(found) == "FastAPI handler, uvicorn ✓ pass " + "2.00, 9.00 " * 3 + "n/a \N{EN DASH} "
    took_no_part = with_aborts(Absence("unsupported", "no part in it"))
    assert row(took_no_part).startswith("FastAPI handler, uvicorn n/a")
