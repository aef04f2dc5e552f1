"""An app of one's own, from a few lines of TOML, in the same plan and the same report as all others."""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path

import pytest

from bench import begin, command, folders
from bench.own import cell_of, read_own, start_own
from bench.record import ClosedResult, GateResult, RecordFile, Run, RunRecord
from shared.harness.process import ROOT, ProcessFailed
from tests.contract.results import Result, Results, write
from tests.unit.bench.test_run import run

GOOD = f"""
name = "mine"
label = "my own proxy"
command = ["{sys.executable}", "own_proxy.py", "{{port}}"]
ready = "/up"
folder = "app"
contract = "mine.json"
environment = {{ ORIGIN = "{{upstream_host}}:{{upstream_port}}" }}
"""


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """Somebody's folder: the app, and beside it the file."""
    (tmp_path / "app").mkdir()
    shutil.copy(Path(__file__).with_name("own_proxy.py"), tmp_path / "app")
    cases = [Result(f"C-{verdict}", "A case.", "M", verdict) for verdict in ("passed", "failed")]
    write(Results("mine", "0.9", "2026-11-21T09:00:00+00:00", cases), tmp_path / "mine.json")
    return _written(tmp_path, GOOD)


def _written(folder: Path, text: str) -> Path:
    file = folder / "mine.toml"
    file.write_text(text, "utf-8")
    return file


def test_it_runs_through_every_scenario_like_any_cell(mine: Path, tmp_path: Path) -> None:
    _, found = run(tmp_path, cell_of(mine))
    (record,) = (record for record in found.cells if record.cell == "mine")
    gate = record.results["S0"]
    assert isinstance(gate, GateResult)
    assert gate.passed == ["json", "64 KiB body", "64 KiB upload", "events one by one"]
    assert record.failure == ""
    assert record.idle is not None
    assert set(record.results) == {"S0", "S3", "S2", "S5"}


def test_one_command_times_it_and_it_stands_in_the_report(
    mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(begin, "installed", dict)  # without wrk and hey: sooner done
    monkeypatch.setattr(folders, "_RESULTS", tmp_path / "results")
    wish = ["--subject", "recipe-fastapi", "--scenario", "S3", "--blocks", "3", "--seed", "1"]
    assert command.main(["run", "--add", str(mine), *wish]) == 0
    (folder,) = (tmp_path / "results").iterdir()
    found = Run.read(folder / "records.jsonl")
    assert [cell.id for cell in found.header.cells] == ["direct", "mine", "recipe-fastapi"]
    assert f"--add {mine}" in found.header.command
    timed = found.by_block("mine", "S3")
    assert len(timed) == 3
    assert all(isinstance(one, ClosedResult) and one.completed > 0 for one in timed.values())
    page = (folder / "report.html").read_text("utf-8")
    assert "my own proxy 1 of 2" in page
    assert "passes 1 of 2 (version 0.9, 2026-11-21)" in page
    assert "my own proxy" in capsys.readouterr().out


def test_without_a_wish_it_is_added_to_the_quick_plan_as_what_is_kept_first(
    mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned: list[str] = []

    def plan(header: RunRecord, *_: object, **__: object) -> str:
        planned.extend(cell.id for cell in header.cells)
        return "finished"

    monkeypatch.setattr(folders, "_RESULTS", tmp_path / "results")
    monkeypatch.setattr(begin, "run_plan", plan)
    monkeypatch.setattr(begin, "write_report", lambda folder, console: None)
    assert command.main(["run", "--add", str(mine)]) == 0
    assert planned[:2] == ["direct", "mine"]
    assert "fastapi-handler-uvicorn-httptools-wire" in planned


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name = ", r"Invalid value \(at "),
        ('name = "mine"', r"missing required field `command`"),
        (GOOD.replace("ready", "raedy"), r"unknown field `raedy`"),
        (GOOD.replace('"mine"', '"My App"'), r"name 'My App': small letters"),
        (GOOD.replace('"mine"', "3"), r"Expected `str`, got `int` - at `\$\.name`"),
        (GOOD.replace('"mine"', '"nginx"').replace("contract", "#"), r"there is a cell nginx already"),
        (GOOD.replace('"/up"', '"up"'), r"ready 'up' is no path"),
        (GOOD.replace("{port}", "8000"), r"holds \{port\}, which the benchmark chooses"),
        (GOOD.replace("upstream_", "up_"), r"\{up_host\} is none of \{host\}, \{port\}, \{upstream\}"),
        (GOOD.replace("{upstream_host}:{upstream_port}", "x"), r"holds \{upstream\}, which it has to ask"),
        (re.sub(r"command = .*", "command = []", GOOD), r"command is empty"),
        (re.sub(r"command = .*", 'command = "it\'s {port}"', GOOD), r"No closing quotation"),
        (GOOD.replace('"app"', '"ap"'), r"there is no folder ap"),
        (GOOD.replace('"app"', '"mine.toml"'), r"there is no folder mine\.toml"),
        (re.sub(r"command = .*", 'command = ["", "{port}"]', GOOD), r"command is empty"),
        (GOOD.replace('"/up"', '"/up and running"'), r"ready '/up and running' is no path: write .* %XX"),
        (GOOD.replace('"/up"', '"/gr\u00fc\u00df"'), r"is no path: write other characters as %XX"),
        (GOOD.replace('"/up"', r'"/up\r\nX: y"'), r"is no path"),
        (GOOD.replace("my own", r"my\nown"), r"is not one printable line"),
        (GOOD.replace("ORIGIN", '"A=B"'), r"environment: 'A=B' is no name of a variable"),
        (GOOD.replace("{upstream_port}", r"{upstream_port}\u0000"), r"a character 0"),
        (GOOD.replace('"mine"', f'"{"m" * 65}"'), r"64 at most"),
        (GOOD, r"contract mine\.json: No such file"),
        (
            GOOD.replace("mine.json", "mine.toml"),
            r"contract mine\.toml holds no results of the suite",
        ),
        (
            re.sub(r"command = .*", 'command = "no-such-program {port}"', GOOD),
            r"no program no-such-program",
        ),
    ],
)
def test_what_a_file_gets_wrong_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, told: str
) -> None:
    (tmp_path / "app").mkdir()
    file = _written(tmp_path, text)
    assert command.main(["run", "--add", str(file)]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"bench: {file}: ")
    assert re.search(told, said)
    assert len(said.splitlines()) == 1


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = tmp_path / "none.toml"
    assert command.main(["run", "--add", str(missing)]) == 2
    assert capsys.readouterr().err == f"bench: {missing}: No such file or directory\n"


def test_an_app_that_dies_is_a_failure_with_its_last_words(tmp_path: Path) -> None:
    code = "import sys; print('no licence', file=sys.stderr); sys.exit(3)"
    words = json.dumps([sys.executable, "-c", code, "{port}", "{upstream}"])
    file = _written(tmp_path, f'name = "dying"\ncommand = {words}\n')
    with pytest.raises(ProcessFailed, match=r"(?s)dying ended with status 3 .*no licence"):
        start_own(file, "http://127.0.0.1:1", settings={})


def test_the_file_that_the_documentation_shows_is_read(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "benchmark.md").read_text("utf-8")
    shown = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    assert shown
    for number, text in enumerate(shown):
        file = tmp_path / f"{number}.toml"
        file.write_text(text, "utf-8")
        assert read_own(file).words


def test_a_run_of_ones_own_is_not_resumed_on_another_file(
    mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def cut(header: RunRecord, folder: Path, *, before: Run | None = None, **_: object) -> str:
        if before is None:
            with RecordFile(folder / "records.jsonl") as records:
                records.append(header)
        return "interrupted"

    monkeypatch.setattr(folders, "_RESULTS", tmp_path / "results")
    monkeypatch.setattr(begin, "run_plan", cut)
    assert command.main(["run", "--add", str(mine), "--subject", "static"]) == 130
    assert command.main(["run", "--resume"]) == 130  # nothing has changed
    with mine.open("a", encoding="utf-8") as file:
        file.write("# another line\n")
    assert command.main(["run", "--resume"]) == 2
    assert "file of mine was " in capsys.readouterr().err
