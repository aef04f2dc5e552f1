"""The suite's command line: which proxies stand under test, and where the results go."""

import asyncio
import pathlib
from collections.abc import Callable
from typing import TypeVar

import pytest

from tests.contract import deviations, manifest
from tests.contract.case import REGISTRY
from tests.contract.entrant import App, Entrant
from tests.contract.external import External, SetUpError, address_of
from tests.contract.subjects import SUBJECTS

__all__ = ["add", "entrants", "known_cases", "quieten", "results"]

A = TypeVar("A")
T = TypeVar("T")


def add(parser: pytest.Parser) -> None:
    group = parser.getgroup("contract", "the contract, on a proxy of yours: docs/contract-your-proxy.md")
    group.addoption("--proxy", metavar="URL", help="a running proxy, http://host:port, instead of our apps")
    group.addoption("--origin-port", type=int, metavar="N", help="where the proxy finds its upstream: us")
    group.addoption("--origin-host", metavar="ADDRESS", help="and on which address; 127.0.0.1 if left out")
    group.addoption(
        "--manifest", type=pathlib.Path, metavar="FILE", help="what the proxy declares about itself (TOML)"
    )
    group.addoption(
        "--deviations", type=pathlib.Path, metavar="FILE", help="cases that it is known to fail (TOML)"
    )
    group.addoption(
        "--reference",
        action="append",
        default=[],
        metavar="NAME",
        help="a proxy of tests/contract/reference, started by the suite, instead of our apps; repeatable",
    )
    group.addoption(
        "--results",
        type=pathlib.Path,
        metavar="FILE",
        help="write what came of every case (JSON); a folder gets a file per proxy",
    )
    group.addoption(
        "--shuffle",
        type=int,
        metavar="SEED",
        help="run in a random order, the same for the same seed (all tests, not the contract alone)",
    )
    group.addoption("--notes", action="store_true", help="print what cases have observed")


def entrants(config: pytest.Config) -> tuple[Entrant, ...]:
    """Who stands under test. Raises: pytest.UsageError, one line."""
    names: list[str] = list(dict.fromkeys(config.getoption("reference")))
    if config.getoption("proxy") is not None:
        if names:
            raise pytest.UsageError("--proxy and --reference: one of them")
        return (_external(config),)
    for option in ("origin-port", "origin-host", "manifest", "deviations"):
        if config.getoption(option.replace("-", "_")) is not None:
            raise pytest.UsageError(f"--{option} belongs to --proxy http://host:port")
    if names:
        return tuple(_reference(name) for name in names)
    return tuple(App(subject) for subject in SUBJECTS)


def quieten(config: pytest.Config) -> None:
    """On such a proxy the contract's own summary says what that of `-ra` (pyproject.toml) would say again."""
    if config.getoption("proxy") is not None or config.getoption("reference"):
        config.option.reportchars = config.option.reportchars.replace("a", "")


def results(config: pytest.Config) -> pathlib.Path | None:
    path: pathlib.Path | None = config.getoption("results")
    return path


def known_cases(config: pytest.Config, entrants: tuple[Entrant, ...]) -> None:
    """Once all files are read: no deviation speaks of a case that does not exist.

    Raises: pytest.UsageError.
    """
    read = {case.file for case in REGISTRY.values()}
    if all(str(path) in read for path in pathlib.Path(__file__).parent.glob("test_*.py")):
        for entrant in entrants:
            if isinstance(entrant, External):
                for known in entrant.deviations:
                    if known.case not in REGISTRY:
                        file = config.getoption("deviations")
                        raise pytest.UsageError(f"{file}: there is no case {known.case!r}")


def _external(config: pytest.Config) -> External:
    if config.getoption("numprocesses", None) or config.getoption("tx", None):
        raise pytest.UsageError("--proxy is one proxy with one origin: run it with -n 0")
    port, path = config.getoption("origin_port"), config.getoption("manifest")
    if port is None or path is None:
        raise pytest.UsageError("--proxy also wants --origin-port N and --manifest FILE")
    if not 0 < port < 65536:
        raise pytest.UsageError(f"--origin-port {port}: accepted: 1 to 65535")
    address = _told(address_of, config.getoption("proxy"))
    declared = _told(manifest.read, path)
    file = config.getoption("deviations")
    known = () if file is None else _told(deviations.read, file)
    origin = (config.getoption("origin_host") or "127.0.0.1", port)
    external = External(path.stem, address, origin, declared, known)
    if not config.option.collectonly:
        _told(asyncio.run, external.stands())
    return external


def _told(do: Callable[[A], T], what: A) -> T:
    """Raises: pytest.UsageError for what a person can mend."""
    try:
        return do(what)
    except (manifest.ManifestError, deviations.DeviationsError, SetUpError) as error:
        raise pytest.UsageError(str(error)) from None


def _reference(name: str) -> Entrant:
    from tests.contract.reference import REFERENCES  # here, since nothing else needs their programs

    known = {each.id: each for each in REFERENCES}
    if name not in known:
        raise pytest.UsageError(f"--reference {name}: accepted: {', '.join(known)}")
    return known[name]
