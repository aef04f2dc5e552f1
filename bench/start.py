"""Starts a cell, whatever it is, in front of an upstream. Says what a cell lacks to be started."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from urllib.parse import urlsplit

from bench.cells import PACKAGES, subject_of
from bench.own import start_own
from bench.record import CellSpec
from shared.harness import subject as subjects
from shared.harness.peers import PEERS, Upstream, Wish
from shared.harness.servers import Running, start_server

__all__ = ["lacks", "start"]


def lacks(cell: CellSpec) -> str:
    """Return why the cell cannot be started here, in one line; empty when it can."""
    install = ""
    if cell.id in PEERS and not PEERS[cell.id].version():
        install = PEERS[cell.id].install
    elif cell.id in PACKAGES:
        try:
            version(cell.id)
        except PackageNotFoundError:
            install = f"pip install --constraint constraints.txt {cell.id}"
    return f"it is not installed ({install})" if install else ""


def start(
    cell: CellSpec, upstream_url: str, *, settings: Mapping[str, str], cpus: frozenset[int] | None = None
) -> Running:
    """Start the cell and return once it listens. ``settings``: TANDEM_ variables, for whoever reads them.

    Raises ProcessFailed, with the tail of its log, when it does not come up.
    """
    if cell.app.endswith(".toml"):
        return start_own(Path(cell.app), upstream_url, settings=settings, cpus=cpus)
    if cell.id in PEERS:
        pool = int(settings.get("TANDEM_MAX_CONNECTIONS", 100))
        patience_s = settings.get("TANDEM_POOL_TIMEOUT")
        wish = Wish(pool=pool, keep=pool, queue_s=float(patience_s) if patience_s else None, drain_s=1.0)
        where = urlsplit(upstream_url)
        return PEERS[cell.id].start(Upstream(str(where.hostname), int(where.port or 80)), wish, cpus=cpus)
    if cell.group == "product":
        return subjects.start(subject_of(cell), upstream_url, settings=settings, cpus=cpus)
    env = {**subjects.put_back(), "TANDEM_UPSTREAM_URL": upstream_url, **settings}
    if cell.engine in subjects.ENGINES:
        env["TANDEM_ENGINE"] = cell.engine
    if cell.route:
        env["TANDEM_ROUTE"] = cell.route
    return start_server(cell.app, profile=cell.profile, loop=cell.loop, env=env, cpus=cpus, name=cell.id)
