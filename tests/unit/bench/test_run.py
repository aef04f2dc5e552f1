"""The whole path on real processes: a dying subject is a record, Ctrl-C keeps what is done."""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from bench import begin, command, folders
from bench.cells import choose, direct
from bench.progress import Bar
from bench.record import CellSpec, ClosedResult, Dropped, GateResult, OpenResult, Run, StreamsResult
from bench.run import run_plan
from bench.scenarios import Closed, Gate, Open, Scenario, Streams
from shared.harness.peers import PEERS
from shared.harness.process import ROOT
from tests.unit.bench.made import made_header
from tests.unit.harness.leftovers import wait_until_gone

SHORT: list[Scenario] = [
    Gate(id="S0", title="", deadline_s=30.0),
    # Long enough for a proxy that spends tens of milliseconds on a request, on a machine that others use too.
    Closed(id="S3", title="", path="/json", connections=4, window_s=0.5, warm_slice_s=0.03, warm_most=3),
    Open(id="S2", title="", path="/json", rate=100, window_s=0.1, drain_s=30.0),
    Streams(id="S5", title="", streams=3, every_us=10_000, window_s=0.3, settle_s=0.02),
]
POSTS: list[Scenario] = [
    Closed(id="S3-post", title="", path="/post", connections=2, window_s=0.3, warm_slice_s=0.03, up=5000)
]


def cell(name: str, app: str, *scenarios: str) -> CellSpec:
    return CellSpec(
        id=name,
        label=name,
        group="baseline",
        app=app,
        profile="uvicorn-httptools",
        scenarios=scenarios or ("S3", "S2", "S5"),
    )


def run(
    folder: Path, *cells: CellSpec, blocks: int = 1, scenarios: list[Scenario] = SHORT
) -> tuple[str, Run]:
    """Run all of it once; again, where the machine has stood still for the better part of a window: by the
    window's own clock, whatever was counted in it."""
    header = msgspec.structs.replace(
        made_header(blocks), cells=[direct(), *cells], scenarios=scenarios, subject_cpus=[], rig_cpus=[]
    )
    while True:
        again = folder / str(len(list(folder.iterdir())))
        again.mkdir()
        with Bar(Console(file=io.StringIO())) as bar:
            outcome = run_plan(header, again, bar=bar)
        found = Run.read(again / "records.jsonl")
        if not _stood_still(found):
            return outcome, found


def _stood_still(run: Run) -> bool:
    windows = {one.id: one.window_s for one in run.header.scenarios if isinstance(one, Closed | Streams)}
    took = [
        (result.span.seconds, windows[name])
        for record in run.cells
        for name, result in record.results.items()
        if isinstance(result, ClosedResult | StreamsResult)
    ]
    return any(seconds > 2 * window_s for seconds, window_s in took)


def test_a_proxy_runs_through_every_scenario_and_leaves_no_stream_behind(tmp_path: Path) -> None:
    outcome, found = run(tmp_path, cell("bare", "bench.baselines.bare:app"))
    assert outcome == "finished"
    assert found.end is not None
    assert {record.cell for record in found.cells} == {"direct", "bare"}
    for record in found.cells:
        assert record.failure == ""
        gate, looped, paced, streamed = (record.results[name] for name in ("S0", "S3", "S2", "S5"))
        assert isinstance(gate, GateResult)
        assert len(gate.passed) == 4
        assert isinstance(looped, ClosedResult)
        assert isinstance(paced, OpenResult)
        assert isinstance(streamed, StreamsResult)
        assert looped.completed > 0
        assert paced.completed == paced.offered > 0
        assert streamed.events > 0
        for result in (looped, paced, streamed):
            assert result.integrity.failures == {}
            assert (result.span.cpu_s > 0) == (record.cell == "bare")
        assert record.streams_left == 0


def test_a_body_goes_up_with_each_request_where_the_scenario_has_one(tmp_path: Path) -> None:
    _, found = run(tmp_path, cell("bare", "bench.baselines.bare:app", "S3-post"), scenarios=POSTS)
    for record in found.cells:
        result = record.results["S3-post"]
        assert isinstance(result, ClosedResult)
        assert (result.completed > 0, result.integrity.failures) == (True, {}), record.cell


@pytest.mark.parametrize("name", PEERS)
def test_a_peer_runs_through_every_scenario(tmp_path: Path, name: str) -> None:
    if not PEERS[name].version():
        pytest.skip(f"{name} is not installed: {PEERS[name].install}")
    (peer,) = choose([name])
    _, found = run(tmp_path, peer)
    record = next(record for record in found.cells if record.cell == name)
    assert record.failure == ""
    assert all(
        isinstance(record.results[of], ClosedResult | OpenResult | StreamsResult) for of in ("S3", "S2", "S5")
    )


def test_a_peer_that_is_not_installed_is_an_absence_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[Dropped] = []

    def plan(*_: object, dropped: list[Dropped], **__: object) -> str:
        kept.extend(dropped)
        return "finished"

    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(folders, "_RESULTS", tmp_path)
    monkeypatch.setattr(begin, "run_plan", plan)
    monkeypatch.setattr(begin, "write_report", lambda folder, console: None)
    assert command.main(["run", "--subject", "nginx", "--subject", "static"]) == 0
    assert [(one.cell, one.why) for one in kept] == [("nginx", "it is not installed (apt-get install nginx)")]


def test_both_recipes_pass_the_gate(tmp_path: Path) -> None:
    names = ("recipe_fastapi", "recipe_litestar")
    _, found = run(tmp_path, *(cell(name, f"bench.baselines.{name}:app", "S3", "S5") for name in names))
    for record in found.cells:
        gate = record.results["S0"]
        assert isinstance(gate, GateResult)
        assert (gate.failed, record.failure) == ("", "")


def test_a_cell_that_cannot_start_is_a_record_with_its_reason_and_the_run_goes_on(tmp_path: Path) -> None:
    outcome, found = run(
        tmp_path,
        cell("missing", "bench.baselines.missing:app"),
        cell("static", "bench.baselines.static:app", "S3"),
    )
    assert outcome == "finished"
    records = {record.cell: record for record in found.cells}
    assert "missing ended" in records["missing"].failure
    assert "\n" not in records["missing"].failure
    assert str(ROOT) not in records["missing"].failure
    assert isinstance(records["static"].results["S3"], ClosedResult)


def test_a_cell_that_fails_the_gate_is_not_timed(tmp_path: Path) -> None:
    # no upstream behind it: every path answers the JSON, which is wrong for all but one
    _, found = run(tmp_path, cell("liar", "bench.baselines.static:app"))
    record = next(record for record in found.cells if record.cell == "liar")
    gate = record.results["S0"]
    assert isinstance(gate, GateResult)
    assert gate.passed == ["json"]
    assert gate.failed == "64 KiB body"
    assert not any(isinstance(record.results[name], ClosedResult | OpenResult) for name in ("S3", "S2"))


@pytest.mark.skipif(sys.platform != "linux", reason="sends a signal to a session of its own")
def test_ctrl_c_keeps_what_is_done_reports_it_and_stops_every_child(tmp_path: Path) -> None:
    code = (
        "import pathlib, sys, bench.command as c; c.folders._RESULTS = pathlib.Path(sys.argv[1]); "
        "sys.exit(c.main(['run', '--subject', 'static', '--blocks', '60', '--budget', '0']))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        text=True,
    )
    try:
        deadline = time.monotonic() + 60
        while not any(b'"cell":"static"' in path.read_bytes() for path in tmp_path.glob("*/records.jsonl")):
            assert process.poll() is None
            assert time.monotonic() < deadline, "no record appeared"
            time.sleep(0.02)
        while not (children := _children_of(process.pid)):  # none between two cells
            assert time.monotonic() < deadline, "no child appeared"
            time.sleep(0.001)
        os.kill(process.pid, signal.SIGINT)
        printed, _ = process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 130, printed
    assert "interrupted after" in printed
    assert "To go on with it: python -m bench run --resume" in printed
    assert "Traceback" not in printed
    (folder,) = tmp_path.iterdir()
    assert (folder / "report.html").stat().st_size > 0
    end = Run.read(folder / "records.jsonl").end
    assert end is not None
    assert end.outcome == "interrupted"
    for child in children:
        wait_until_gone(child)


def _children_of(pid: int) -> list[int]:
    return [
        int(stat.parent.name)
        for stat in Path("/proc").glob("[0-9]*/stat")
        if _read(stat).rpartition(")")[2].split()[1:2] == [str(pid)]
    ]


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # it has ended meanwhile
        return ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "--blocks", "2"], "--blocks must be at least 3"),
        (["run", "--subject", "no-such"], "no cell matches 'no-such'"),
        (["run", "--factor", "colour"], "there is no factor 'colour'"),
        (["run", "--scenario", "S99"], "there is no scenario 'S99'"),
        (["run", "--blocks", "500"], "give --budget"),
        (["run", "--full", "--budget", "60"], "more than the 60 s allowed: give --budget"),
        (["run", "--full", "--scenario", "S3"], "--full has its own cells and scenarios"),
        (["report", "no-such-run"], "no-such-run is no run"),
        (["check", "no-such-run"], "no-such-run is no run"),
    ],
)
def test_a_wish_that_cannot_be_met_is_one_line(arguments: list[str], message: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
