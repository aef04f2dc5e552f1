"""Two runs side by side: what differs is named, what both call is compared, a change has its interval."""

from __future__ import annotations

import io
import math
from pathlib import Path

import msgspec
import numpy as np
import pytest
from rich.console import Console

from bench import command
from bench.contrasts import Outcome
from bench.environment import switches
from bench.histogram import encode_histogram
from bench.record import CellRecord, Record, RecordFile, Run
from bench.report.compare import agreements, changes, differences, show_comparison
from bench.report.view import view
from bench.stats import Estimate, Verdict, unpaired
from tests.unit.bench.made import made_run
from tests.unit.bench.simulated import noise


def shown(one: Run, other: Run) -> tuple[bool, str]:
    out = io.StringIO()
    alike = show_comparison(one, other, Console(file=out, width=200, highlight=False))
    return alike, out.getvalue()


def slower(run: Run, cell: str, factor: float) -> Run:
    """The run with one cell's closed loop that much slower."""
    cells = []
    for record in run.cells:
        closed = record.results["S3"]
        if record.cell == cell:
            closed = msgspec.structs.replace(closed, completed=round(closed.completed / factor))  # type: ignore[union-attr]
        cells.append(msgspec.structs.replace(record, results={**record.results, "S3": closed}))
    return msgspec.structs.replace(run, cells=cells)


def test_a_run_agrees_with_itself_and_nothing_differs() -> None:
    run = made_run()
    assert differences(run, run) == []
    judged = agreements(view(run), view(run))
    assert any(each.called for each in judged)
    assert all(each.agree for each in judged)
    alike, text = shown(run, run)
    assert alike
    assert "Not alike" not in text
    assert "DISAGREE" not in text


def test_what_differs_is_named_package_by_package_and_the_load_of_the_moment_is_not() -> None:
    run = made_run()
    header = msgspec.structs.replace(
        run.header,
        environment={"cpu": "another", "load average at start": "7.0"},
        packages={"fastapi": "1", "new": "2"},
        pinning="not pinned",
    )
    other = msgspec.structs.replace(run, header=header)
    found = differences(run, other)
    assert found == [
        "pinning: subject alone on one core, load engine and origin on another against not pinned",
        "cpu: a <made-up> CPU against another",
        "package fastapi: 0 against 1",
        "package new: none against 2",
    ]
    assert all(line in shown(run, other)[1] for line in found)


def test_runs_that_call_one_contrast_differently_disagree() -> None:
    run = made_run()
    other = slower(run, "litestar-handler-uvicorn-httptools-wire", 1.4)
    apart = [each for each in agreements(view(run), view(other)) if not each.agree]
    assert {(each.contrast.question, each.metric) for each in apart} >= {("framework", "rps")}
    alike, text = shown(run, other)
    assert not alike
    assert "DISAGREE" in text


def test_what_one_of_them_cannot_tell_is_no_disagreement() -> None:
    vague = made_run(noise=0.5)
    judged = agreements(view(made_run()), view(vague))
    assert any(not each.called for each in judged)
    assert all(each.agree for each in judged if not each.called)


@pytest.mark.parametrize(
    ("one", "other", "agree"),
    [
        (("equivalent", 1.02, 1.049), ("more", 1.02, 1.051), True),
        (("equivalent", 0.96, 0.99), ("less", 0.94, 0.98), True),
        (("equivalent", 1.02, 1.049), ("more", 1.06, 1.09), False),
        (("equivalent", 0.96, 0.99), ("less", 0.91, 0.94), False),
        (("more", 1.01, 1.03), ("less", 0.97, 0.99), False),
        (("more", 1.01, 1.03), ("more", 1.5, 1.6), True),
    ],
)
def test_two_runs_disagree_where_no_ratio_could_be_what_both_say(
    one: tuple[Verdict, float, float], other: tuple[Verdict, float, float], agree: bool
) -> None:
    run = view(made_run())
    judged = agreements(run, run)[0]

    def said(call: tuple[Verdict, float, float]) -> Outcome:
        verdict, low, high = call
        estimate = Estimate(math.sqrt(low * high), low, high, 6, 0.0, 0.0)
        return msgspec.structs.replace(judged.one, verdict=verdict, estimate=estimate)

    assert judged._replace(one=said(one), other=said(other)).agree is agree
    assert judged._replace(one=said(other), other=said(one)).agree is agree


def test_a_change_of_one_cell_is_found_at_its_size() -> None:
    run = made_run()
    cell = "recipe-fastapi"
    found = {(of, name): change for of, name, change in changes(view(run), view(slower(run, cell, 1.5)))}
    change = found[cell, "rps"]
    assert change.value == pytest.approx(1 / 1.5, rel=0.01)
    assert found["recipe-litestar", "rps"].value == 1.0


def test_a_cold_start_and_bent_gaps_are_compared_at_their_size() -> None:
    cell, bent = "recipe-fastapi", encode_histogram([3000] * 1500)
    run = made_run()

    def worse(record: CellRecord) -> CellRecord:
        streams = msgspec.structs.replace(record.results["S5"], gap=bent, deliveries=750, stalls=300)
        return msgspec.structs.replace(record, answered_s=0.84, results={**record.results, "S5": streams})

    cells = [worse(record) if record.cell == cell else record for record in run.cells]
    other = msgspec.structs.replace(run, cells=cells)
    found = {(of, name): change.value for of, name, change in changes(view(run), view(other))}
    assert found[cell, "cold-start"] == pytest.approx(2.0)
    assert found[cell, "gap-p50"] == found[cell, "gap-p99"] == pytest.approx(3.0, rel=0.03)
    assert found[cell, "events-delivery"] == pytest.approx(2.0)
    assert found["recipe-litestar", "cold-start"] == found["direct", "gap-p50"] == 1.0
    assert found[cell, "unstalled"] == pytest.approx(0.8)  # of a first that had no stall at all
    text = shown(run, other)[1]
    assert all(name in text for name in ("cold-start", "gap-p99", "events-delivery", "unstalled"))


def test_intervals_of_unpaired_runs_hold_the_truth() -> None:
    random = np.random.default_rng(1)
    count = 1000
    held = 0
    for _ in range(count):
        first = math.log(1.1) + noise("normal", random, 6)
        second = 2 * noise("normal", random, 8)  # the other day the machine was twice as restless
        found = unpaired(first.tolist(), second.tolist())
        assert found is not None
        held += found.low <= 1.1 <= found.high
    assert abs(held / count - 0.95) < 3.5 * math.sqrt(0.95 * 0.05 / count)
    assert unpaired([0.0, 0.0], [0.0] * 6) is None
    same = unpaired([0.0] * 3, [0.0] * 3)
    assert same is not None
    assert (same.low, same.value, same.high) == (1.0, 1.0, 1.0)


@pytest.mark.parametrize(("factor", "status"), [(1.0, 0), (1.4, 1)])
def test_the_command_says_by_its_status_whether_they_agree(
    tmp_path: Path, factor: float, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, run in (
        ("a", made_run()),
        ("b", slower(made_run(), "litestar-handler-uvicorn-httptools-wire", factor)),
    ):
        (tmp_path / name).mkdir()
        with RecordFile(tmp_path / name / "records.jsonl") as file:
            whole: list[Record] = [run.header, *run.cells]
            for record in whole:
                file.append(record)
    assert command.main(["compare", str(tmp_path / "a"), str(tmp_path / "b")]) == status
    assert "contrasts asked of both" in capsys.readouterr().out


@pytest.mark.parametrize("asked", [["check"], ["report"], ["report", "--all"], ["compare", "{}"]])
def test_a_label_in_brackets_is_told_as_it_is(
    asked: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rich takes brackets for its own markup, and one that closes nothing for a mistake."""
    run = made_run(blocks=3)
    label = "[bold]mine[/x]"
    cells = [
        msgspec.structs.replace(cell, label=label)
        if cell.id == "litestar-handler-uvicorn-httptools-wire"
        else cell
        for cell in run.header.cells
    ]
    with RecordFile(tmp_path / "records.jsonl") as records:
        records.append(msgspec.structs.replace(run.header, cells=cells))
        for record in run.cells:
            records.append(record)
    assert command.main([*(part.format(tmp_path) for part in asked), str(tmp_path)]) == 0
    assert label in capsys.readouterr().out


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        (
            {"PATH": "/bin", "PYTHONPATH": "/opt/mine", "PYTHONHASHSEED": "1", "PYTHONOPTIMIZE": ""},
            "none",
        ),
        ({"PYTHONDEVMODE": "1", "PYTHON_GIL": "0"}, "PYTHONDEVMODE=1, PYTHON_GIL=0"),
        ({"LD_PRELOAD": "/opt/lib/libjemalloc.so.2"}, "LD_PRELOAD=libjemalloc.so.2"),
        (
            {"MALLOC_ARENA_MAX": "2", "AIOHTTP_NO_EXTENSIONS": "1"},
            "AIOHTTP_NO_EXTENSIONS=1, MALLOC_ARENA_MAX=2",
        ),
    ],
)
def test_what_makes_every_process_slower_or_faster_is_part_of_the_fingerprint(
    environment: dict[str, str], told: str
) -> None:
    """A run that was made with it, and one without, are not alike; a record from before has none to tell."""
    assert switches(environment) == told
    one = made_run(blocks=3)
    other = msgspec.structs.replace(
        one,
        header=msgspec.structs.replace(one.header, environment=one.header.environment | {"switches": told}),
    )
    assert differences(one, other) == ([] if told == "none" else [f"switches: none against {told}"])
