"""`make` on a machine that lacks something: one line that says what, and no half made .venv."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import make_venv
from tests.meta.papers import ROOT

DEADLINE_S = 60.0


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What `make` needs of the repository, in a folder without .venv."""
    folder = tmp_path / "clone"
    shutil.copytree(ROOT / "scripts", folder / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, folder)
    return folder


@pytest.fixture
def commands(tmp_path: Path) -> Path:
    """A PATH of its own: the shell's tools, no Python, no uv."""
    folder = tmp_path / "commands"
    folder.mkdir()
    for name in ("sh", "dirname", "make", "echo", "tr", "awk"):
        found = shutil.which(name)
        assert found, f"this machine has no {name}"
        (folder / name).symlink_to(found)
    return folder


def make(clone: Path, *words: str, path: Path, env: dict[str, str] | None = None) -> tuple[int, str]:
    """(exit status, everything that was said)."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_", "MAKE"))}
    done = subprocess.run(
        ["make", *words],
        cwd=clone,
        env={**kept, **(env or {}), "PATH": str(path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    return done.returncode, done.stdout


def old_python(path: Path) -> None:
    """An interpreter that calls itself 3.8.18: it prints its version, and is not new enough."""
    path.write_text('#!/bin/sh\ncase "$2" in *print*) echo 3.8.18;; *) exit 1;; esac\n', "utf-8")
    path.chmod(0o755)


def test_an_old_python_gets_one_line(clone: Path, commands: Path) -> None:
    old_python(commands / "python3")
    status, said = make(clone, "test", path=commands)
    assert status != 0
    assert said.count("\n") == 1
    assert "Tandem needs Python 3.11 or newer, and python3 here is 3.8.18" in said


def test_no_python_gets_one_line(clone: Path, commands: Path) -> None:
    status, said = make(clone, "check", path=commands)
    assert status != 0
    assert said.count("\n") == 1
    assert "no python3 was found" in said


def test_an_old_python_that_was_asked_for_is_named(clone: Path, commands: Path) -> None:
    old_python(commands / "python3.8")
    status, said = make(clone, "test", "PYTHON=python3.8", path=commands)
    assert status != 0
    assert said.count("\n") == 1
    assert "PYTHON=python3.8 is Python 3.8.18" in said


def test_a_shim_that_only_fails_is_passed_over(clone: Path, commands: Path) -> None:
    """Version managers leave `python3.13` on the PATH for versions that are installed but not chosen."""
    shim = commands / "python3.13"
    shim.write_text("#!/bin/sh\necho 'python3.13: command not found' >&2\nexit 127\n", "utf-8")
    shim.chmod(0o755)
    old_python(commands / "python3")
    status, said = make(clone, "test", path=commands)
    assert (status != 0, said.count("\n")) == (True, 1)
    assert "python3 here is 3.8.18" in said


def test_no_network_gets_one_line(clone: Path, commands: Path) -> None:
    nowhere = {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_CACHE_DIR": "1"}
    # Nothing listens on port 9 of the loopback: the connection is refused, as by a dead proxy.
    nowhere |= {"HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"}
    status, said = make(clone, "test", f"PYTHON={sys.executable}", path=commands, env=nowhere)
    assert status != 0
    lines = said.splitlines()
    assert len(lines) == 2, said
    assert lines[0].startswith("making .venv with Python")
    assert "the package index cannot be reached" in lines[1]
    assert (clone / ".venv.log").read_text("utf-8"), "the installer's own words are kept"
    assert not (clone / ".venv" / "made-from").exists(), "the next try has to start over"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("error: Failed to fetch: `https://…`\n  Caused by: dns error", "cannot be reached"),
        ("WARNING: Retrying … NewConnectionError('…')\nERROR: No matching distribution", "cannot be reached"),
        ("The virtual environment was not created: ensurepip is not available", "python3-venv"),
        ("Collecting x\nERROR: No matching distribution found for x==9\n", "distribution found for x==9"),
        ("", "it said nothing"),
    ],
)
def test_the_reason_is_one_line(said: str, told: str) -> None:
    reason = make_venv.reason(["/usr/bin/uv"], said)
    assert told in reason
    assert "\n" not in reason


def test_only_lists_pins_and_python_make_venv_stale(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A lint rule changes pyproject.toml too, and must not cost anybody a new .venv."""
    monkeypatch.setattr(make_venv, "CONSTRAINTS", tmp_path / "constraints.txt")
    make_venv.CONSTRAINTS.write_text("a==1\n", "utf-8")
    before = make_venv.digest(["a>=1"])
    assert make_venv.digest(["a>=1"]) == before
    assert make_venv.digest(["a>=1", "b"]) != before
    make_venv.CONSTRAINTS.write_text("a==2\n", "utf-8")
    assert make_venv.digest(["a>=1"]) != before
