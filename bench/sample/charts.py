"""The charts that stand in papers: files of their own, drawn as the report's are."""

from __future__ import annotations

from pathlib import Path

from bench.cells import QUICK_CELLS
from bench.metrics import METRICS, metric
from bench.record import CellSpec
from bench.report.charts import bars
from bench.report.figures import bar
from bench.report.frame import alone
from bench.report.view import View
from bench.report.words import absence_word, number

__all__ = ["CHARTS", "chart", "described", "headed", "known", "read", "told"]

CHARTS = {Path("docs/figures/requests.svg"): "rps", Path("docs/figures/events.svg"): "cpu-event"}
"""File -> the metric that it shows."""

_ALSO = ("starlette", "django", "client-per-request", "requests-threads")


def told(found: View) -> list[CellSpec]:
    """Return the cells that papers speak of: the quick plan's, what people leave or write instead, peers."""
    quick = [cell.id for cell in QUICK_CELLS if not cell.twin_of]
    usual = [cell for name in (*quick, *_ALSO) for cell in found.cells if cell.id == name]
    return usual + [cell for cell in found.cells if cell.group == "peer"]


def read(found: View, *names: str) -> list[str]:
    """Return those of the metrics that this run was read for. Raises ValueError for one that there is not."""
    if unknown := set(names).difference(of.id for of in METRICS):
        raise ValueError(f"there is no metric {min(unknown)!r}")
    return [name for name in names if name in found.shown(name.partition("@")[0])]


def known(found: View, *names: str) -> list[CellSpec]:
    """Return those cells that have one of the metrics, or lack it for a reason that says something of it."""
    silent = ("not-asked", "not-run", "unsupported")
    return [
        cell
        for cell in told(found)
        for figures in [[found.figures[cell.id, name] for name in names]]
        if any(one.absence is None or one.absence.reason not in silent for one in figures)
    ]


def headed(found: View, name: str) -> str:
    """Return a metric's title, with the unit where the title does not say it."""
    unit = metric(name).unit
    return found.title(name) + ("" if unit in ("", "/s") else f", {unit}")


def _title(found: View, name: str) -> str:
    return f"{headed(found, name)} ({metric(name).better} is better)"


def _drawn(found: View, name: str) -> list[CellSpec]:
    # a peer in C may be five times as fast: beside it the others could not be told apart
    return [cell for cell in known(found, name) if cell.group != "peer"]


def chart(found: View, path: Path) -> str:
    """Return the file's SVG."""
    name = CHARTS[path]
    rows = [bar(found, cell, name) for cell in _drawn(found, name)]
    drawn = bars(rows, unit=metric(name).unit, title=_title(found, name), shape=alone)
    return drawn + "\n"


def described(found: View, path: Path) -> str:
    """Return the chart in words, for those who do not see it."""
    name = CHARTS[path]
    parts = []
    for cell in _drawn(found, name):
        figure = found.figures[cell.id, name]
        missing = absence_word(figure.absence) if figure.absence else ""
        parts.append(f"{cell.label} {number(figure.middle.value) if figure.middle else missing}")
    return f"{_title(found, name)}: {'; '.join(parts)}"
