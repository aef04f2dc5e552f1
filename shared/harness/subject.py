"""What the suite tests and the benchmark times: app x route x server profile x loop x engine."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Mapping

import msgspec

from shared.harness.process import ROOT
from shared.harness.servers import PROFILES, Running, start_server
from shared.variables import ENGINES, ROUTES, TABLE

__all__ = ["ENGINES", "ROUTES", "Subject", "apps", "put_back", "start", "subjects"]

_DEFAULT_LOOP = "uvloop"
_DEFAULT_ENGINE = ENGINES[0]


class Subject(msgspec.Struct, frozen=True):
    """One way to run one proxy. `app` is the framework: "fastapi" stands for the folder `fastapi_app`."""

    app: str
    route: str
    profile: str
    loop: str = _DEFAULT_LOOP
    engine: str = _DEFAULT_ENGINE

    @property
    def id(self) -> str:
        """`fastapi-handler-uvicorn-httptools`; loop and engine follow only where they are not the default."""
        parts = [self.app, self.route, self.profile]
        if self.loop != _DEFAULT_LOOP:
            parts.append(self.loop)
        if self.engine != _DEFAULT_ENGINE:
            parts.append(self.engine)
        return "-".join(parts)


def apps() -> tuple[str, ...]:
    """The apps of this project: each folder `<name>_app` at its root that holds an app.py, sorted by name."""
    return tuple(sorted(path.parent.name.removesuffix("_app") for path in ROOT.glob("*_app/app.py")))


def subjects(
    *,
    apps: Iterable[str] | None = None,
    routes: Iterable[str] = ROUTES,
    profiles: Iterable[str] | None = None,
    loop: str = _DEFAULT_LOOP,
    engine: str = _DEFAULT_ENGINE,
) -> tuple[Subject, ...]:
    """Every app x route x server profile; each part may be narrowed."""
    chosen = _all_apps() if apps is None else apps
    return tuple(
        Subject(app=app, route=route, profile=profile, loop=loop, engine=engine)
        for app, route, profile in itertools.product(
            chosen, routes, PROFILES if profiles is None else profiles
        )
    )


def start(
    subject: Subject,
    upstream_url: str,
    *,
    settings: Mapping[str, str] | None = None,
    cpus: frozenset[int] | None = None,
) -> Running:
    """Start the subject in front of `upstream_url` and return once it listens.

    `settings` are further TANDEM_ variables and win over what the subject implies. Raises ProcessFailed, with
    the tail of its log, when it does not come up.
    """
    env = {
        **put_back(),
        "TANDEM_UPSTREAM_URL": upstream_url,
        "TANDEM_ROUTE": subject.route,
        "TANDEM_ENGINE": subject.engine,
        **(settings or {}),
    }
    return start_server(
        f"{subject.app}_app.app:app",
        profile=subject.profile,
        loop=subject.loop,
        env=env,
        cpus=cpus,
        name=subject.id,
    )


def put_back() -> dict[str, str]:
    """Return the defaults of whatever TANDEM_ variables the caller's own shell holds: a result must not
    depend on them."""
    return {row.name: row.default for row in TABLE if row.name in os.environ and row.default is not None}


_all_apps = apps  # subjects() has a parameter of that name
