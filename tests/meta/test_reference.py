"""The references: what they declare can be read, what is installed starts, what is not is named in a line."""

import asyncio
import dataclasses
import os
import re
import shutil
import signal
from pathlib import Path

import pytest

from tests.contract.case import load
from tests.contract.columns import references
from tests.contract.manifest import Manifest
from tests.contract.reference import REFERENCES, Reference
from tests.contract.reference import __main__ as command
from tests.contract.results import Result, Results, write
from tests.contract.stage import Stage
from tests.contract.talk import Talk
from tests.contract.variants import TIGHT_POOL, TIGHT_S, VARIANTS
from tests.meta.papers import ROOT

_BY_ID = {each.id: each for each in REFERENCES}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("reference", REFERENCES, ids=lambda each: each.id)
def test_every_manifest_can_be_read_for_every_variant(reference: Reference, variant: str) -> None:
    manifest = reference.manifest(variant)
    if variant not in reference.variants:
        assert manifest is None
        return
    assert isinstance(manifest, Manifest)
    assert manifest.base == VARIANTS[variant].base
    assert manifest.reachable == VARIANTS[variant].reachable
    assert manifest.variants == {variant}


def test_tight_tightens_what_is_declared_and_nothing_else() -> None:
    haproxy, nginx = _BY_ID["haproxy"].manifest("tight"), _BY_ID["nginx"].manifest("tight")
    assert haproxy is not None
    assert (haproxy.pool, haproxy.pool_timeout_s, haproxy.max_body) == (TIGHT_POOL, TIGHT_S, None)
    assert nginx is not None
    assert (nginx.pool, nginx.pool_timeout_s, nginx.response_timeout_s) == (None, None, TIGHT_S)
    recipe, usual = (_BY_ID["recipe-fastapi"].manifest(variant) for variant in ("tight", "plain"))
    assert recipe is not None
    assert usual is not None
    assert recipe.response_timeout_s == usual.response_timeout_s == 5.0


def test_what_the_three_from_the_distribution_fail_is_decided_on() -> None:
    """Where our expectation fails on all of them it is reconsidered, and decision 0012 names the case."""
    three = [
        {each.case for each in found.results if each.verdict in ("failed", "warning")}
        for found in references()
        if found.proxy in ("nginx", "haproxy", "caddy")
    ]
    assert len(three) == 3
    told = (ROOT / "docs" / "decisions" / "0012-calibration.md").read_text("utf-8")
    assert [
        case for case in sorted(set.intersection(*three)) if not re.search(rf"\b{case}\b(?!-)", told)
    ] == []


@pytest.mark.parametrize("reference", REFERENCES, ids=lambda each: each.id)
def test_each_one_installed_starts_and_passes_a_case_that_no_proxy_fails(reference: Reference) -> None:
    if not reference.version():
        pytest.skip(f"{reference.id} is not installed: {reference.install}")
    case = load()["HDR-12"]
    stage = Stage()
    try:
        stage.book(reference, case)
        outcome = stage.outcome(case, reference)
        stage.leave(reference, case)
    finally:
        stage.close()
    assert outcome.verdict == "passed", outcome.report


def test_a_process_that_has_died_is_told_with_its_exit_status() -> None:
    async def kills(talk: Talk) -> None:
        pid = talk.proxy.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await asyncio.to_thread(os.waitid, os.P_PID, pid, os.WEXITED | os.WNOWAIT)

    reference = _BY_ID["recipe-fastapi"]
    case = dataclasses.replace(load()["HDR-12"], conversation=kills)
    stage = Stage()
    try:
        stage.book(reference, case)
        outcome = stage.outcome(case, reference)
    finally:
        stage.close()
    assert outcome.verdict == "failed"
    assert outcome.why.startswith("the proxy's process has died, exit status -9: INFO:")


def test_what_is_not_installed_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert command.main(["nginx", "--case", "HDR-12"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "nginx is not installed (apt-get install nginx); its results stay as they are"
    ]


@pytest.mark.parametrize(
    ("arguments", "told"), [(["nignx"], "nignx: accepted: nginx, "), (["--case", "HRD-*"], "HRD")]
)
def test_what_does_not_exist_is_one_line(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        command.main(arguments)
    assert told in capsys.readouterr().err.splitlines()[-1]


def test_results_are_held_for_cases_and_manifests_that_are_still_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    reference, (one, two, three) = _BY_ID["recipe-fastapi"], list(load().values())[:3]
    current = {each.id: reference.fingerprint(each) for each in (one, two)}
    results = [
        Result(one.id, one.sentence, one.level, "passed", fingerprint=current[one.id]),
        Result(two.id, two.sentence, two.level, "passed", fingerprint=current[one.id]),
        Result(three.id, three.sentence, three.level, "unsupported"),
    ]
    monkeypatch.setattr(command, "RESULTS", tmp_path)
    write(Results(reference.id, reference.version(), "", results), tmp_path / f"{reference.id}.json")
    assert command.held(reference, [one, two, three]) == {one.id: results[0]}
    write(Results(reference.id, "another version", "", results), tmp_path / f"{reference.id}.json")
    assert command.held(reference, [one, two, three]) == {}
