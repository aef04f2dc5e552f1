"""Bad input to the commands: one line that names it, status 2, nothing started."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, tzinfo
from pathlib import Path

import pytest

from bench import command, duel, folders, stall
from bench.soak import __main__ as soak
from tests.contract import observe


def status(main: Callable[[list[str]], int], arguments: list[str]) -> int:
    try:
        return main(arguments)
    except SystemExit as ended:  # argparse's own way
        return ended.code if isinstance(ended.code, int) else 1


@pytest.mark.parametrize(
    ("main", "arguments", "line"),
    [
        (duel.main, ["bare", "nosuch"], "there is no leg 'nosuch': static, sketch, bare"),
        (duel.main, ["bare@/nosuch", "bare"], "bare@/nosuch: /nosuch is no folder"),
        (duel.main, ["bare", "--profile", "nosuch"], "invalid choice: 'nosuch'"),
        (duel.main, ["bare", "--engine", "nosuch"], "invalid choice: 'nosuch'"),
        (duel.main, ["bare", "--turns", "0"], "--turns must be more than 0"),
        (duel.main, ["bare", "--window", "nan"], "--window must be more than 0"),
        (duel.main, ["bare", "--streams", "-1"], "--up, --chunk and --streams must be 0 or more"),
        (duel.main, ["bare", "--every", "0"], "--every must be more than 0"),
        (soak.main, ["--seconds", "0"], "--seconds must be more than 0"),
        (soak.main, ["--seconds", "inf"], "--seconds must be more than 0"),
        (stall.main, ["nosuch"], "usage: python -m bench.stall"),
        (observe.main, ["nosuch"], "usage: python -m tests.contract.observe"),
        (command.main, ["run", "--quick", "--full"], "--quick and --full are two plans: give one"),
        (command.main, ["run", "--seed", "-1"], "--seed must be 0 or more"),
        (command.main, ["run", "--budget", "nan"], "--budget must be 0, for no limit, or more"),
        (command.main, ["run", "--budget", "9"], "even 5 cells and the direct leg, in 6 blocks, take about"),
        (command.main, ["run", "--budget", "-4"], "--budget must be 0, for no limit, or more"),
    ],
)
def test_what_cannot_be_had_is_refused_in_one_line(
    main: Callable[[list[str]], int], arguments: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status(main, arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert line in said.err.splitlines()[-1]


def test_two_runs_of_one_second_do_not_share_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Still(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Still:
            return cls(2026, 1, 2, 3, 4, 5, tzinfo=tz)

    monkeypatch.setattr(folders, "_RESULTS", tmp_path)
    monkeypatch.setattr(folders, "datetime", Still)
    assert folders.make() == tmp_path / "20260102-030405"
    with pytest.raises(ValueError, match="20260102-030405: File exists"):
        folders.make()
