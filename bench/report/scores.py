"""How many contract cases a cell passes, beside its speed; or why there is no such number."""

from __future__ import annotations

from bench.record import Absence, CellSpec
from bench.report.view import View
from bench.report.words import DASH, absence_word

__all__ = ["beside", "score_words", "unscored"]

_CEILING = Absence("not-asked", "a ceiling, with no deadline, limit, back-pressure or answer to a failure")
_CORE = Absence("not-asked", "the core that the suite asks through the apps")
_MORE = Absence("not-asked", "an app that the suite asks without what is added here")
_UNSCORED = {
    "static": Absence("unsupported", "no proxy, it has no upstream"),
    "bare": _CORE,
    **dict.fromkeys(("sketch", "sketch_fastapi", "sketch_litestar"), _CEILING),
    **dict.fromkeys(("middleware_fastapi", "middleware_litestar", "base_http_fastapi"), _MORE),
}
"""By module of bench.baselines."""


def beside(found: View) -> str:
    """Return the scores of the cells that have one, in a sentence; empty where none has."""
    passed = [
        f"{cell.label} {score.passed} of {score.passed + score.failed}"
        for cell in found.cells
        if (score := found.run.header.scores.get(cell.id)) is not None
    ]
    return (
        f"Contract cases passed, of those that apply, beside the speed: {'; '.join(passed)}."
        if passed
        else ""
    )


def score_words(found: View, cell: CellSpec) -> str:
    """Return how many contract cases a cell passes of those that apply to it, as far as the records know."""
    score = found.run.header.scores.get(cell.id)
    if score is not None:
        asked = score.passed + score.failed
        return f"passes {score.passed} of {asked} (version {score.version}, {score.date})"
    if cell.group == "product":
        return "all but the known deviations, by the suite"
    if cell.group == "direct":
        return DASH
    absence = unscored(cell)
    return f"{absence_word(absence)}: {absence.detail}"


def unscored(cell: CellSpec) -> Absence:
    """Return why a cell that the records know no score of has none."""
    module = cell.app.partition(":")[0].removeprefix("bench.baselines.")
    return _UNSCORED.get(module, Absence("not-run", "no results of the suite were kept of it"))
