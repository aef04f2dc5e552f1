"""The full plan, as data: which cells meet which scenarios, in parts of a process of their own.

    choices   the combinations of the factors, and every baseline and peer: one cheap scenario, capacity
    fixed     the cells people ask about first: response times and events at fixed rates
    others    few cells: the sweep, growth, streams, idle connections, and whatever scenario is new

A scenario that no part names falls into a part with those that need the same settings: adding one is adding
it to `bench.scenarios.MORE`. Those of `_BY_NAME_ALONE` are in none. Cells stand in order of weight;
`bench.plan.fit` takes from the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

from bench.cells import DIRECT, EXTRA, FACTORS, QUICK_CELLS, vary
from bench.record import CellSpec, Part
from bench.scenarios import MORE, QUICK, settings
from bench.shapes import Gate, Scenario

__all__ = ["FULL", "SCENARIOS", "parts_of"]

_ENGINES = ("wire", "httpx2", "aiohttp")
"""Those in every combination. httpx, whose continuation httpx2 is, stands in the recipe and in two cells."""


def _factorial() -> list[CellSpec]:
    """Every combination on uvloop; on asyncio the handler alone. What varies first is
    the framework: short of time, pairs go together, and combinations farthest from the usual one first."""
    engines = ",".join(engine for engine in _ENGINES if engine in FACTORS["engine"])
    every = vary([*(factor for factor in FACTORS if factor != "engine"), f"engine={engines}"])
    usual = FACTORS["loop"][0]
    chosen = [cell for cell in every if cell.loop == usual or cell.route == FACTORS["route"][0]]
    return sorted(
        chosen,
        key=lambda cell: (
            FACTORS["loop"].index(cell.loop),
            FACTORS["engine"].index(cell.engine),
            FACTORS["server"].index(cell.profile),
            FACTORS["route"].index(cell.route),
        ),
    )


def _once(*groups: Sequence[CellSpec]) -> list[CellSpec]:
    return list({cell.id: cell for group in groups for cell in group}.values())


FULL: tuple[CellSpec, ...] = tuple(_once(QUICK_CELLS, EXTRA, _factorial()))
"""All cells of the full plan, the first to be kept first."""


_BY_NAME_ALONE = ("S3-1", "S3-post", "S3-256", "S5-1", "S5-400")
"""Between the loads that it asks, or beyond what most carry: their time would cost others their cells."""

SCENARIOS: tuple[Scenario, ...] = tuple(one for one in (*QUICK, *MORE) if one.id not in _BY_NAME_ALONE)
"""All scenarios of the full plan."""


class _Group(NamedTuple):
    """Scenarios that share a process, by pattern, and who meets them. ``few``: the leading cells alone."""

    id: str
    title: str
    scenarios: tuple[str, ...]
    cells: tuple[str, ...]
    least: int


_FIXED = tuple(
    dict.fromkeys(
        (
            *(cell.id for cell in QUICK_CELLS),
            *(f"{app}-handler-uvicorn-httptools-aiohttp" for app in FACTORS["framework"]),
            "nginx",
            "django",
            "requests-threads",
            "client-per-request",
            *(cell.id for cell in EXTRA),
        )
    )
)
_FEW = (
    "fastapi-handler-uvicorn-httptools-wire",
    "litestar-handler-uvicorn-httptools-wire",
    "recipe-fastapi",
    "bare",
    "nginx",
    "django",
    "recipe-litestar",
    "fastapi-handler-uvicorn-httptools-httpx2",
    "fastapi-handler-hypercorn-h1-wire",
    "litestar-handler-hypercorn-h1-wire",
)
_FAN_OUT = (*_FEW[:2], "client-per-request", "requests-threads", *_FEW[7:])
"""Those that have one."""
_POOLED = (*_FEW[:2], "bare", "haproxy", "caddy", *_FEW[7:])
"""Those that can be held to a pool of a given size."""
_GROUPS = (
    _Group(
        "choices",
        "combinations of the factors, every baseline: capacity",
        ("S3",),
        tuple(c.id for c in FULL),
        70,
    ),
    _Group("fixed", "response times and events at fixed rates", ("S2", "S5"), _FIXED, 12),
    _Group("sweep", "response time against offered load", ("S4-*",), _FEW, 3),
    _Group(
        "growth",
        "more connections, larger bodies",
        ("S3-16", "S3-512", "S3-64k", "S11-*", "S7-*"),
        _FEW,
        3,
    ),
    _Group("streams", "more streams, bursts, what they hold", ("S5-*", "S6"), _FEW, 3),
    _Group("paths", "as many paths as requests", ("S14-*",), _FEW, 3),
    _Group("leaving", "slow readers, clients that leave", ("S8", "S8-*", "S9"), _FEW, 3),
    _Group("fan-out", "several upstream requests for one", ("S15",), _FAN_OUT, 4),
    _Group("pool", "more streams than the pool has places", ("S13",), _POOLED, 3),
    _Group("idle", "beside idle connections", ("S3-idle-*",), _FEW, 3),
)


def parts_of(
    cells: Sequence[CellSpec], scenarios: Sequence[Scenario], *, own: Sequence[str], blocks: int
) -> list[Part]:
    """Return the parts for these cells and scenarios. ``own``: cells of the reader's, first in every part."""
    gate = [scenario.id for scenario in scenarios if isinstance(scenario, Gate)]
    left = [scenario for scenario in scenarios if not isinstance(scenario, Gate)]
    found = []
    for group in _GROUPS:
        chosen = [one for one in left if any(fnmatchcase(one.id, name) for name in group.scenarios)]
        left = [one for one in left if one not in chosen]
        if chosen:
            found.append(_part(group, chosen, gate, cells, own, blocks))
    alike: dict[str, list[Scenario]] = {}
    for scenario in left:
        alike.setdefault(repr(settings([scenario])), []).append(scenario)
    for together in alike.values():
        ids = tuple(one.id for one in together)
        group = _Group("-".join(ids), ", ".join(one.title for one in together), ids, _FEW, 3)
        found.append(_part(group, together, gate, cells, own, blocks))
    return found


def _part(
    group: _Group,
    scenarios: Sequence[Scenario],
    gate: Sequence[str],
    cells: Sequence[CellSpec],
    own: Sequence[str],
    blocks: int,
) -> Part:
    there = {cell.id: cell for cell in cells}
    named = dict.fromkeys((DIRECT, *own, *group.cells))
    taking = [
        name for name in named if name in there and any(there[name].takes_part(one.id) for one in scenarios)
    ]
    ids = [*gate, *(one.id for one in scenarios)]
    return Part(group.id, group.title, taking, ids, blocks, settings(scenarios), group.least)
