"""figures -> contrasts: which cells answer which question, their ratio with interval and verdict. Pure.

    framework   Litestar over FastAPI        server    uvicorn over hypercorn
    route       mount over handler           recipe    each app over the recipe in its own framework
    bare        each app over bare ASGI      a/a       a cell over itself: what this run can resolve

A contrast of several pairs is their main effect: the mean of the pairs' log ratios in each block.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Literal

import msgspec

from bench.cells import framework_name
from bench.figures import Figure
from bench.metrics import metric
from bench.record import Absence, CellSpec
from bench.stats import Estimate, Verdict, compare, holm, verdict

__all__ = ["HEADLINES", "Contrast", "Outcome", "contrasts", "judge"]

Question = Literal["a/a", "framework", "server", "route", "recipe", "bare"]

HEADLINES: tuple[str, ...] = ("rps", "cpu-request", "cpu-event", "response-p50", "ttfe-p50", "delay-p50")
"""The metrics that contrasts are judged in."""


class Contrast(msgspec.Struct, frozen=True):
    """``first`` over ``second``, over one or more pairs of cells; ``where`` says what is held equal."""

    question: Question
    first: str
    second: str
    where: str
    pairs: tuple[tuple[str, str], ...]

    @property
    def main(self) -> bool:
        """Whether it is a main effect over several pairs."""
        return len(self.pairs) > 1


class Outcome(msgspec.Struct, frozen=True):
    """A contrast in one metric."""

    contrast: Contrast
    metric: str
    estimate: Estimate | None
    verdict: Verdict | None
    absence: Absence | None


def contrasts(cells: list[CellSpec]) -> list[Contrast]:
    """Return all contrasts that these cells can answer: main effects first, then pair by pair."""
    products = [cell for cell in cells if cell.group == "product" and not cell.twin_of]
    by_id = {cell.id: cell for cell in cells}
    found = [
        Contrast(
            "a/a", cell.label, by_id[cell.twin_of].label, "the same cell twice", ((cell.id, cell.twin_of),)
        )
        for cell in cells
        if cell.twin_of in by_id
    ]
    found += _factor(
        "framework",
        products,
        lambda c: c.framework,
        ("litestar", "fastapi"),
        lambda c: (c.route, c.profile),
        framework_name,
    )
    found += _factor(
        "server",
        products,
        lambda c: c.profile,
        ("uvicorn-httptools", "hypercorn-h1"),
        lambda c: (c.framework, c.route),
        _server_name,
    )
    found += _factor(
        "route", products, lambda c: c.route, ("mount", "handler"), lambda c: (c.framework, c.profile), str
    )
    baselines: tuple[tuple[Question, str], ...] = (("recipe", "the recipe"), ("bare", "bare ASGI"))
    for question, name in baselines:
        for cell in products:
            base = next(
                (
                    other
                    for other in cells
                    if other.group == "baseline"
                    and other.id.startswith(question)
                    and other.framework in ("", cell.framework)
                    and other.profile == cell.profile
                ),
                None,
            )
            if base is not None and cell.route == "handler":
                found.append(
                    Contrast(
                        question,
                        f"the {framework_name(cell.framework)} app",
                        name,
                        _where(cell, "framework"),
                        ((cell.id, base.id),),
                    )
                )
    return found


def _factor(
    question: Question,
    cells: list[CellSpec],
    level: Callable[[CellSpec], str],
    levels: tuple[str, str],
    rest: Callable[[CellSpec], tuple[str, str]],
    name: Callable[[str], str],
) -> list[Contrast]:
    first = {rest(cell): cell for cell in cells if level(cell) == levels[0]}
    second = {rest(cell): cell for cell in cells if level(cell) == levels[1]}
    shared = [key for key in first if key in second]
    singles = [
        Contrast(
            question,
            name(levels[0]),
            name(levels[1]),
            _where(first[key], question),
            ((first[key].id, second[key].id),),
        )
        for key in shared
    ]
    if len(singles) < 2:
        return singles
    every = tuple(pair for single in singles for pair in single.pairs)
    return [Contrast(question, name(levels[0]), name(levels[1]), f"over {len(every)} pairs", every), *singles]


def _where(cell: CellSpec, without: str) -> str:
    parts = {
        "framework": framework_name(cell.framework),
        "route": cell.route,
        "server": _server_name(cell.profile),
    }
    return ", ".join(text for name, text in parts.items() if name != without)


def _server_name(profile: str) -> str:
    return profile.split("-")[0]


def judge(asked: list[Contrast], all_figures: Mapping[tuple[str, str], Figure]) -> list[Outcome]:
    """Return every contrast in every headline metric.

    p-values are corrected (Holm) over the contrasts of one metric, main effects and single pairs being two
    families: the former are what is chosen by, the latter what it rests on. The A/A contrast stands apart.
    Intervals are each contrast's own, uncorrected.
    """
    outcomes: list[Outcome] = []
    for name in HEADLINES:
        estimates = [_estimate(contrast, metric(name).id, all_figures) for contrast in asked]
        verdicts: dict[int, Verdict] = {}
        for family in ("a/a", "main", "single"):
            members = [
                (index, estimate)
                for index, (contrast, estimate) in enumerate(zip(asked, estimates, strict=True))
                if isinstance(estimate, Estimate) and _family(contrast) == family
            ]
            differences = holm([estimate.p_difference for _, estimate in members])
            equivalences = holm([estimate.p_equivalence for _, estimate in members])
            for (index, estimate), p, q in zip(members, differences, equivalences, strict=True):
                verdicts[index] = verdict(estimate.ratio, p, q)
        for index, (contrast, found) in enumerate(zip(asked, estimates, strict=True)):
            if isinstance(found, Absence):
                outcomes.append(Outcome(contrast, name, None, None, found))
            else:
                outcomes.append(Outcome(contrast, name, found, verdicts[index], None))
    return outcomes


def _family(contrast: Contrast) -> str:
    if contrast.question == "a/a":
        return "a/a"
    return "main" if contrast.main or contrast.question == "recipe" else "single"


def _estimate(
    contrast: Contrast, name: str, all_figures: Mapping[tuple[str, str], Figure]
) -> Estimate | Absence:
    per_block: dict[int, list[float]] = {}
    for first, second in contrast.pairs:
        one, other = all_figures[first, name], all_figures[second, name]
        for side in (one, other):
            if side.absence is not None:
                return msgspec.structs.replace(side.absence, detail=f"{side.cell}: {side.absence.detail}")
        for block in one.blocks.keys() & other.blocks.keys():
            per_block.setdefault(block, []).append(math.log(one.blocks[block] / other.blocks[block]))
    whole = [
        sum(logs) / len(logs) for _, logs in sorted(per_block.items()) if len(logs) == len(contrast.pairs)
    ]
    return compare(whole) or Absence("too-few-samples", f"{len(whole)} of 3 blocks")
