"""figures -> ladder: CPU per request layer by layer, each rung a cell that has one layer more. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec

from bench.cells import framework_name
from bench.figures import Figure
from bench.record import Absence, CellSpec
from bench.stats import Interval, blocks_lacking, difference

__all__ = ["Rung", "ladders"]

_METRIC = "cpu-request"
_ADDED = (
    ("CORS, request id, access log", "middleware"),
    ("an idle BaseHTTPMiddleware", "base-http"),
)
"""What people put on top, where it was run."""
_PROFILE, _LOOP = "uvicorn-httptools", "uvloop"


class Rung(msgspec.Struct, frozen=True):
    """A layer: from where the rung below ended to where this one does, in µs of CPU per request (means over
    the blocks that all rungs share). ``added`` is the difference by block; a rung without figures has an
    ``absence``, and the next one holds its layer, too."""

    layer: str
    cell: str
    start: float = 0.0
    end: float = 0.0
    added: Interval | None = None
    absence: Absence | None = None


def ladders(
    cells: Sequence[CellSpec], all_figures: Mapping[tuple[str, str], Figure]
) -> dict[str, list[Rung]]:
    """Return a ladder for each framework, all on the same server, loop and client; empty without one."""
    alike = [
        cell
        for cell in cells
        if cell.group == "product" and not cell.twin_of and (cell.profile, cell.loop) == (_PROFILE, _LOOP)
    ]
    if not alike:
        return {}
    engine = Counter(cell.engine for cell in alike).most_common(1)[0][0]
    there = {cell.id for cell in cells if cell.engine == engine}
    found = {}
    for app in dict.fromkeys(cell.framework for cell in alike):
        of_app = {cell.route: cell.id for cell in alike if (cell.framework, cell.engine) == (app, engine)}
        bare = next(
            (cell.id for cell in cells if cell.id.startswith("bare") and cell.engine == engine), "bare"
        )
        name = framework_name(app)
        wanted = [
            ("the server, a static ASGI answer", "static"),
            (f"the client {engine}, bare ASGI", bare),
            (f"{name}, mount", of_app.get("mount", "")),
            (f"{name}, handler", of_app.get("handler", "")),
            *((layer, f"{cell}-{app}") for layer, cell in _ADDED if f"{cell}-{app}" in there),
        ]
        rungs = _climb(wanted, all_figures)
        if sum(rung.absence is None for rung in rungs) > 1:
            found[name] = rungs
    return found


def _climb(wanted: list[tuple[str, str]], all_figures: Mapping[tuple[str, str], Figure]) -> list[Rung]:
    known = {
        cell: figure.blocks
        for _, cell in wanted
        if (figure := all_figures.get((cell, _METRIC))) is not None and figure.absence is None
    }
    shared = sorted(set.intersection(*map(set, known.values()))) if known else []
    below = dict.fromkeys(shared, 0.0)
    rungs = []
    for layer, cell in wanted:
        if cell not in known:
            figure = all_figures.get((cell, _METRIC))
            missing = figure.absence if figure is not None else None
            absence = missing or Absence("not-run", "this cell was no part of this run")
            rungs.append(Rung(layer, cell, absence=absence))
            continue
        values = {block: known[cell][block] for block in shared}
        added = difference([values[block] - below[block] for block in shared])
        if added is None:
            rungs.append(Rung(layer, cell, absence=Absence("too-few-samples", blocks_lacking(len(shared)))))
            continue
        start = sum(below.values()) / len(shared)
        rungs.append(Rung(layer, cell, start, start + added.value, added))
        below = values
    return rungs
