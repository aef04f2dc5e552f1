"""A first file of known deviations from a run's results: `python -m tests.contract.known results.json`.

What failed is printed as `[[deviation]]` tables for `--deviations`, each with what was seen for a reason
until somebody writes a better one. What deviated, as a file said already, is left out, so that the output of
a later run can be added to that file.
"""

import json
import sys
from pathlib import Path

import msgspec

from tests.contract.results import PASSES_BY_NOW, Result, Results, read

__all__ = ["main", "tables"]


def tables(found: Results) -> str:
    """TOML, to be read by `deviations.read`."""
    lines = [f"# {_one_line(found.proxy)}: write down why each is known, and link = where that is told."]
    for result in found.results:
        if result.verdict != "failed":
            continue
        if result.why.startswith(PASSES_BY_NOW):
            lines += ["", f"# {result.case} passes by now: delete its table."]
        else:
            lines += ["", *_table(result)]
    return "\n".join(lines) + "\n"


def _table(result: Result) -> list[str]:
    return [
        "[[deviation]]",
        f"case = {_quoted(result.case)}  # {result.level}: {_one_line(result.sentence)}",
        f"reason = {_quoted(f'not looked into yet; seen: {_one_line(result.why)}')}",
    ]


def _one_line(text: str) -> str:
    """Without line ends and the other control characters, which a comment of TOML must not hold."""
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())


def _quoted(text: str) -> str:
    """A basic string of TOML, which is one of JSON but for what is beyond the basic plane."""
    return json.dumps(text, ensure_ascii=False)


def main(arguments: list[str]) -> int:
    """Print the tables; the exit status."""
    if len(arguments) != 1:
        print("usage: python -m tests.contract.known RESULTS.json > known.toml", file=sys.stderr)
        return 2
    try:
        found = read(Path(arguments[0]))
    except OSError as error:
        print(f"{arguments[0]}: {error.strerror}", file=sys.stderr)
        return 2
    except msgspec.DecodeError as error:
        print(f"{arguments[0]}: no results of --results: {error}", file=sys.stderr)
        return 2
    print(tables(found), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
