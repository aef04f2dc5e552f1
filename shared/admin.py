"""The admin endpoints' content; the frameworks route to them and turn pages into responses of their own."""

import time
from typing import Any

import msgspec

from shared.headers import http_date
from shared.observe import METRICS_TYPE
from shared.proxy import Proxy

__all__ = ["Page", "exact", "healthy", "metrics", "ready"]


class Page(msgspec.Struct, frozen=True):
    """A whole small response: status, fields, body."""

    status: int
    headers: dict[str, str]
    body: bytes


def exact(scope: Any, prefix: str) -> bool:
    """Whether the path stands in the request just as documented.

    Routers normalise (Litestar strips slashes, both decode %2F); what only looks like an admin path belongs
    to the upstream.
    """
    path: bytes = scope["raw_path"]
    return path in {f"{prefix}/{name}".encode("ascii") for name in ("healthy", "ready", "metrics", "fanout")}


def healthy() -> Page:
    """The process lives and its loop turns."""
    return _page(200, "text/plain; charset=utf-8", b"healthy\n")


async def ready(proxy: Proxy) -> Page:
    """New exchanges are welcome."""
    if await proxy.ready():
        return _page(200, "text/plain; charset=utf-8", b"ready\n")
    if proxy.drain.begun:
        return _page(503, "text/plain; charset=utf-8", b"stopping\n")
    return _page(503, "text/plain; charset=utf-8", b"no connection to the upstream\n")


def metrics(proxy: Proxy) -> Page:
    return _page(200, METRICS_TYPE, proxy.observer.exposition())


def _page(status: int, content_type: str, body: bytes) -> Page:
    headers = {
        "Content-Type": content_type,
        "Cache-Control": "no-store",
        "Date": http_date(int(time.time())).decode("ascii"),
    }
    return Page(status, headers, body)
