"""A run that was cut off goes on where its records end, on the same things only."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from bench import begin, command, folders
from bench.plan import steps
from bench.record import CellRecord, RecordFile, Run, read_records
from bench.resume import differs
from bench.run import SETTINGS
from shared.harness.process import ROOT
from tests.unit.bench.made import made_header, made_run

_RUN = (
    "import pathlib, sys, bench.begin as b, bench.command as c; "
    "c.folders._RESULTS = pathlib.Path(sys.argv[1]); b.installed = dict; "  # without wrk and hey: sooner done
    "sys.exit(c.main(['run', '--subject', 'static', '--scenario', 'S3', '--blocks', '3', '--seed', '5']))"
)


def _killed_after(records: int, results: Path) -> Path:
    """Start a run of two cells in three blocks, kill it once so many are done; return its records."""
    process = subprocess.Popen(
        [sys.executable, "-c", _RUN, str(results)], cwd=ROOT, stdout=subprocess.DEVNULL, text=True
    )
    try:
        deadline = time.monotonic() + 60
        while not (
            paths := [
                path
                for path in results.glob("*/records.jsonl")
                if path.read_bytes().count(b'"type":"cell"') >= records
            ]
        ):
            assert process.poll() is None
            assert time.monotonic() < deadline, "the records did not come"
            time.sleep(0.01)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    return paths[0]


def test_a_run_that_was_killed_goes_on_at_the_first_cell_it_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = _killed_after(3, tmp_path)
    with path.open("ab") as file:
        file.write(b'{"type":"cell","block":1,"pos')  # what a crash leaves of the line it fell into
    before = list(read_records(path))
    monkeypatch.setattr(folders, "_RESULTS", tmp_path)
    assert command.main(["run", "--resume"]) == 0, capsys.readouterr()
    after = list(read_records(path))
    assert after[: len(before)] == before
    run = Run.read(path)
    assert run.end is not None
    assert run.end.outcome == "finished"
    due = [step for block in range(3) for step in steps(run.header.plan, seed=5, block=block)]
    assert [(one.block, one.position, one.cell) for one in run.cells] == [
        (step.block, step.position, step.cell) for step in due
    ]
    assert all(record.failure == "" for record in run.cells)
    assert (path.parent / "report.html").stat().st_size > 0
    assert command.main(["run", "--resume", path.parent.name]) == 2
    assert "has finished" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--seed", "3"], "give it alone"),
        (["--blocks", "3"], "give it alone"),
        (["--scenario", "S3"], "give it alone"),
        ([], "commit was a0, is"),
    ],
)
def test_what_cannot_be_gone_on_with_is_refused_in_one_line(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(folders, "_RESULTS", tmp_path)
    (tmp_path / "one").mkdir()
    with RecordFile(tmp_path / "one" / "records.jsonl") as records:
        records.append(msgspec.structs.replace(made_header(), environment={"commit": "a0"}))
    assert command.main(["run", "--resume", *arguments]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert len(said.splitlines()) == 1


def test_another_package_scenario_cell_or_setting_is_told_and_the_load_of_the_machine_is_not() -> None:
    then = made_header()
    environment = then.environment | {"load average at start": "0.9"}
    assert differs(then, msgspec.structs.replace(then, environment=environment)) == ""
    newer = msgspec.structs.replace(then, packages={"fastapi": "1"})
    assert differs(then, newer) == "fastapi was 0, is 1"
    fewer = msgspec.structs.replace(then, cells=then.cells[:-1])
    assert differs(then, fewer) == "cell litestar-handler-uvicorn-httptools-httpx2 is another now"
    changed = [
        msgspec.structs.replace(one, title="another") if one.id == "S3" else one for one in then.scenarios
    ]
    assert differs(then, msgspec.structs.replace(then, scenarios=changed)) == "scenario S3 is another now"
    other = msgspec.structs.replace(then, settings={"TANDEM_ACCESS_LOG": "off"})
    assert differs(then, other) == "setting TANDEM_ACCESS_LOG was on, is off"


def test_a_run_is_not_resumed_under_other_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where nothing says which commit it is, the settings are all that tells."""
    path = _killed_after(1, tmp_path)
    monkeypatch.setattr(folders, "_RESULTS", tmp_path)
    monkeypatch.setattr(begin, "SETTINGS", SETTINGS | {"TANDEM_ACCESS_LOG": "off"})
    assert command.main(["run", "--resume"]) == 2
    assert "setting TANDEM_ACCESS_LOG was on, is off" in capsys.readouterr().err
    assert path.read_bytes().count(b'"type":"end"') == 0


def test_records_are_written_by_one_process_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    with RecordFile(path), pytest.raises(ValueError, match="another process is writing"):
        RecordFile(path)


def test_a_half_written_last_line_goes_before_the_next_is_written(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    run = made_run(blocks=1)
    with RecordFile(path) as records:
        records.append(run.header)
        records.append(run.cells[0])
    whole = path.read_bytes()
    path.write_bytes(whole + whole[-50:-1])
    with RecordFile(path) as records:
        records.append(run.cells[1])
    found = [record for record in read_records(path) if isinstance(record, CellRecord)]
    assert found == run.cells[:2]
    assert path.read_bytes().startswith(whole)
