"""Small ASGI apps that the harness's tests start on real servers."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

__all__ = ["dies_at_startup", "says_scope"]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


async def says_scope(scope: Message, receive: Receive, send: Send) -> None:
    """Answer with what the server told: peer, path and headers, as JSON."""
    if scope["type"] == "lifespan":
        while (await receive())["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        return await send({"type": "lifespan.shutdown.complete"})
    told = {
        "client": scope["client"][0],
        "path": scope["path"],
        "headers": [[name.decode(), value.decode()] for name, value in scope["headers"]],
    }
    body = json.dumps(told).encode()
    start = {
        "type": "http.response.start",
        "status": 200,
        "headers": [(b"content-length", b"%d" % len(body))],
    }
    await send(start)
    return await send({"type": "http.response.body", "body": body})


async def dies_at_startup(scope: Message, receive: Receive, send: Send) -> None:
    """Fail the lifespan with a sentence that the log should carry."""
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no pigeons left to carry requests"})
