"""What was asked for -> what is run: cells, scenarios and parts, within the time there is."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from bench.cells import EXTRA, QUICK_CELLS, choose, direct, vary
from bench.full import FULL, SCENARIOS, parts_of
from bench.own import cell_of
from bench.plan import estimate, fit, seconds_of
from bench.record import CellSpec, Dropped, Part
from bench.run import START_STOP_S
from bench.scenarios import MORE, QUICK, settings
from bench.shapes import Gate, Scenario
from bench.start import lacks

__all__ = ["Plan", "known_scenarios", "plan"]

_BUDGETS_S = {"quick": 270.0, "full": 1800.0}
_TOLERANCE = 1.15  # of the budget: the estimate is made before anything has run
_QUICK_LEAST = 5  # below that no question is left to answer


class Plan(NamedTuple):
    """What is to be run. ``budget_s``: None for no limit; ``seconds``: about how long it takes."""

    cells: list[CellSpec]
    scenarios: list[Scenario]
    parts: list[Part]
    dropped: list[Dropped]
    budget_s: float | None
    seconds: float


def plan(options: argparse.Namespace) -> Plan:
    """Return the plan for the options of `run`. Raises ValueError for what cannot be had."""
    if options.blocks < 3:
        raise ValueError("--blocks must be at least 3: fewer give no interval")
    if options.quick and options.full:
        raise ValueError("--quick and --full are two plans: give one")
    if options.budget is not None and not 0 <= options.budget < math.inf:
        raise ValueError("--budget must be 0, for no limit, or more")
    if options.seed is not None and options.seed < 0:
        raise ValueError("--seed must be 0 or more")
    own = _own(options.add)
    wished = _full(options, own) if options.full else _named(options, own)
    usual_s = _BUDGETS_S["full" if options.full else "quick"]
    budget_s = (usual_s if options.budget is None else options.budget) or None
    seconds = estimate(wished.parts, wished.cells, wished.scenarios, start_stop_s=START_STOP_S)
    if budget_s is None:
        return wished._replace(seconds=seconds_of(wished.parts, seconds))
    parts, left_out = fit(wished.parts, seconds, budget_s=budget_s * _TOLERANCE)
    planned_s = seconds_of(parts, seconds)
    kept = {cell for part in parts for cell in part.cells}
    if planned_s > budget_s * _TOLERANCE:
        raise ValueError(
            f"even {len(kept) - 1} cells and the direct leg, in {options.blocks} blocks, take about "
            f"{planned_s:.0f} s, more than the {budget_s:.0f} s allowed: give --budget "
            f"{math.ceil(planned_s)} or fewer --blocks"
        )
    cells = [cell for cell in wished.cells if cell.id in kept]
    return Plan(cells, wished.scenarios, parts, [*left_out, *wished.dropped], budget_s, planned_s)


def _named(options: argparse.Namespace, own: list[CellSpec]) -> Plan:
    """The quick plan, or the cells and scenarios that were named: one part."""
    named = choose(options.subject)
    if options.factor:
        varied = vary(options.factor)
        there = {cell.id for cell in varied}
        # or the run cannot say what it can resolve; third, since the last are left out first
        varied[2:2] = [cell for cell in QUICK_CELLS if cell.twin_of in there]
        named += [cell for cell in varied if cell not in named]
    if own:
        named = [*own, *(named or QUICK_CELLS)]
    present, dropped = _present(named)
    if named and not present:
        raise ValueError("; ".join(f"{one.cell}: {one.why}" for one in dropped))
    cells = [direct(), *(present or QUICK_CELLS)]
    scenarios = _scenarios(options.scenario)
    ids = [cell.id for cell in cells]
    part = Part("", "", ids, [one.id for one in scenarios], options.blocks, settings(scenarios), _QUICK_LEAST)
    return Plan(cells, list(scenarios), [part], dropped, None, 0.0)


def _full(options: argparse.Namespace, own: list[CellSpec]) -> Plan:
    """Everything there is, in the parts of the full plan; what is not installed is left out of them."""
    if options.scenario or options.subject or options.factor:
        raise ValueError("--full has its own cells and scenarios: leave --scenario, --subject, --factor away")
    present, dropped = _present([*own, *FULL])
    cells = [direct(), *present]
    scenarios = list(SCENARIOS)
    parts = parts_of(cells, scenarios, own=[cell.id for cell in own], blocks=options.blocks)
    return Plan(cells, scenarios, parts, dropped, None, 0.0)


def _present(cells: Sequence[CellSpec]) -> tuple[list[CellSpec], list[Dropped]]:
    absent = {cell.id: why for cell in cells if (why := lacks(cell))}
    dropped = [Dropped(cell, 0, why) for cell, why in absent.items()]
    return [cell for cell in cells if cell.id not in absent], dropped


def _own(files: list[str]) -> list[CellSpec]:
    found: list[CellSpec] = []
    for file in files:
        cell = cell_of(Path(file))
        if any(cell.id == other.id for other in (direct(), *QUICK_CELLS, *EXTRA, *found)):
            raise ValueError(f"{file}: there is a cell {cell.id} already, give yours another name")
        found.append(cell)
    return found


def known_scenarios() -> list[Scenario]:
    """Return all that can be asked for by name: everything but the gate, which always runs."""
    return [scenario for scenario in (*QUICK, *MORE) if not isinstance(scenario, Gate)]


def _scenarios(wanted: list[str]) -> tuple[Scenario, ...]:
    known = known_scenarios()
    for name in wanted:
        if not any(fnmatchcase(scenario.id, name) for scenario in known):
            ids = ", ".join(scenario.id for scenario in known)
            raise ValueError(f"there is no scenario {name!r} yet; there are {ids} (S0 always runs)")
    if not wanted:
        return QUICK
    chosen = [s for s in known if any(fnmatchcase(s.id, name) for name in wanted)]
    return (*(s for s in QUICK if isinstance(s, Gate)), *chosen)
