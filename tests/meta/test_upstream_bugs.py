"""The faults found upstream are still there, and their page says what their scripts print."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.meta.papers import ROOT, section

FOLDER = ROOT / "docs" / "upstream-bugs"
PAGE = (FOLDER / "README.md").read_text("utf-8")
SCRIPTS = sorted(FOLDER.glob("*.py"))
FIXED = {"uvicorn_1637"}  # kept because docs/connection-closed.md tells its story


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_fault_is_still_there_and_the_page_quotes_it(script: Path) -> None:
    """Strict: a fault that was mended upstream has to lose its work-around, its deviation and its section."""
    run = subprocess.run(
        [sys.executable, script], cwd=FOLDER, capture_output=True, text=True, check=False, timeout=60
    )
    assert not run.stdout.endswith("gone\n"), (
        f"{script.stem} is mended upstream: delete what was built around it, its deviation, its section"
    )
    assert run.returncode == 0, run.stderr
    assert script.stem in FIXED or run.stdout.endswith("still there\n"), run.stdout
    quoted = re.fullmatch(r"\s*```\n(.*?)```\s*", section(PAGE, script.stem), re.DOTALL)
    assert quoted, "its section is one block of what it prints"
    assert run.stdout == quoted[1], "the page has other words, or other versions"


def test_every_script_is_in_the_index_and_needs_no_other_file() -> None:
    listed = re.findall(r"^\| \[(\w+)\]\(\1\.py\) \|", PAGE, re.MULTILINE)
    assert sorted(listed) == [script.stem for script in SCRIPTS]
    assert listed == re.findall(r"^### (\w+)$", PAGE, re.MULTILINE), "sections stand in the index's order"
    for script in SCRIPTS:
        assert not re.search(
            r"^(from|import) (shared|tests|bench)\b", script.read_text("utf-8"), re.MULTILINE
        )
