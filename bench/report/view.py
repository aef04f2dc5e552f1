"""Everything a report shows, worked out once from the records; terminal and page only lay it out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from functools import cached_property

import msgspec

from bench.cells import DIRECT
from bench.contrasts import Contrast, Outcome, contrasts, judge
from bench.dependence import Interaction, Under, depends_on, interactions, under
from bench.factorial import FACTORS, Decomposition, decompose
from bench.figures import Added, Figure, Grown, added_delays, figures, grown
from bench.health import Health, health, verdict_of
from bench.metrics import metric, metrics_in
from bench.record import CellSpec, Run
from bench.stats import places

__all__ = ["GLANCE", "View", "view"]

GLANCE = 15
"""Rows that are taken in at a glance: the quick plan's cells, and one or two."""
_DECOMPOSED = ("cpu-request", "cpu-event")


class View(msgspec.Struct, frozen=True, dict=True):
    """A run, judged."""

    run: Run
    figures: Mapping[tuple[str, str], Figure]
    outcomes: list[Outcome]
    added: dict[str, list[Added]]
    growths: list[Grown]
    decompositions: list[Decomposition]
    health: list[Health]

    @property
    def cells(self) -> list[CellSpec]:
        """All cells but the direct leg, products first."""
        return [cell for cell in self.run.header.cells if cell.group != "direct"]

    @property
    def healthy(self) -> bool:
        """Whether nothing is wrong with the run itself."""
        return verdict_of(self.health) != "bad"

    def cell(self, name: str) -> CellSpec:
        """Return the cell of that id."""
        return next(cell for cell in self.run.header.cells if cell.id == name)

    @property
    def leading(self) -> list[str]:
        """Return the few cells that a crowded chart names: direct, then the first of each kind."""
        first: dict[tuple[str, str], str] = {}
        for cell in self.run.header.cells:
            first.setdefault((cell.group, cell.framework), cell.id)
        return list(first.values())

    @property
    def crowded(self) -> bool:
        """Whether there are more cells than are taken in at a glance."""
        return len(self.cells) > GLANCE

    @property
    def chosen(self) -> list[CellSpec]:
        """Return the few cells that who chooses looks at first: one of each kind, then as they stand."""
        cells = [cell for cell in self.cells if not cell.twin_of]
        kinds: dict[tuple[str, str, bool], CellSpec] = {}
        for cell in cells:  # a proxy that is a program of its own is another kind than one on a server
            kinds.setdefault((cell.group, cell.framework, bool(cell.profile)), cell)
        first = list(kinds.values())
        kept = [*first, *(cell for cell in cells if cell not in first)][:GLANCE]
        return [cell for cell in cells if cell in kept]

    def places(self, name: str) -> dict[str, tuple[int, int]]:
        """Return the places (best, worst) of all cells that have the metric; cells not told apart share."""
        figures = [figure for cell in self.cells if (figure := self.figures[cell.id, name]).absence is None]
        if not figures:
            return {}
        shared = sorted(set.intersection(*(set(figure.blocks) for figure in figures)))
        power = 1 if metric(name).better == "less" else -1
        values = [[figure.blocks[block] ** power for block in shared] for figure in figures]
        return {figure.cell: place for figure, place in zip(figures, places(values), strict=True)}

    def outcome(self, contrast: Contrast, name: str) -> Outcome:
        """Return one contrast in one metric."""
        return self._by_metric[contrast, name]

    @cached_property
    def _by_metric(self) -> dict[tuple[Contrast, str], Outcome]:
        return {(one.contrast, one.metric): one for one in self.outcomes}

    def interactions(self, name: str) -> list[Interaction]:
        """Return what this run says of choices that depend on each other in a metric."""
        if name not in self._interactions:
            self._interactions[name] = interactions(self.run.header.cells, name, self.figures)
        return self._interactions[name]

    @cached_property
    def _interactions(self) -> dict[str, list[Interaction]]:
        return {}

    @cached_property
    def _by_id(self) -> dict[str, CellSpec]:
        return {cell.id: cell for cell in self.run.header.cells}

    def depends_on(self, contrast: Contrast, name: str) -> list[str]:
        """Return the choices that change a main effect in a metric, so that its mean holds for no pair: of
        those in which its pairs differ."""
        return [
            factor for factor in self._changing(contrast, name) if len(self._levels(contrast, factor)) > 1
        ]

    def only_with(self, contrast: Contrast, name: str) -> str:
        """Return the one engine that all pairs of a main effect share where with another it is another."""
        (engine, *others) = self._levels(contrast, "engine")
        return "" if others or "engine" not in self._changing(contrast, name) else engine

    def _changing(self, contrast: Contrast, name: str) -> list[str]:
        return depends_on(contrast, self._by_id, self.interactions(name)) if contrast.main else []

    def _levels(self, contrast: Contrast, factor: str) -> list[str]:
        return list(dict.fromkeys(FACTORS[factor](self._by_id[first]) for first, _ in contrast.pairs))

    def under(self, contrast: Contrast, name: str, factors: Sequence[str]) -> list[Under]:
        """Return a main effect in a metric under each combination of levels of other choices."""
        return under(contrast, factors, name, self._by_id, self.figures)

    def missing(self, *kinds: str) -> list[Figure]:
        """Return the figures of these kinds that the plan asks for and that there are not."""
        every = (self.figures[cell.id, name] for name in self.shown(*kinds) for cell in self.asked_of(name))
        return [figure for figure in every if figure.absence is not None]

    def was_asked(self, contrast: Contrast, name: str) -> bool:
        """Return whether the plan asks a metric of both sides of any pair of a contrast."""
        asked = self._asked(name)
        return any(first in asked and second in asked for first, second in contrast.pairs)

    def _asked(self, name: str) -> Set[str]:
        part = self.run.header.part_of(metric(name).scenario)
        return set(part.cells) if part else {cell.id for cell in self.run.header.cells}

    def by_load(self, names: Sequence[str]) -> list[list[str]]:
        """Return metrics in groups that one table can hold: the quick plan's, then those of each scenario."""
        groups: dict[str, list[str]] = {}
        for name in names:
            groups.setdefault(
                "" if metric(name).id == metric(name).kind else metric(name).scenario, []
            ).append(name)
        return list(groups.values())

    def asked_of(self, name: str) -> list[CellSpec]:
        """Return the cells, but for the direct leg, that the plan asks for a metric."""
        asked = self._asked(name)
        return [cell for cell in self.cells if cell.id in asked]

    def asked(self, *questions: str, main: bool | None = None) -> list[Contrast]:
        """Return the contrasts of these questions, each once, in order."""
        every = dict.fromkeys(outcome.contrast for outcome in self.outcomes)
        return [one for one in every if one.question in questions and main in (None, one.main)]

    def load(self, scenario: str) -> str:
        """Return in words what this run asked of its cells in a scenario; empty when it was not run."""
        return next((one.load for one in self.run.header.scenarios if one.id == scenario), "")

    def shown(self, *kinds: str) -> list[str]:
        """Return the metrics of these kinds, in their order, that this run's scenarios were read for."""
        run = {scenario.id for scenario in self.run.header.scenarios}
        read = [of for of in metrics_in(self.run.header.scenarios) if of.scenario in run]
        return [of.id for kind in kinds for of in read if of.kind == kind]

    def first(self, *kinds: str) -> str:
        """Return the one of them to judge by: of the quick plan's scenario where that was run."""
        return next(iter(self.shown(*kinds)), kinds[0])

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
        growths=grown(run, all_figures),
        decompositions=[
            one
            for of in metrics_in(header.scenarios)
            if of.kind in _DECOMPOSED and (one := decompose(header.cells, of.id, all_figures)) is not None
        ],
        health=health(run),
    )
