"""What people add to an app: an id for each request and a line in a log. Each as a `send` around another."""

from __future__ import annotations

import logging
import time
import uuid
from typing import Any

__all__ = ["identified", "logged"]

_log = logging.getLogger("access")
_log.addHandler(logging.StreamHandler())
_log.setLevel(logging.INFO)


def identified(scope: Any, send: Any) -> Any:
    """Return a `send` that adds X-Request-ID, the client's own or a new one."""
    given = (value for name, value in scope["headers"] if name == b"x-request-id")
    field = (b"x-request-id", next(given, None) or uuid.uuid4().hex.encode())

    async def wrapped(message: Any) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], field]
        await send(message)

    return wrapped


def logged(scope: Any, send: Any) -> Any:
    """Return a `send` that logs a line when the response begins: method, path, status, milliseconds."""
    began = time.perf_counter()

    async def wrapped(message: Any) -> None:
        if message["type"] == "http.response.start":
            took_ms = (time.perf_counter() - began) * 1e3
            _log.info("%s %s %d %.1f ms", scope["method"], scope["path"], message["status"], took_ms)
        await send(message)

    return wrapped
