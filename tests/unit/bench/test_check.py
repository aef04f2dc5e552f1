"""What keeps a figure from being shown, and what is said about a run's health."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from bench import command
from bench.check import cell_absence, headroom
from bench.health import conditions, health, verdict_of
from bench.histogram import encode_histogram
from bench.record import (
    Absence,
    CellRecord,
    Dropped,
    GateResult,
    Integrity,
    Part,
    RecordFile,
    Result,
    Run,
    StreamsResult,
    Timed,
)
from bench.report import write_html
from bench.usage import Span
from tests.unit.bench.made import closed, made_run, made_span

CELL = "fastapi-handler-uvicorn-httptools-wire"
SMALL = encode_histogram([1000] * 10)


def one_block(run: Run, scenario: str, result: Result, *, block: int = 3) -> Run:
    """The run with one result of one block replaced."""
    cells = [
        msgspec.structs.replace(record, results={**record.results, scenario: result})
        if record.cell == CELL and record.block == block
        else record
        for record in run.cells
    ]
    return msgspec.structs.replace(run, cells=cells)


def replaced(result: Result, **changes: object) -> Result:
    return msgspec.structs.replace(result, **changes)


def level(run: Run, name: str) -> str:
    return next(one.level for one in health(run) if one.name == name)


def test_a_sound_run_has_all_its_figures_and_good_health() -> None:
    run = made_run()
    assert all(cell_absence(run, c.id, s) is None for c in run.header.cells for s in ("S3", "S2", "S5"))
    assert verdict_of(health(run)) == "good"


@pytest.mark.parametrize(
    ("whole", "level", "status"), [(0, "bad", 1), (2, "bad", 1), (3, "good", 0), (5, "good", 0)]
)
def test_a_run_of_fewer_than_three_whole_blocks_is_no_good(
    whole: int, level: str, status: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = made_run(blocks=6)
    cells = [record for record in run.cells if record.block < whole or record.cell == "direct"]
    with RecordFile(tmp_path / "records.jsonl") as records:
        records.append(run.header)
        for record in cells:
            records.append(record)
    assert command.main(["check", str(tmp_path)]) == status
    (said,) = [line for line in capsys.readouterr().out.splitlines() if "Blocks complete" in line]
    assert said.split()[:6] == [level, "Blocks", "complete", str(whole), "of", "6"]


def test_where_one_part_of_several_is_too_short_the_others_stand() -> None:
    run = made_run(blocks=4)
    ids = [cell.id for cell in run.header.cells]
    parts = [Part("one", "", ids, ["S0", "S3"], 4), Part("two", "", ids, ["S2", "S5"], 4)]
    run = msgspec.structs.replace(
        run,
        header=msgspec.structs.replace(run.header, parts=parts),
        cells=[msgspec.structs.replace(record, part="one") for record in run.cells],
    )
    (found,) = [one for one in health(run) if one.name == "Blocks complete"]
    assert (found.level, found.value) == ("doubtful", "0 of 4")
    assert "in some part" in found.meaning


def test_a_cell_that_was_left_out_makes_no_block_incomplete() -> None:
    run = made_run(blocks=4)
    cells = [record for record in run.cells if record.cell != CELL or record.block == 0]
    run = msgspec.structs.replace(run, cells=cells, dropped=[Dropped(CELL, 1, "no time")])
    assert level(run, "Blocks complete") == "good"


def test_one_integrity_failure_in_one_block_fails_the_cell() -> None:
    wrong = replaced(closed(1500), integrity=Integrity({"content": 1}, "content: byte 3 differs"))
    run = one_block(made_run(), "S3", wrong)
    assert cell_absence(run, CELL, "S3") == Absence("failed", "integrity: content: byte 3 differs")
    assert level(run, "Failures") == "bad"


def test_a_failed_gate_fails_every_scenario_of_the_cell() -> None:
    run = one_block(made_run(), "S0", GateResult(["json"], failed="events one by one", detail="no answer"))
    for scenario in ("S3", "S2", "S5"):
        absence = cell_absence(run, CELL, scenario)
        assert absence is not None
        assert absence.reason == "failed"
        assert "events one by one" in absence.detail


def test_a_process_that_died_is_shown_with_its_reason() -> None:
    run = made_run()
    dead = [CellRecord(0, 0, CELL, {}, failure="it died: MemoryError")]
    run = msgspec.structs.replace(run, cells=dead + [r for r in run.cells if r.cell != CELL])
    assert cell_absence(run, CELL, "S3") == Absence("failed", "block 1: it died: MemoryError")
    assert level(run, "Failures") == "bad"


def test_timeouts_are_saturation_and_not_slowness() -> None:
    result = made_run().by_block(CELL, "S2")[0]
    late = replaced(result, integrity=Integrity({"timeout": 1}, "timeout: 40 requests without an answer"))
    absence = cell_absence(one_block(made_run(), "S2", late), CELL, "S2")
    assert absence is not None
    assert absence.reason == "saturated"


def test_a_queue_in_front_of_the_connections_is_saturation() -> None:
    result = made_run().by_block(CELL, "S2")[0]
    queued = replaced(result, lag=encode_histogram([50_000_000] * 120))
    run = made_run(changes={f"{CELL}/S2": queued})
    absence = cell_absence(run, CELL, "S2")
    assert absence is not None
    assert absence.reason == "saturated"


@pytest.mark.parametrize(("events", "reason"), [(1400, "saturated"), (1490, None)])
def test_streams_that_do_not_carry_the_load_are_saturated(events: int, reason: str | None) -> None:
    result = made_run().by_block(CELL, "S5")[0]
    assert isinstance(result, StreamsResult)
    run = made_run(changes={f"{CELL}/S5": replaced(result, events=events)})
    absence = cell_absence(run, CELL, "S5")
    assert (absence.reason if absence else None) == reason


@pytest.mark.parametrize(
    ("direct_rps", "reason", "health_level"),
    [(100_000, None, "good"), (2_500, None, "doubtful"), (1_600, "rig-bound", "bad")],
)
def test_a_cell_as_fast_as_the_rig_has_no_figure(
    direct_rps: int, reason: str | None, health_level: str
) -> None:
    run = made_run(changes={"direct/S3": closed(direct_rps), f"{CELL}/S3": closed(1500)})
    room = headroom(run, CELL, "S3")
    assert room == pytest.approx(direct_rps / 1500)
    absence = cell_absence(run, CELL, "S3")
    assert (absence.reason if absence else None) == reason
    assert level(run, "Headroom") in (health_level, "bad")


def test_a_cell_left_out_says_why_and_an_unasked_scenario_too() -> None:
    run = made_run()
    cells = [record for record in run.cells if record.cell != CELL]
    run = msgspec.structs.replace(run, cells=cells, dropped=[Dropped(CELL, 1, "no time")])
    assert cell_absence(run, CELL, "S3") == Absence("not-run", "no time")
    header = msgspec.structs.replace(run.header, scenarios=list(run.header.scenarios)[:2])
    run = msgspec.structs.replace(run, header=header)
    absence = cell_absence(run, "recipe-fastapi", "S5")
    assert absence is not None
    assert absence.reason == "not-run"


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"rig_busy": 0.9}, "Rig's core"),
        ({"steal_s": 0.5}, "Steal"),
        ({"wait_s": 0.5}, "Waits for the core"),
    ],
)
def test_a_disturbed_machine_is_flagged(changed: dict[str, float], name: str) -> None:
    span: Span = msgspec.structs.replace(made_span(1.0, 1.0), **changed)
    run = made_run(changes={f"{CELL}/S3": replaced(closed(1500), span=span)})
    assert level(run, name) == "doubtful"


def test_a_busy_rig_names_the_cell_that_made_it_busy() -> None:
    span: Span = msgspec.structs.replace(made_span(1.0, 1.0), rig_busy=0.9)
    run = made_run(changes={"recipe-fastapi/S3": replaced(closed(1500), span=span)})
    (found,) = [one for one in health(run) if one.name == "Rig's core"]
    assert found.meaning.endswith("most in recipe in FastAPI, uvicorn")


@pytest.mark.parametrize(
    ("field", "name"), [("rig_busy", "Rig's core"), ("steal_s", "Steal"), ("wait_s", "Waits for the core")]
)
def test_what_the_system_does_not_tell_is_unknown_and_doubtful(field: str, name: str) -> None:
    run = made_run()
    untold = [
        msgspec.structs.replace(
            record,
            results={
                of: replaced(result, span=msgspec.structs.replace(result.span, **{field: None}))
                if isinstance(result, Timed)
                else result
                for of, result in record.results.items()
            },
        )
        for record in run.cells
    ]
    (found,) = [one for one in health(msgspec.structs.replace(run, cells=untold)) if one.name == name]
    assert (found.level, found.value) == ("doubtful", "unknown")
    assert found.meaning.endswith("this system does not tell")


def test_the_conditions_of_one_cell_are_its_own() -> None:
    span: Span = msgspec.structs.replace(made_span(1.0, 1.0), wait_s=1.0, steal_s=0.25, rig_busy=0.6)
    run = made_run(changes={f"{CELL}/S3": replaced(closed(1500), span=span)})
    found = {one.cell: one for one in conditions(run)}
    mine, other = found[CELL], found["recipe-fastapi"]
    assert found.keys() == {cell.id for cell in run.header.cells}
    assert mine.rig_busy == 0.6
    assert other.rig_busy == 0.1
    assert mine.waits is not None
    assert mine.waits > 0.3
    assert (other.waits, other.steal) == (0.0, 0.0)
    assert mine.headroom is not None
    assert other.headroom is not None
    assert mine.headroom < other.headroom
    assert mine.send_lag_ms == pytest.approx(0.02, rel=0.01)
    assert found["direct"].headroom is None
    assert "least headroom" in write_html(run)


def test_without_pinning_the_first_screen_says_so() -> None:
    run = made_run()
    header = msgspec.structs.replace(run.header, subject_cpus=[], pinning="one core only")
    found = health(msgspec.structs.replace(run, header=header))
    assert (found[0].level, found[0].meaning) == ("doubtful", "one core only")
