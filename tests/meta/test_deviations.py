"""Deviations tell no framework apart, and each links to an issue or to the very line that makes it so."""

import importlib.metadata
import pathlib
import re
from typing import Any

import pytest

from shared.harness.subject import ENGINES, Subject, apps
from tests.contract.case import load
from tests.contract.deviations import DEVIATIONS, deviation
from tests.contract.subjects import POSSIBLE
from tests.meta.papers import ROOT


@pytest.mark.parametrize("known", DEVIATIONS, ids=lambda known: f"{known.case}:{known.subjects}")
def test_deviation_is_a_limit_of_no_framework(known: Any) -> None:
    assert known.case in load(), "no such case"
    assert known.reason
    assert known.link.startswith("https://")
    matched = {subject for subject in POSSIBLE if known.speaks_of(subject)}
    assert matched, f"{known.subjects} matches no subject"
    found: dict[str, set[str]] = {app: set() for app in apps()}
    for subject in matched:
        assert deviation(load()[known.case], subject) is known, "another line speaks of the same"
        found[subject.app].add(subject.id.removeprefix(f"{subject.app}-"))
    assert len({frozenset(names) for names in found.values()}) == 1, "a deviation has to hold for both apps"


@pytest.mark.parametrize("known", DEVIATIONS, ids=lambda known: f"{known.case}:{known.subjects}")
def test_deviation_names_a_script_or_says_why_there_is_none(known: Any) -> None:
    if known.script:
        assert (ROOT / "docs" / "upstream-bugs" / f"{known.script}.py").is_file()
        assert not known.no_script
    else:
        assert known.no_script.startswith("none: ")


@pytest.mark.parametrize("known", DEVIATIONS, ids=lambda known: f"{known.case}:{known.subjects}")
def test_link_of_a_deviation_is_an_issue_or_a_line_of_what_is_installed(known: Any) -> None:
    if "/blob/" not in known.link:
        assert re.search(r"/(issues|pull)/\d+$", known.link)
        return
    found = re.search(r"/([a-z0-9]+)/blob/(?:release/)?v?([0-9.]+)/(?:src/)?(\S+)#L(\d+)$", known.link)
    assert found, "a file without its version or its line"
    package, version, file, line = found.groups()
    if package == "llhttp":  # inside httptools, which does not tell
        return
    installed = importlib.metadata.distribution(package)
    assert installed.version == version
    lines = pathlib.Path(str(installed.locate_file(file))).read_text("utf-8").splitlines()
    assert lines[int(line) - 1].strip(), "an empty line"


def test_limit_of_a_server_holds_for_every_engine() -> None:
    known = next(known for known in DEVIATIONS if known.subjects == "*-uvicorn-httptools")
    for engine in ENGINES:
        subject = Subject("fastapi", "handler", "uvicorn-httptools", engine=engine)
        assert deviation(load()[known.case], subject) is known
