"""An ASGI app that never forgets a path: what a route cache without a bound does to memory."""

from __future__ import annotations

import os
from typing import Any

from bench.baselines.static import app as static

__all__ = ["PATH_BYTES", "app"]

PATH_BYTES = 16_384

_routes: dict[str, bytes] = {}


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Keep PATH_BYTES for each path, however often it is asked for."""
    if scope["type"] == "http" and scope["path"] not in _routes:
        _routes[scope["path"]] = os.urandom(PATH_BYTES)
    await static(scope, receive, send)
