"""How many contract cases a cell passes: read from the suite's own results, as it left them last."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import msgspec

from shared.harness.process import ROOT

__all__ = ["RESULTS", "Score", "read_score", "scores"]

RESULTS = ROOT / "tests" / "contract" / "results"
_FAILED = ("failed", "deviated", "warning")  # a known deviation is one all the same


class Score(msgspec.Struct, frozen=True):
    """Cases that a proxy passed, failed, and could not be asked; of which version, on which day."""

    passed: int
    failed: int
    unasked: int
    version: str
    date: str


class _Case(msgspec.Struct):
    verdict: str


class _Results(msgspec.Struct):
    version: str
    date: str
    results: list[_Case]


def read_score(path: Path) -> Score:
    """Return the score of a results file of the contract suite; what is only observed counts nowhere.

    Raises OSError, and msgspec.MsgspecError for a file that is none.
    """
    found = msgspec.json.decode(path.read_bytes(), type=_Results)
    counts = Counter(case.verdict for case in found.results)
    failed = sum(counts[verdict] for verdict in _FAILED)
    unasked = counts.total() - counts["passed"] - counts["observed"] - failed
    return Score(counts["passed"], failed, unasked, found.version, found.date[:10])


def scores(cells: Iterable[str]) -> dict[str, Score]:
    """Return the scores of those cells that results are kept of."""
    paths = {cell: RESULTS / f"{cell}.json" for cell in cells}
    return {cell: read_score(path) for cell, path in paths.items() if path.is_file()}
