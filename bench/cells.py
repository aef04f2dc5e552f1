"""The cells that can be timed: subjects, baselines, the A/A twin, the direct leg. Data."""

from __future__ import annotations

from fnmatch import fnmatchcase

from bench.record import CellSpec
from shared.harness.subject import Subject

__all__ = ["DIRECT", "EXTRA", "QUICK_CELLS", "choose", "direct", "framework_name", "subject_of"]

DIRECT = "direct"

_FRAMEWORKS = {"fastapi": "FastAPI", "litestar": "Litestar"}
_UVICORN, _HYPERCORN = "uvicorn-httptools", "hypercorn-h1"


def framework_name(app: str) -> str:
    """Return the framework's name as people write it."""
    return _FRAMEWORKS.get(app, app.capitalize())


def subject_of(cell: CellSpec) -> Subject:
    """Return the subject that a product cell times."""
    return Subject(
        app=cell.framework, route=cell.route, profile=cell.profile, loop=cell.loop, engine=cell.engine
    )


def _product(app: str, route: str, profile: str, *, twin: bool = False) -> CellSpec:
    subject = Subject(app=app, route=route, profile=profile)
    label = f"{framework_name(app)} {route}, {profile.split('-')[0]}"
    return CellSpec(
        id=subject.id + ("-twin" if twin else ""),
        label=label + (" (A/A)" if twin else ""),
        group="product",
        app=f"{app}_app.app:app",
        framework=app,
        route=route,
        profile=profile,
        loop=subject.loop,
        engine=subject.engine,
        twin_of=subject.id if twin else "",
    )


def _baseline(
    name: str, label: str, *, framework: str = "", engine: str = "", scenarios: tuple[str, ...] | None = None
) -> CellSpec:
    return CellSpec(
        id=name,
        label=label,
        group="baseline",
        app=f"bench.baselines.{name.replace('-', '_')}:app",
        framework=framework,
        profile=_UVICORN,
        engine=engine,
        scenarios=scenarios or ("S3", "S2", "S5"),
    )


def direct() -> CellSpec:
    """Return the leg with nothing in between: the ceiling, and what every added delay is taken from."""
    return CellSpec(id=DIRECT, label="direct to the origin", group="direct", app="")


# When time is short the last are left out first: what a reader asks first stands first.
QUICK_CELLS: tuple[CellSpec, ...] = (
    _product("fastapi", "handler", _UVICORN),
    _product("litestar", "handler", _UVICORN),
    _product("fastapi", "handler", _UVICORN, twin=True),
    _baseline("recipe-fastapi", "recipe in FastAPI, uvicorn", framework="fastapi", engine="httpx"),
    _baseline("recipe-litestar", "recipe in Litestar, uvicorn", framework="litestar", engine="httpx"),
    _product("fastapi", "handler", _HYPERCORN),
    _product("litestar", "handler", _HYPERCORN),
    _baseline("bare", "bare ASGI, uvicorn", engine="httpx2"),
    _product("fastapi", "mount", _UVICORN),
    _product("litestar", "mount", _UVICORN),
    _product("fastapi", "mount", _HYPERCORN),
    _product("litestar", "mount", _HYPERCORN),
)

EXTRA: tuple[CellSpec, ...] = (_baseline("static", "static ASGI answer, uvicorn", scenarios=("S3", "S2")),)
"""Not in the quick plan; `--subject static` times it."""


def choose(patterns: list[str]) -> list[CellSpec]:
    """Return the cells whose id holds one of the patterns, or matches it as a shell pattern.

    Without patterns: the quick plan. Raises ValueError for a pattern that chooses nothing.
    """
    if not patterns:
        return list(QUICK_CELLS)
    cells = (*QUICK_CELLS, *EXTRA)
    chosen: set[str] = set()
    for pattern in patterns:
        found = {cell.id for cell in cells if pattern in cell.id or fnmatchcase(cell.id, pattern)}
        if not found:
            raise ValueError(f"no cell matches {pattern!r}; python -m bench run --list shows them all")
        chosen |= found
    return [cell for cell in cells if cell.id in chosen]
