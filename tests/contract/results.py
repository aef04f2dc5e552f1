"""What came of every case on one proxy, as a file: `pytest tests/contract --results FILE`."""

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Literal, get_args

import msgspec

__all__ = [
    "PASSES_BY_NOW",
    "VERDICTS",
    "Result",
    "Results",
    "Suite",
    "Verdict",
    "comparable",
    "read",
    "suite",
    "write",
]

_ROOT = Path(__file__).parents[2]

Verdict = Literal[
    "passed", "observed", "warning", "deviated", "unsupported", "reconfiguration", "failed", "not run"
]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
"""In the order that the summary has: what is well first.

observed: an O case, which cannot fail. warning: an S case that failed, on a proxy that is not ours. deviated:
it failed as a known deviation says. unsupported: the manifest does not declare what the case needs, or it
could not be measured. reconfiguration: the case needs settings that the running proxy does not have.
"""

PASSES_BY_NOW = "passes, although it is said to deviate: "
"""How `why` begins where a case failed because a known deviation is none any more."""


class Result(msgspec.Struct, frozen=True):
    """One case. why: one line, for a verdict other than passed. notes: what the case saw (`Talk.note`).

    sentence: the case's own, as it was then. fingerprint: of the case and of the manifest that it was
    held against (fingerprint.py); what has another by now was not measured.
    """

    case: str
    sentence: str
    level: Literal["M", "S", "P", "O"]
    verdict: Verdict
    why: str = ""
    notes: dict[str, str] = {}
    fingerprint: str = ""


class Suite(msgspec.Struct, frozen=True):
    """Which suite it was. commit: twelve digits, `-dirty` behind them where files were changed; empty where
    it is no git checkout of its own.
    """

    version: str
    commit: str


class Results(msgspec.Struct, frozen=True):
    """Every case on one proxy, by id. date: of the run, ISO 8601. suite: None where a run left other results
    standing, each of which has its fingerprint.
    """

    proxy: str
    version: str
    date: str
    results: list[Result]
    suite: Suite | None = None


def suite(root: Path = _ROOT) -> Suite:
    """The suite in that checkout."""
    version = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    return Suite(version, _commit(root) if (root / ".git").exists() else "")


def _commit(root: Path) -> str:
    argv = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        done = subprocess.run(argv, cwd=root, capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


_RANDOM = (
    (re.compile(r"\b[0-9a-f]{16}\b"), "TOKEN"),  # Exchange.token
    (re.compile(r"(?<=127\.0\.0\.1:)\d{4,5}\b"), "PORT"),
    # The date of the run; those that cases send are of another century.
    (re.compile(r"\b\w{3}, \d\d \w{3} 20\d\d \d\d:\d\d:\d\d GMT"), "TODAY"),
)


def comparable(text: str) -> str:
    """What was seen, without what is another in every run: tokens, ports, today's date."""
    for pattern, word in _RANDOM:
        text = pattern.sub(word, text)
    return text


def write(found: Results, path: Path) -> None:
    """One case a line, so that two runs can be compared line by line."""
    told: dict[str, object] = {"proxy": found.proxy, "version": found.version, "date": found.date}
    if found.suite is not None:
        told["suite"] = found.suite
    head = msgspec.json.encode(told)
    lines = b",\n".join(b"  " + msgspec.json.encode(_comparable(result)) for result in found.results)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(head[:-1] + b',"results":[\n' + lines + b"\n]}\n")


def _comparable(result: Result) -> Result:
    notes = {name: comparable(value) for name, value in result.notes.items()}
    return msgspec.structs.replace(result, why=comparable(result.why), notes=notes)


def read(path: Path) -> Results:
    """Raises: OSError; msgspec.ValidationError for a file that `write` did not make."""
    return msgspec.json.decode(path.read_bytes(), type=Results)
