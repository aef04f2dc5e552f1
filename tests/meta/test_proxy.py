"""The suite on somebody else's proxy: `--proxy`, as its guide says, with the miniature for the proxy."""

import pathlib
import xml.etree.ElementTree as ET
from collections.abc import Iterator

import pytest

from tests.contract import deviations, known, results
from tests.meta.command import held_port, run_pytest
from tests.meta.mutation import running
from tests.meta.mutation import write as write_program
from tests.meta.papers import ROOT

MANIFEST = """\
host = "rewrite"
forwarded_for = "replace"
forwarded_host = true
trailers = "relay"  # which it does not
via = "1.1 somebody-else"
"""
DEVIATIONS = """\
[[deviation]]
case = "HDR-14"
reason = "an example that does not hold"
link = "https://example.org/1"

[[deviation]]
case = "TRL-01"
reason = "it drops trailers"
link = "https://example.org/2"
"""


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """The options that name a running miniature."""
    folder = tmp_path_factory.mktemp("proxy")
    write_program(None, folder / "program")
    manifest = folder / "mini.toml"
    manifest.write_text(MANIFEST)
    with (
        held_port() as port,
        running(folder / "program", "mini", f"http://127.0.0.1:{port}", "plain") as mini,
    ):
        url = f"http://127.0.0.1:{mini.port}"
        yield [f"--proxy={url}", f"--origin-port={port}", f"--manifest={manifest}"]


CASES = ("tests/contract/test_hdr.py", "tests/contract/test_err.py", "-k", "HDR-12 or HDR-14 or ERR-04")


def test_results_for_people_and_for_programs(proxy: list[str], tmp_path: pathlib.Path) -> None:
    done = run_pytest(
        *CASES, *proxy, f"--results={tmp_path / 'results.json'}", f"--junit-xml={tmp_path / 'junit.xml'}"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "mini     2 passed" in done.stdout
    assert "2 reconfiguration" in done.stdout
    assert "short test summary" not in done.stdout, "it says again what stands in the contract's summary"

    found = results.read(tmp_path / "results.json")
    assert found.proxy == "mini"
    assert found.suite == results.suite()
    verdicts = {result.case: (result.level, result.verdict) for result in found.results}
    assert verdicts == {
        "HDR-12": ("M", "passed"),
        "HDR-14": ("P", "passed"),
        "ERR-04": ("M", "reconfiguration"),
        "ERR-04-head": ("M", "reconfiguration"),
    }

    told = _properties(tmp_path / "junit.xml")
    assert told["HDR-12[mini]"]["level"] == "M"
    assert "RFC 9110" in told["HDR-12[mini]"]["requirement"]
    assert told["ERR-04[mini]"]["verdict"] == "reconfiguration"


def _properties(junit: pathlib.Path) -> dict[str, dict[str, str]]:
    """Of each test case."""
    return {
        case.attrib["name"]: {each.attrib["name"]: each.attrib["value"] for each in case.iter("property")}
        for case in ET.parse(junit).iter("testcase")  # noqa: S314 - we made the file
    }


def test_known_deviations_have_to_be_true(proxy: list[str], tmp_path: pathlib.Path) -> None:
    file = tmp_path / "known.toml"
    file.write_text(DEVIATIONS)
    files = ["tests/contract/test_hdr.py", "tests/contract/test_trl.py"]
    done = run_pytest(*files, "-k", "HDR-14 or TRL-01", *proxy, f"--deviations={file}")
    assert done.returncode == 1
    assert "mini     0 passed     1 deviated     0 unsupported     1 failed" in done.stdout
    assert "passes, although it is said to deviate: an example that does not hold" in done.stdout


def test_what_failed_becomes_known_deviations(
    proxy: list[str], tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the guide says: run, `python -m tests.contract.known`, run again."""
    path, file = tmp_path / "results.json", tmp_path / "known.toml"
    cases = ("tests/contract/test_hdr.py", "tests/contract/test_trl.py", "-k", "HDR-12 or TRL-01", *proxy)
    assert run_pytest(*cases, f"--results={path}").returncode == 1
    assert known.main([str(path)]) == 0
    file.write_text(capsys.readouterr().out)
    (only,) = deviations.read(file)
    assert only.case == "TRL-01"
    assert only.reason.startswith("not looked into yet; seen: ")
    done = run_pytest(*cases, f"--deviations={file}", f"--results={path}")
    assert done.returncode == 0
    assert "1 passed     1 deviated" in done.stdout
    assert known.main([str(path)]) == 0
    assert "[[" not in capsys.readouterr().out, "what deviated stands in the file already"


def test_known_deviations_hold_whatever_was_seen(tmp_path: pathlib.Path) -> None:
    seen = 'b"\\x00" \x00\x7f "\u2028\U0001f600\n# [[deviation]]'
    sentence = "A\nsentence\x0c."
    told = [
        results.Result("HDR-01", sentence, "M", "failed", seen),
        results.Result("HDR-02", sentence, "M", "failed", f"{results.PASSES_BY_NOW}a reason"),
        results.Result("HDR-03", sentence, "S", "warning", seen),
    ]
    file = tmp_path / "known.toml"
    file.write_text(known.tables(results.Results("p\n", "", "", told)), "utf-8")
    (only,) = deviations.read(file)
    assert (only.case, only.link, only.race) == ("HDR-01", "", False)
    assert only.reason == 'not looked into yet; seen: b"\\x00" " \U0001f600 # [[deviation]]'
    assert "# HDR-02 passes by now: delete its table." in file.read_text("utf-8").splitlines()


def test_results_that_are_none(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "results.json"
    assert known.main([str(path)]) == 2
    assert capsys.readouterr().err == f"{path}: No such file or directory\n"
    for text in ("<xml>", "{}"):
        path.write_text(text)
        assert known.main([str(path)]) == 2
        assert capsys.readouterr().err.startswith(f"{path}: no results of --results: ")
    assert known.main([]) == 2


def test_run_in_which_nothing_was_asked_fails(proxy: list[str], tmp_path: pathlib.Path) -> None:
    path = tmp_path / "results.json"
    done = run_pytest("tests/contract/test_err.py", "-k", "ERR-04", *proxy, f"--results={path}")
    assert done.returncode == 1
    assert done.stdout.count("nothing was asked: every case is unsupported or wants another") == 1
    assert {each.why for each in results.read(path).results} == {"it is not configured as 'tight' asks"}


def test_suite_that_is_no_checkout_of_its_own_has_a_version_alone(tmp_path: pathlib.Path) -> None:
    here = results.suite()
    project = ROOT / "pyproject.toml"
    assert here.version in project.read_text()
    assert bool(here.commit) == (ROOT / ".git").exists()
    (tmp_path / "pyproject.toml").write_bytes(project.read_bytes())
    assert results.suite(tmp_path) == results.Suite(here.version, "")
    (tmp_path / ".git").write_text("of nothing")
    assert results.suite(tmp_path) == results.Suite(here.version, ""), "git itself says that it is none"


def test_what_is_another_in_every_run_is_left_out_of_results() -> None:
    ours = "Tue, 15 Nov 1994 08:12:31 GMT"
    seen = f"'/t-8bb45c13b2b41a4e//127.0.0.1:42513/x' at Sat, 21 Nov 2026 08:29:55 GMT, {ours}"
    assert results.comparable(seen) == f"'/t-TOKEN//127.0.0.1:PORT/x' at TODAY, {ours}"


def test_failure_shows_the_conversation(proxy: list[str]) -> None:
    done = run_pytest("tests/contract/test_trl.py", "-k", "TRL-01", *proxy)
    assert done.returncode == 1
    for expected in ("TRL-01 on mini", "client 0 -> proxy\n              GET /t-", "the origin's ledger"):
        assert expected in done.stdout


def test_what_should_be_is_a_warning_and_shows_its_conversation_when_asked(
    proxy: list[str], tmp_path: pathlib.Path
) -> None:
    junit = tmp_path / "junit.xml"
    done = run_pytest("tests/contract/test_fwd.py", "-k", "FWD-05", "-rA", *proxy, f"--junit-xml={junit}")
    assert done.returncode == 0
    assert "warning: FWD-05 on mini: Via is" in done.stdout
    told = _properties(junit)["FWD-05[mini]"]["conversation"]
    for shown in (told, done.stdout):
        assert "client 0 -> proxy\n              GET /t-" in shown


def test_results_that_cannot_be_written(proxy: list[str], tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").touch()
    done = run_pytest(
        "tests/contract/test_hdr.py", "-k", "HDR-12", *proxy, f"--results={tmp_path}/file/x.json"
    )
    assert done.returncode == 1
    assert f"no results in {tmp_path}/file/x.json: File exists" in done.stdout
    assert "Traceback" not in done.stderr


def test_collecting_is_not_running(proxy: list[str]) -> None:
    done = run_pytest("tests/contract/test_hdr.py", "-k", "HDR-12", "--collect-only", *proxy)
    assert done.returncode == 0
    assert "not run" not in done.stdout


def test_exit_status_of_a_wrong_set_up(tmp_path: pathlib.Path) -> None:
    done = run_pytest(
        "tests/contract", "--proxy=http://127.0.0.1:1", "--origin-port=9", "--manifest=none.toml"
    )
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert done.stderr.strip() == "ERROR: none.toml: No such file or directory"


def test_deviation_of_no_case(proxy: list[str], tmp_path: pathlib.Path) -> None:
    file = tmp_path / "known.toml"
    file.write_text(DEVIATIONS.replace("TRL-01", "TRL-99"))
    done = run_pytest("tests/contract", *proxy, f"--deviations={file}")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert done.stderr.strip() == f"ERROR: {file}: there is no case 'TRL-99'"
    assert "not run" not in done.stdout, "nothing was to run: the one line has to be seen"
