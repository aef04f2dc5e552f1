"""The papers stay true: commands exist, links lead somewhere, tables are the code's own."""

import re
import subprocess
import sys
import tomllib

import pytest

from shared.variables import TABLE
from tests.meta.papers import ROOT, anchors, code_blocks, links, papers, section, table_rows, targets, texts

README = (ROOT / "README.md").read_text("utf-8")
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def _asked_for() -> list[str]:
    groups = PYPROJECT["dependency-groups"].values()
    lists: list[list[str]] = [PYPROJECT["project"]["dependencies"], *groups]
    return [requirement for wanted in lists for requirement in wanted]


def _name(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0].lower().replace("_", "-")


def _commands(text: str) -> list[str]:
    lines = [line for language, block in code_blocks(text) if language == "sh" for line in block.splitlines()]
    commands = [command.strip() for line in lines for command in line.partition("#")[0].split("&&")]
    return [command for command in commands if command]


# The commands


def test_every_make_command_of_the_papers_exists() -> None:
    asked = {
        (str(path), word)
        for path, text in papers()
        for command in [*_commands(text), *re.findall(r"`(make [^`]*)`", text)]
        for word in re.findall(r"\bmake ([a-z][a-z-]*)", command)
    }
    assert {word for _, word in asked} >= {"test", "bench", "run", "check"}
    assert not [command for command in asked if command[1] not in targets()]


def test_every_make_command_of_the_papers_can_be_expanded() -> None:
    """A dry run: make reads the variables, finds the target and says what it would start."""
    commands = {
        command for _, text in papers() for command in _commands(text) if re.match(r"make [a-z]", command)
    }
    assert commands
    for command in sorted(commands):
        words = re.findall(r"(?:[^\s']|'[^']*')+", command)
        done = subprocess.run(
            ["make", "--dry-run", *(word.replace("'", "") for word in words[1:])],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}: {done.stderr}"


def test_make_alone_lists_every_command_with_a_line_of_its_own() -> None:
    shown = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    told = dict(re.findall(r"^ +make ([a-z-]+) +(\S.*)$", shown, re.MULTILINE))
    assert told == {name: line for name, line in targets().items() if line}
    assert set(told) >= {"bench", "test", "test-long", "check", "run", "report"}


def test_the_server_command_lines_are_those_that_the_harness_uses() -> None:
    told = re.search(r"<!-- servers: begin -->\n```sh\n(.*?)\n```\n<!-- servers: end -->", README, re.DOTALL)
    assert told, "README.md has lost its place for the server command lines"
    python = [sys.executable, "-m", "shared.harness.servers"]
    said = subprocess.run(python, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert told[1].strip() == said.strip(), "put what `python -m shared.harness.servers` prints there"


# The tables


def test_the_settings_table_is_the_one_that_the_proxy_reads() -> None:
    rows = table_rows(section(README, "Settings"))
    in_code = [
        [f"`{row.name}`", row.shown or (f"`{row.default}`" if row.default else "required"), row.meaning]
        for row in TABLE
    ]
    assert rows == in_code


def test_every_dependency_has_its_reason() -> None:
    decision = (ROOT / "docs" / "decisions" / "0001-dependencies.md").read_text("utf-8")
    explained = {name.strip() for row in table_rows(decision) for name in row[0].split(",")}
    asked = {_name(requirement) for requirement in _asked_for()}
    assert asked - explained == set(), "without a reason in docs/decisions/0001-dependencies.md"
    assert explained - asked == set(), "explained there, but not asked for"


def test_every_pin_is_exact_and_every_dependency_is_pinned() -> None:
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert [pin for pin in pins if not re.fullmatch(r"[a-z0-9][a-z0-9.-]*==[0-9][0-9A-Za-z.+]*", pin)] == []
    names = [_name(pin) for pin in pins]
    assert len(names) == len(set(names))
    assert {_name(requirement) for requirement in _asked_for()} - set(names) == set()


def test_the_decisions_are_listed_and_whole() -> None:
    folder = ROOT / "docs" / "decisions"
    pages = sorted(path.name for path in folder.glob("[0-9]*.md"))
    listed = re.findall(r"\]\((\d{4}-[a-z0-9-]+\.md)\)", (folder / "README.md").read_text("utf-8"))
    assert listed == pages
    for page in pages:
        text = (folder / page).read_text("utf-8")
        assert text.startswith(f"# {page[:4]} "), page
        assert re.search(r"^Status: \w+", text, re.MULTILINE), page
        assert re.findall(r"^## (.*)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"], page


# The words


def test_relative_links_lead_somewhere() -> None:
    broken = []
    for path, text in papers():
        for link in links(text):
            if re.match(r"[a-z]+:", link):
                continue
            name, _, anchor = link.partition("#")
            to = (ROOT / path).parent / name if name else ROOT / path
            if not to.exists() or (anchor and anchor not in anchors(to.read_text("utf-8"))):
                broken.append(f"{path}: {link}")
    assert not broken


def test_the_changelog_has_a_place_for_the_next_line() -> None:
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    versions = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert versions[0] == "[Unreleased]"
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", version) for version in versions[1:])
    kinds = re.findall(r"^### (.*)$", text, re.MULTILINE)
    assert set(kinds) <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


# Written in pieces, so that this file does not hold what it looks for.
_MACHINE = re.compile(r"(?<![\w./~-])/(?:ro" + r"ot|wo" + r"rk|ho" + r"me|Us" + r"ers)/\w")
_INDEX = re.compile(r"pypi\." + r"org|pythonhos" + r"ted|npm" + r"js\.|(?<!emit-)index-" + r"url\s*=")


@pytest.mark.parametrize("pattern", [_MACHINE, _INDEX], ids=["machine path", "registry address"])
def test_no_file_speaks_of_one_machine_or_one_registry(pattern: re.Pattern[str]) -> None:
    found = [
        f"{path}:{number}: {line.strip()[:100]}"
        for path, text in texts()
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]
    assert not found


# Continuous integration


def test_ci_runs_the_commands_that_people_run() -> None:
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8")
    ran = re.findall(r"run: make ([a-z-]+)", workflow)
    assert ran == ["check", "coverage", "test"]
    assert re.search(r"for target in check coverage test; do", (ROOT / ".ci" / "run").read_text("utf-8"))


def test_ci_tries_every_python_that_is_promised() -> None:
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8")
    tried = re.findall(r'"(3\.\d+)"', workflow)
    promised = re.findall(r"Python :: (3\.\d+)", " ".join(PYPROJECT["project"]["classifiers"]))
    assert tried == promised
    assert PYPROJECT["project"]["requires-python"] == f">={tried[0]}"
