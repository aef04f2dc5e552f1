"""What the report says of clients that leave and clients that are slow, from known results."""

from __future__ import annotations

import re

import msgspec
import numpy as np
import pytest

from bench.histogram import encode_histogram
from bench.measured import AbortsResult, Absence, Integrity, Left, Result, SlowReader, SlowResult
from bench.report.leaving import leaving_section
from bench.report.view import View, view
from bench.scenarios import MORE, Aborts, Scenario, Slow
from bench.shapes import LEAVING
from bench.usage import Memory
from tests.unit.bench.made import RPS, made_run, made_span, streams
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


SLOW = next(scenario for scenario in MORE if isinstance(scenario, Slow))
SIZE = SLOW.body
KIB = 1024


def slow(*, accepted: int = 100 * KIB, gone: bool = False, wrong: Integrity | None = None) -> SlowResult:
    """Streams whose every event takes 4 ms longer beside slow readers than alone; 500 KiB more memory."""
    random = np.random.default_rng(1)
    alone, beside = (
        msgspec.structs.replace(streams(10, 1_000_000, random), delay=encode_histogram([delay_ns] * 400))
        for delay_ns in (2_000_000, 6_000_000)
    )
    readers = [SlowReader(20 * KIB, accepted, gone)] * SLOW.slow
    before, after = Memory(60_000, 40_000), Memory(60_500, 40_500)
    return SlowResult(alone, beside, SIZE, readers, before, after, wrong or Integrity())


def with_slow(result: Result) -> View:
    scenarios: dict[Scenario, dict[str, Result]] = {SLOW: dict.fromkeys(RPS, slow()) | {CELL: result}}
    return view(also(made_run(), scenarios))


def test_slow_readers_are_told_by_what_they_do_to_others_and_what_is_held_for_them() -> None:
    found = with_slow(slow())
    # 6 ms over 2 ms in every block; 100 - 20 KiB held; 500 KiB for five
    times = "3.00\N{MULTIPLICATION SIGN} (3.00\N{EN DASH}3.00)"
    assert row(found) == f"FastAPI handler, uvicorn ✓ pass 2.00 6.00 {times} 80.0 100 "


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (slow(accepted=SIZE), "✗ FAIL 2.00 6.00 3.0"),
        (slow(gone=True), "✗ FAIL 2.00 6.00 3.0"),
        (slow(wrong=Integrity({"content": 1}, "content: byte 3 differs")), "FAILED"),
        (Absence("unsupported", "no part in it"), "n/a"),
    ],
    ids=["swallowed whole", "closed", "a wrong byte", "took no part"],
)
def test_what_holds_nothing_back_fails_and_what_has_no_figure_says_why(result: Result, said: str) -> None:
    assert row(with_slow(result)).startswith(f"FastAPI handler, uvicorn {said}")


def test_healthy_streams_that_lose_events_beside_slow_readers_are_saturated() -> None:
    whole = slow()
    lost = msgspec.structs.replace(whole, beside=msgspec.structs.replace(whole.beside, events=700))
    figure = with_slow(lost).figures[CELL, "slow-p99@S8"]
    assert figure.absence is not None
    assert figure.absence.reason == "saturated"
