"""docs/contract-your-proxy.md is true: its files are read, its tables are the code's, its nginx runs."""

import pathlib
import re
import shutil
import tomllib

import msgspec
import pytest

from shared.harness.process import Process
from tests.contract import deviations, results
from tests.contract.case import load
from tests.contract.fields import COMMAND, GUIDE, written
from tests.contract.manifest import ERROR_TYPES, accepted, parse
from tests.contract.moves import SLACK_S
from tests.contract.results import VERDICTS
from tests.contract.variants import VARIANTS
from tests.meta.command import held_port, run_pytest
from tests.meta.papers import code_blocks, section, table_rows

TEXT = GUIDE.read_text("utf-8")
BLOCKS = code_blocks(TEXT)


def _block(language: str, beginning: str) -> str:
    return next(text for kind, text in BLOCKS if kind == language and text.startswith(beginning))


def test_fields_are_the_manifest() -> None:
    assert written(TEXT) == TEXT, f"run `.venv/bin/{COMMAND}`"


def test_slack_is_told_where_a_time_is_declared() -> None:
    row = next(row for row in table_rows(TEXT) if row[0] == "`leave_s`")
    assert f" {SLACK_S:g} s longer" in row[3]


def test_error_types_that_are_named_are_some() -> None:
    named = re.findall(r"\b[a-z]+_[a-z_]+\b", accepted("error_status"))
    assert len(named) == 5
    assert set(named) < set(ERROR_TYPES)


def test_manifest_can_be_read() -> None:
    assert parse(tomllib.loads(_block("toml", "host")), "the guide").host == "preserve"


def test_deviations_can_be_read(tmp_path: pathlib.Path) -> None:
    known = tmp_path / "known.toml"
    known.write_text(_block("toml", "[[deviation]]"))
    found = deviations.read(known)
    assert [each.race for each in found] == [False, True]
    assert {each.case for each in found} <= load().keys()


def test_workflow_is_whole_and_speaks_of_what_there_is() -> None:
    """Pasted as it stands, but for two words in capitals, which are the repository and its commit."""
    (text,) = (text for kind, text in BLOCKS if kind == "yaml")
    keys = re.findall(r"^(\w+):", text, re.MULTILINE)
    assert keys == ["name", "on", "jobs"]
    assert re.findall(r"\b[A-Z]{4,}\b", text) == ["OWNER", "COMMIT"]
    assert set(re.findall(r" (--[a-z-]+) ", text)) == {
        *("--proxy", "--origin-port", "--manifest", "--deviations", "--results", "--junit-xml")
    }
    for port in ("8088", "9001"):
        assert port in text
        assert port in _block("nginx", "daemon off;"), "the two are of one set-up"


def test_every_verdict_is_told() -> None:
    told = [row[0] for row in table_rows(section(TEXT, "What came of it"))]
    assert sorted(told) == sorted(VERDICTS)


def test_every_variant_is_told() -> None:
    rows = table_rows(section(TEXT, "Settings that some cases want"))
    told = [name for row in rows for name in re.findall(r"`(\w+)`", row[0])]
    assert sorted(told) == sorted(VARIANTS)


def test_every_word_of_a_result_is_told() -> None:
    told = section(TEXT, "What came of it")
    for kind in (results.Result, results.Results):
        for field in msgspec.structs.fields(kind):
            assert f"`{field.name}`" in told


def test_counts_are_those_of_all_cases() -> None:
    """Who adds a case runs the guide once more, and writes down what nginx makes of it."""
    quick = {case.id for case in load().values() if case.tier == "quick"}
    shown = _block("text", "nginx   ")
    counts = {
        word: int(count) for count, word in re.findall(r"(\d+) ([a-z ]+?)(?:  |$)", shown.splitlines()[0])
    }
    assert counts.keys() == set(VERDICTS)
    assert sum(counts.values()) == len(quick)
    told = re.findall(r"^(warning|failed): (\S+) on nginx: ", shown, re.MULTILINE)
    assert len(told) >= 4
    assert {case for _, case in told} <= quick


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
def test_nginx_of_the_guide(tmp_path: pathlib.Path) -> None:
    """As a reader would: both files as they stand, but for the two ports."""
    configuration = _block("nginx", "daemon off;")
    with held_port() as listening, held_port() as port:
        ports = configuration.replace("127.0.0.1:8088", f"127.0.0.1:{listening}")
        (tmp_path / "nginx.conf").write_text(ports.replace("127.0.0.1:9001", f"127.0.0.1:{port}"))
        (tmp_path / "nginx.toml").write_text(_block("toml", "host"))
        argv = ["nginx", "-p", str(tmp_path), "-e", "stderr", "-c", str(tmp_path / "nginx.conf")]
        with Process.start(argv, name="nginx"):
            done = run_pytest(
                *("tests/contract/test_hdr.py", "tests/contract/test_rsp.py", "-k", "HDR-14 or RSP-04"),
                *(f"--proxy=http://127.0.0.1:{listening}", f"--origin-port={port}"),
                f"--manifest={tmp_path / 'nginx.toml'}",
            )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nginx     2 passed" in done.stdout
