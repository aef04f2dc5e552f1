"""Everything a report shows, worked out once from the records; terminal and page only lay it out."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from bench.cells import DIRECT
from bench.check import Health, health, verdict_of
from bench.contrasts import Contrast, Outcome, contrasts, judge
from bench.figures import Added, Figure, added_delays, figures
from bench.metrics import metric
from bench.record import CellSpec, Run

__all__ = ["View", "view"]


class View(msgspec.Struct, frozen=True):
    """A run, judged."""

    run: Run
    figures: Mapping[tuple[str, str], Figure]
    outcomes: list[Outcome]
    added: dict[str, list[Added]]
    health: list[Health]

    @property
    def cells(self) -> list[CellSpec]:
        """All cells but the direct leg, products first."""
        return [cell for cell in self.run.header.cells if cell.group != "direct"]

    @property
    def healthy(self) -> bool:
        """Whether nothing is wrong with the run itself."""
        return verdict_of(self.health) != "bad"

    def outcome(self, contrast: Contrast, name: str) -> Outcome:
        """Return one contrast in one metric."""
        return next(o for o in self.outcomes if o.contrast == contrast and o.metric == name)

    def asked(self, *questions: str, main: bool | None = None) -> list[Contrast]:
        """Return the contrasts of these questions, each once, in order."""
        seen: list[Contrast] = []
        for outcome in self.outcomes:
            contrast = outcome.contrast
            if contrast.question in questions and contrast not in seen and main in (None, contrast.main):
                seen.append(contrast)
        return seen

    def load(self, scenario: str) -> str:
        """Return in words what this run asked of its cells in a scenario; empty when it was not run."""
        return next((one.load for one in self.run.header.scenarios if one.id == scenario), "")

    def title(self, name: str) -> str:
        """Return the title of a metric, with the load that this run read it under."""
        return metric(name).title(self.load(metric(name).scenario))

    def resolution(self, name: str) -> float | None:
        """Return the A/A interval's farther end from one, as a fraction; None without an A/A pair."""
        for contrast in self.asked("a/a"):
            estimate = self.outcome(contrast, name).estimate
            if estimate is not None:
                return max(estimate.high, 1 / estimate.low) - 1
        return None


def view(run: Run) -> View:
    """Judge a run."""
    header = run.header
    all_figures = figures(run)
    return View(
        run=run,
        figures=all_figures,
        outcomes=judge(contrasts(header.cells), all_figures),
        added={
            cell.id: added_delays(run, cell.id, all_figures) for cell in header.cells if cell.id != DIRECT
        },
        health=health(run),
    )
