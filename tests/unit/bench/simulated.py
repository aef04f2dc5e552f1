"""Runs drawn from a model whose effects are known: what a report says can be held against the truth."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt

from bench.record import CellRecord, CellSpec, ClosedResult, GateResult, Run
from bench.scenarios import QUICK
from tests.unit.bench.made import made_header, made_span

Noise = Literal["normal", "heavy-tailed", "disturbed"]

TRUTH: Mapping[str, Mapping[str, float]] = {
    "framework": {"fastapi": 1.0, "litestar": 0.92},
    "route": {"handler": 1.0, "mount": 0.7},
    "profile": {"uvicorn-httptools": 1.0, "hypercorn-h1": 1.0},
}
"""What each level multiplies the cost of a request with. The server is a factor that changes nothing."""

_SPREAD = 0.03

_NOISES: Mapping[Noise, Callable[[np.random.Generator, int], npt.NDArray[np.float64]]] = {
    "normal": lambda random, size: random.normal(0, _SPREAD, size),
    # no fourth moment: now and then ten times the usual distance
    "heavy-tailed": lambda random, size: _SPREAD / 2 * random.standard_t(3, size),
    # one window in ten shares its core with something else and comes out up to 40 % dearer
    "disturbed": lambda random, size: (
        random.normal(0, _SPREAD, size) + (random.random(size) < 0.1) * random.uniform(0, 0.35, size)
    ),
}
_ONE_SIDED: Mapping[str, Callable[[np.random.Generator, int], npt.NDArray[np.float64]]] = {
    "disturbed": _NOISES["disturbed"],
    "often disturbed": lambda random, size: (
        random.normal(0, _SPREAD, size) + (random.random(size) < 0.3) * random.uniform(0, 0.35, size)
    ),
    "exponential": lambda random, size: random.exponential(2 * _SPREAD, size),
}
"""What a single cell's noise is like: whatever else runs takes time from it, and nothing gives it any."""
ONE_SIDED: tuple[str, ...] = tuple(_ONE_SIDED)

NOISES: tuple[Noise, ...] = tuple(_NOISES)


def noise(kind: Noise, random: np.random.Generator, size: int) -> npt.NDArray[np.float64]:
    """Return ``size`` disturbances in logs."""
    return _NOISES[kind](random, size)


def one_sided(kind: str, random: np.random.Generator, size: int) -> npt.NDArray[np.float64]:
    """Return ``size`` disturbances in logs that slow, or as good as none."""
    return _ONE_SIDED[kind](random, size)


def cells() -> list[CellSpec]:
    """Return the products of every combination, and a twin of the first."""
    found = [
        CellSpec(
            id="-".join(levels),
            label=", ".join(levels),
            group="product",
            app="an:app",
            framework=levels[0],
            route=levels[1],
            profile=levels[2],
            engine="wire",
            scenarios=("S3",),
        )
        for levels in itertools.product(*TRUTH.values())
    ]
    return [*found, msgspec.structs.replace(found[0], id="twin", label="twin", twin_of=found[0].id)]


def cost(cell: CellSpec) -> float:
    """Return the true CPU of a request, in units of the first cell's."""
    return float(np.prod([levels[getattr(cell, name)] for name, levels in TRUTH.items()]))


def run_of(
    random: np.random.Generator, *, blocks: int = 6, kind: Noise = "normal", alike: bool = False
) -> Run:
    """Return one run: true costs (``alike``: all the same), times a machine that wanders, times noise."""
    header = msgspec.structs.replace(
        made_header(blocks), cells=cells(), scenarios=[one for one in QUICK if one.id in ("S0", "S3")]
    )
    machine = np.exp(np.cumsum(random.normal(0, 0.1, blocks)))
    records = []
    for block in range(blocks):
        for position, cell in enumerate(header.cells):
            true = 1.0 if alike else cost(cell)
            rps = 1e6 / (true * machine[block] * float(np.exp(noise(kind, random, 1)[0])))
            # a large count, so that its rounding is no noise of its own
            result = ClosedResult(round(rps), [1, 1, 1], made_span(1.0, 1.0))
            records.append(CellRecord(block, position, cell.id, {"S0": GateResult(["json"]), "S3": result}))
    return Run(header, records, [], None)
