"""figures -> contrasts: which cells answer which question, their ratio with interval and verdict. Pure.

    framework   Litestar over FastAPI        server    uvicorn over hypercorn
    route       mount over handler           loop      uvloop over asyncio
    engine      one client over another      a/a       a cell over itself: what this run can resolve
    recipe      each app over the recipe in its own framework
    bare        each app over bare ASGI      ceiling   each over the sketch, which has no safety
    peer        each app over a proxy that others made
    django      each app, and each recipe, over the recipe in Django
    habit       each app, and the recipe, over what people write in the recipe's place in the same framework,
                the recipe in FastAPI over that in Starlette, too

A contrast of several pairs is their main effect: the mean of the pairs' log ratios in each block. Pairs of
one main effect share their engine, the one that most pairs have: a dear client hides what is asked about.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import Literal, NamedTuple

import msgspec

from bench.cells import FACTORS, framework_name
from bench.figures import Figure, asked_pairs
from bench.metrics import METRICS
from bench.record import Absence, CellSpec
from bench.stats import Estimate, Verdict, blocks_lacking, compare, holm, verdict

__all__ = ["Contrast", "Outcome", "Question", "contrasts", "judge", "server_name"]

Question = Literal[
    "a/a",
    "framework",
    "server",
    "route",
    "loop",
    "engine",
    "recipe",
    "bare",
    "ceiling",
    "peer",
    "django",
    "habit",
]


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
    """A contrast in one metric; ``pairs``: those of its pairs of cells that were asked that metric."""

    contrast: Contrast
    metric: str
    estimate: Estimate | None
    verdict: Verdict | None
    absence: Absence | None
    pairs: int = 0


class _Factor(NamedTuple):
    question: Question
    level: Callable[[CellSpec], str]
    name: Callable[[str], str]
    against: tuple[tuple[str, str], ...]  # first level over second


def server_name(profile: str) -> str:
    """Return the server as people call it, with the parser where it is not the usual one."""
    return {"uvicorn-h11": "uvicorn (h11)"}.get(profile, profile.partition("-")[0])


_FACTORS = (
    _Factor("framework", lambda cell: cell.framework, framework_name, (("litestar", "fastapi"),)),
    _Factor(
        "server",
        lambda cell: cell.profile,
        server_name,
        (
            ("uvicorn-h11", "hypercorn-h1"),  # the parser held equal: asked first where there are both
            ("uvicorn-httptools", "hypercorn-h1"),
            ("uvicorn-httptools", "uvicorn-h11"),
        ),
    ),
    _Factor("route", lambda cell: cell.route, str, (("mount", "handler"),)),
    _Factor("loop", lambda cell: cell.loop, str, (("uvloop", "asyncio"),)),
    _Factor("engine", lambda cell: cell.engine, str, tuple(combinations(FACTORS["engine"], 2))),
)


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
    for factor in _FACTORS:
        for levels in factor.against:
            found += _effects(factor, levels, products)
    return found + _against_baselines(cells, products)


def _effects(factor: _Factor, levels: tuple[str, str], cells: list[CellSpec]) -> list[Contrast]:
    def rest(cell: CellSpec) -> tuple[str, ...]:
        return tuple(other.level(cell) for other in _FACTORS if other is not factor)

    first, second = ({rest(cell): cell for cell in cells if factor.level(cell) == level} for level in levels)
    shared = [key for key in first if key in second]
    one, other = map(factor.name, levels)
    singles = [
        Contrast(
            factor.question,
            one,
            other,
            _where(first[key], factor.question),
            ((first[key].id, second[key].id),),
        )
        for key in shared
    ]
    engines = [first[key].engine for key in shared]
    leading = Counter(engines).most_common(1)[0][0] if engines else ""
    alike = [single for single, engine in zip(singles, engines, strict=True) if engine == leading]
    if len(alike) < 2:
        return singles
    every = tuple(pair for single in alike for pair in single.pairs)
    return [Contrast(factor.question, one, other, f"over {len(every)} pairs", every), *singles]


def _where(cell: CellSpec, without: str) -> str:
    parts = {
        "framework": framework_name(cell.framework),
        "route": cell.route,
        "server": server_name(cell.profile),
        "loop": cell.loop if cell.loop != "uvloop" else "",
        "engine": cell.engine,
    }
    return ", ".join(text for name, text in parts.items() if text and name != without)


def _against_baselines(cells: list[CellSpec], products: list[CellSpec]) -> list[Contrast]:
    found = []
    leading = Counter(cell.engine for cell in products).most_common(1)
    bases = [cell for cell in cells if cell.group in ("baseline", "peer")]
    wholes = [cell for cell in bases if cell.id.startswith("bare")]
    recipes = [cell for cell in bases if cell.id.startswith("recipe")]
    for cell in [*products, *wholes, *recipes]:
        if cell.group == "product" and leading and cell.engine != leading[0][0]:
            continue
        for base in bases:
            question = (_recipe_question if cell in recipes else _baseline_question)(cell, base)
            if question is not None:
                first = cell.label
                if question in ("recipe", "bare"):
                    first = f"the {framework_name(cell.framework)} app"
                second = {"recipe": "the recipe", "bare": "bare ASGI", "ceiling": "the sketch"}.get(
                    question, base.label
                )
                where = _where(cell, "framework") if cell.group == "product" else cell.engine
                found.append(Contrast(question, first, second, where, ((cell.id, base.id),)))
    return found


def _baseline_question(cell: CellSpec, base: CellSpec) -> Question | None:
    """Return what the two answer side by side; None where more than one thing differs."""
    product = cell.group == "product"
    if base.group == "peer":
        return "peer" if (cell.profile, cell.loop) == ("uvicorn-httptools", "uvloop") else None
    if base.profile != cell.profile or cell.loop != base.loop:
        return None
    if base.engine == "sketch":
        return "ceiling" if (base.framework, base.route) == (cell.framework, cell.route) else None
    if not product or cell.route != "handler":
        return None
    if base.framework == "django":
        return "django"
    if base.id.startswith("recipe"):
        return "recipe" if base.framework == cell.framework else None
    if base.id.startswith("bare"):
        return "bare" if base.engine == cell.engine else None
    return "habit" if base.framework == cell.framework and not base.route else None


def _recipe_question(recipe: CellSpec, base: CellSpec) -> Question | None:
    if base.group == "peer" or base.route or base.engine == "sketch" or base.id.startswith("recipe"):
        return None
    if base.framework == "django":
        return "django"
    # Starlette is what FastAPI stands on: all else of their recipes is the same
    beneath = (recipe.framework, base.framework) == ("fastapi", "starlette")
    return "habit" if base.framework == recipe.framework or beneath else None


def judge(asked: list[Contrast], all_figures: Mapping[tuple[str, str], Figure]) -> list[Outcome]:
    """Return every contrast in every headline metric that was read.

    p-values are corrected (Holm) over the contrasts of one metric that answer together: all main effects, by
    which one chooses, are one family; the single pairs of each question another. Were all single pairs one,
    each pair of engines in a plan would make it harder to tell two frameworks apart. The A/A contrast stands
    apart. Intervals are each contrast's own, uncorrected.
    """
    outcomes: list[Outcome] = []
    known = {name for _, name in all_figures}
    for name in (of.id for of in METRICS if of.headline and of.id in known):
        pairs = [asked_pairs(contrast.pairs, name, all_figures) for contrast in asked]
        estimates = [_estimate(these, name, all_figures) for these in pairs]
        verdicts: dict[int, Verdict] = {}
        for family in dict.fromkeys(map(_family, asked)):
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
                count = len(pairs[index])
                outcomes.append(Outcome(contrast, name, found, verdicts[index], None, count))
    return outcomes


def _family(contrast: Contrast) -> str:
    """Return the family of tests that a contrast is corrected in: its question, or that of main effects."""
    return "main" if contrast.main or contrast.question == "recipe" else contrast.question


def _estimate(
    pairs: Sequence[tuple[str, str]], name: str, all_figures: Mapping[tuple[str, str], Figure]
) -> Estimate | Absence:
    per_block: dict[int, list[float]] = {}
    for first, second in pairs:
        one, other = all_figures[first, name], all_figures[second, name]
        for side in (one, other):
            if side.absence is not None:
                return msgspec.structs.replace(side.absence, detail=f"{side.cell}: {side.absence.detail}")
        for block in one.blocks.keys() & other.blocks.keys():
            per_block.setdefault(block, []).append(math.log(one.blocks[block] / other.blocks[block]))
    whole = [sum(logs) / len(logs) for _, logs in sorted(per_block.items()) if len(logs) == len(pairs)]
    return compare(whole) or Absence("too-few-samples", blocks_lacking(len(whole)))
