"""The suite's command line: which proxies stand under test, and where the results go."""

import importlib
from pathlib import Path

import pytest

from tests.contract.entrant import App, Entrant
from tests.contract.subjects import SUBJECTS

__all__ = ["add", "entrants", "results"]


def add(parser: pytest.Parser) -> None:
    group = parser.getgroup("contract", "the contract")
    group.addoption(
        "--reference",
        action="append",
        default=[],
        metavar="NAME",
        help="play the cases on a proxy of tests/contract/reference instead of our apps; may be repeated",
    )
    group.addoption(
        "--results",
        type=Path,
        metavar="FILE",
        help="write what came of every case as JSON; a folder gets a file per proxy",
    )
    group.addoption("--notes", action="store_true", help="print what cases observed")


def entrants(config: pytest.Config) -> tuple[Entrant, ...]:
    """Who stands under test. Raises: pytest.UsageError, one line."""
    names: list[str] = config.getoption("reference")
    if names:
        return tuple(_reference(name) for name in names)
    return tuple(App(subject) for subject in SUBJECTS)


def results(config: pytest.Config) -> Path | None:
    path: Path | None = config.getoption("results")
    return path


def _reference(name: str) -> Entrant:
    module = f"{__package__}.reference.{name}"
    try:
        found: Entrant = importlib.import_module(module).ENTRANT
    except ModuleNotFoundError as error:
        if error.name is None or not module.startswith(error.name):
            raise
        raise pytest.UsageError(f"--reference {name}: there is no {module}") from None
    return found
