"""Bad input to the commands beside `python -m bench`: one line that names it, status 2, nothing started."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bench import command, duel, stall
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
        (soak.main, ["--seconds", "0"], "--seconds must be more than 0"),
        (soak.main, ["--seconds", "inf"], "--seconds must be more than 0"),
        (stall.main, ["nosuch"], "usage: python -m bench.stall"),
        (observe.main, ["nosuch"], "usage: python -m tests.contract.observe"),
        (command.main, ["run", "--quick", "--full"], "--quick and --full are two plans: give one"),
    ],
)
def test_what_cannot_be_had_is_refused_in_one_line(
    main: Callable[[list[str]], int], arguments: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status(main, arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert line in said.err.splitlines()[-1]
