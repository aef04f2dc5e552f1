"""Where runs lie: bench/results/<time>/records.jsonl, the page beside it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from bench.record import Run
from bench.stored import RECORDS, records_in
from shared.harness.process import ROOT

__all__ = ["find", "make", "read"]

_RESULTS = ROOT / "bench" / "results"


def make() -> Path:
    """Return a new folder, named after the time. Raises ValueError where it cannot be made, or another run
    has begun in the same second."""
    folder = _RESULTS / datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise ValueError(f"{folder}: {error.strerror}") from error
    return folder


def find(name: str | None) -> Path:
    """Return the records of a run, by its folder or name; of the newest without one. Raises ValueError where
    there are none."""
    if name is not None:
        for folder in (Path(name), _RESULTS / name):
            if found := records_in(folder):
                return found
        raise ValueError(f"{name} is no run: no records.jsonl in it; bench/results holds the runs")
    runs = sorted(_RESULTS.glob(f"*/{RECORDS}"))  # the committed sample is packed, and never the newest
    if not runs:
        raise ValueError("there is no run yet: make bench makes one")
    return runs[-1]


def read(name: str | None) -> Run:
    """Return the run itself. Raises ValueError as `find` does, and for records that cannot be read."""
    return Run.read(find(name))
