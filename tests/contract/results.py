"""What came of every case on one proxy, as a file: `pytest tests/contract --results FILE`."""

from pathlib import Path
from typing import Literal, get_args

import msgspec

__all__ = ["VERDICTS", "Result", "Results", "Verdict", "read", "write"]

Verdict = Literal[
    "passed", "observed", "warning", "deviated", "unsupported", "reconfiguration", "failed", "not run"
]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
"""In the order that the summary has: what is well first.

observed: an O case, which cannot fail. warning: an S case that failed, on a proxy that is not ours. deviated:
it failed as a known deviation says. unsupported: the manifest does not declare what the case needs, or it
could not be measured. reconfiguration: the case needs settings that the running proxy does not have.
"""


class Result(msgspec.Struct, frozen=True):
    """One case. why: one line, for a verdict other than passed. notes: what the case saw (`Talk.note`).

    sentence: the case's own, as it was then; a case that says something else by now was not measured.
    """

    case: str
    sentence: str
    level: Literal["M", "S", "P", "O"]
    verdict: Verdict
    why: str = ""
    notes: dict[str, str] = {}


class Results(msgspec.Struct, frozen=True):
    """Every case on one proxy, by id. date: of the run, ISO 8601."""

    proxy: str
    version: str
    date: str
    results: list[Result]


def write(found: Results, path: Path) -> None:
    """One case a line, so that two runs can be compared line by line."""
    head = msgspec.json.encode({"proxy": found.proxy, "version": found.version, "date": found.date})
    lines = b",\n".join(b"  " + msgspec.json.encode(result) for result in found.results)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(head[:-1] + b',"results":[\n' + lines + b"\n]}\n")


def read(path: Path) -> Results:
    """Raises: OSError; msgspec.ValidationError for a file that `write` did not make."""
    return msgspec.json.decode(path.read_bytes(), type=Results)
