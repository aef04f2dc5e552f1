"""The cells that can be timed: subjects, baselines, peers, the A/A twin, the direct leg. Data."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from fnmatch import fnmatchcase

import msgspec

from bench.record import CellSpec
from bench.scenarios import MORE, QUICK
from shared.harness.peers import PEERS
from shared.harness.servers import LOOPS, PROFILES
from shared.harness.subject import ENGINES, ROUTES, Subject

__all__ = [
    "DIRECT",
    "EXTRA",
    "FACTORS",
    "PACKAGES",
    "QUICK_CELLS",
    "choose",
    "direct",
    "framework_name",
    "subject_of",
    "vary",
]

DIRECT = "direct"

_FRAMEWORKS = {"fastapi": "FastAPI", "litestar": "Litestar"}
_UVICORN, _HYPERCORN = "uvicorn-httptools", "hypercorn-h1"
_ENGINE, _LOOP = "wire", "uvloop"

FACTORS: dict[str, tuple[str, ...]] = {
    "framework": tuple(_FRAMEWORKS),
    "route": ROUTES,
    "server": tuple(PROFILES),
    "loop": LOOPS,
    "engine": (_ENGINE, *(engine for engine in ENGINES if engine != _ENGINE)),
}
"""Factor -> its levels. The first is what is held where a factor is not varied."""


def framework_name(app: str) -> str:
    """Return the framework's name as people write it."""
    return _FRAMEWORKS.get(app, app.capitalize())


def subject_of(cell: CellSpec) -> Subject:
    """Return the subject that a product cell times."""
    return Subject(
        app=cell.framework, route=cell.route, profile=cell.profile, loop=cell.loop, engine=cell.engine
    )


def _product(
    app: str, route: str, profile: str, *, loop: str = _LOOP, engine: str = _ENGINE, twin: bool = False
) -> CellSpec:
    # every engine is named, whichever the apps' default is: records of two versions then mean the same
    name = "-".join([app, route, profile, *([loop] if loop != _LOOP else []), engine])
    label = f"{framework_name(app)} {route}, {profile.removesuffix('-httptools').removesuffix('-h1')}"
    others = [part for part, usual in ((loop, _LOOP), (engine, _ENGINE)) if part != usual]
    return CellSpec(
        id=name + ("-twin" if twin else ""),
        label=", ".join([label, *others]) + (" (A/A)" if twin else ""),
        group="product",
        app=f"{app}_app.app:app",
        framework=app,
        route=route,
        profile=profile,
        loop=loop,
        engine=engine,
        twin_of=name if twin else "",
    )


def _baseline(
    name: str,
    label: str,
    *,
    module: str = "",
    framework: str = "",
    route: str = "",
    engine: str = "",
    scenarios: tuple[str, ...] = (),
) -> CellSpec:
    return CellSpec(
        id=name,
        label=label,
        group="baseline",
        app=f"bench.baselines.{module or name.replace('-', '_')}:app",
        framework=framework,
        route=route,
        profile=_UVICORN,
        engine=engine,
        scenarios=scenarios,
    )


def direct() -> CellSpec:
    """Return the leg with nothing in between: the ceiling, and what every added delay is taken from."""
    return CellSpec(id=DIRECT, label="direct to the origin", group="direct", app="")


_ANY_POOL = tuple(s.id for s in (*QUICK, *MORE) if not s.id.startswith("S3-idle"))
"""For whom the run does not say how many idle connections to keep."""
_POOL_OF_100 = tuple(
    s.id for s in (*QUICK, *MORE) if s.id in _ANY_POOL and s.id not in ("S5-200", "S5-400", "S5-memory")
)
"""For a client that opens a hundred connections and no more: streams beyond would wait until it gives up."""

_ANY_ANSWER = (
    *("S3", "S2", "S3-1", "S3-16", "S3-256", "S3-512"),
    *("S11-keep", "S11-close", "S14-one", "S14-many"),
)
"""For what asks no upstream."""


def _recipe_like(name: str, label: str, *, framework: str, engine: str = "httpx") -> CellSpec:
    return _baseline(name, label, framework=framework, engine=engine, scenarios=_POOL_OF_100)


def _recipe(app: str) -> CellSpec:
    return _recipe_like(f"recipe-{app}", f"recipe in {framework_name(app)}, uvicorn", framework=app)


# When time is short the last are left out first: what a reader asks first stands first. Twelve cells cannot
# hold every combination: server and route are asked of two pairs each, so that the engine can be, too.
QUICK_CELLS: tuple[CellSpec, ...] = (
    _product("fastapi", "handler", _UVICORN),
    _product("litestar", "handler", _UVICORN),
    _product("fastapi", "handler", _UVICORN, twin=True),
    _recipe("fastapi"),
    _recipe("litestar"),
    _product("fastapi", "handler", _UVICORN, engine="httpx2"),
    _product("litestar", "handler", _UVICORN, engine="httpx2"),
    _product("fastapi", "handler", _HYPERCORN),
    _product("litestar", "handler", _HYPERCORN),
    _product("fastapi", "mount", _UVICORN),
    _product("litestar", "mount", _UVICORN),
    _baseline("bare", "bare ASGI, uvicorn", engine=_ENGINE),
)


def _sketches() -> list[CellSpec]:
    whole = _baseline("sketch", "sketch (no safety), bare ASGI", engine="sketch", scenarios=_ANY_POOL)
    return [whole] + [
        _baseline(
            f"sketch-{app}-{route}",
            f"sketch under {framework_name(app)} {route}",
            module=f"sketch_{app}",
            framework=app,
            route=route,
            engine="sketch",
            scenarios=_ANY_POOL,
        )
        for app, route in itertools.product(_FRAMEWORKS, ROUTES)
    ]


def _with_middleware() -> list[CellSpec]:
    added = {
        "middleware-fastapi": "FastAPI handler with CORS, request id, log",
        "middleware-litestar": "Litestar handler with CORS, request id, log",
        "base-http-fastapi": "the same and one BaseHTTPMiddleware",
    }
    return [
        _baseline(name, label, framework=name.rpartition("-")[2], route="handler", engine=_ENGINE)
        for name, label in added.items()
    ]


def _library(name: str, *, scenarios: tuple[str, ...]) -> CellSpec:
    return msgspec.structs.replace(_baseline(name, f"{name}, uvicorn", scenarios=scenarios), group="peer")


def _peer(name: str) -> CellSpec:
    return CellSpec(id=name, label=name, group="peer", app="", loop="", scenarios=_ANY_POOL)


EXTRA: tuple[CellSpec, ...] = (
    _product("fastapi", "mount", _HYPERCORN),
    _product("litestar", "mount", _HYPERCORN),
    _product("fastapi", "handler", _UVICORN, engine="httpx"),
    _product("litestar", "handler", _UVICORN, engine="httpx"),
    _baseline("bare-httpx2", "bare ASGI, uvicorn, httpx2", module="bare", engine="httpx2"),
    _baseline("static", "static ASGI answer, uvicorn", scenarios=_ANY_ANSWER),
    *_sketches(),
    *_with_middleware(),
    _recipe_like("starlette", "recipe in Starlette alone, uvicorn", framework="starlette"),
    _recipe_like("django", "recipe in Django on ASGI, uvicorn", framework="django"),
    _recipe_like("client-per-request", "one client per request, FastAPI", framework="fastapi"),
    _recipe_like(
        "requests-threads", "requests in a thread pool, FastAPI", framework="fastapi", engine="requests"
    ),
    _library("asgiproxy", scenarios=_ANY_POOL),
    _library("fastapi-proxy-lib", scenarios=_POOL_OF_100),
    *map(_peer, PEERS),
)
"""Not in the quick plan; `--subject` times them."""

PACKAGES = frozenset({"asgiproxy", "django", "fastapi-proxy-lib"})
"""Cells that are named after a package which no app needs; without it the cell is left out."""


def _every_product() -> list[CellSpec]:
    frameworks, routes, servers, loops, engines = FACTORS.values()
    return [
        _product(app, route, profile, loop=loop, engine=engine)
        for app, route, profile, loop, engine in itertools.product(
            frameworks, routes, servers, loops, engines
        )
    ]


def choose(patterns: Sequence[str]) -> list[CellSpec]:
    """Return the cells whose id holds one of the patterns, or matches it as a shell pattern.

    Looked for among those that `--list` shows first, then among every combination of the factors. Raises
    ValueError for a pattern that chooses nothing.
    """
    listed = [*QUICK_CELLS, *EXTRA]
    chosen: dict[str, CellSpec] = {}
    for pattern in patterns:
        found = _matching(pattern, listed) or _matching(pattern, _every_product())
        if not found:
            raise ValueError(f"no cell matches {pattern!r}; python -m bench run --list shows them")
        chosen |= {cell.id: cell for cell in found}
    order = [cell.id for cell in (*listed, *_every_product())]
    return sorted(chosen.values(), key=lambda cell: order.index(cell.id))


def _matching(pattern: str, cells: Sequence[CellSpec]) -> list[CellSpec]:
    exact = [cell for cell in cells if cell.id == pattern]
    return exact or [cell for cell in cells if pattern in cell.id or fnmatchcase(cell.id, pattern)]


def vary(wishes: Sequence[str]) -> list[CellSpec]:
    """Return the products that vary in the factors named, "engine" or "engine=wire,httpx2", all else held.

    Raises ValueError for a factor or a level that there is not.
    """
    levels = {factor: known[:1] for factor, known in FACTORS.items()}
    for wish in wishes:
        factor, _, named = wish.partition("=")
        if factor not in FACTORS:
            raise ValueError(f"there is no factor {factor!r}: one of {', '.join(FACTORS)}")
        wanted = tuple(named.split(",")) if named else FACTORS[factor]
        for level in wanted:
            if level not in FACTORS[factor]:
                raise ValueError(f"{factor} has no level {level!r}: {', '.join(FACTORS[factor])}")
        levels[factor] = wanted
    return [
        cell
        for cell in _every_product()
        if cell.framework in levels["framework"]
        and cell.route in levels["route"]
        and cell.profile in levels["server"]
        and cell.loop in levels["loop"]
        and cell.engine in levels["engine"]
    ]
