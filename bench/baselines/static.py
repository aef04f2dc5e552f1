"""A static ASGI answer with no upstream at all: the ceiling of a server, the ladder's first rung."""

from __future__ import annotations

from typing import Any

from shared.harness.origin.payload import JSON_BODY

__all__ = ["app"]

_START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(JSON_BODY))],
}
_BODY = {"type": "http.response.body", "body": JSON_BODY}


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer every request with the fast origin's JSON."""
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    await send(_START)
    await send(_BODY)
