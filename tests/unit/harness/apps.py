"""Small ASGI apps that the harness's tests start on real servers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

__all__ = ["fails_to_start", "says_scope"]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


async def says_scope(scope: Message, receive: Receive, send: Send) -> None:
    """Answer with what the server told: peer, scheme, path and headers, and the loop it runs on, as JSON."""
    if scope["type"] == "lifespan":
        while (await receive())["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        return await send({"type": "lifespan.shutdown.complete"})
    told = {
        "client": scope["client"][0],
        "scheme": scope["scheme"],
        "path": scope["path"],
        "loop": type(asyncio.get_running_loop()).__module__.partition(".")[0],
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


async def fails_to_start(scope: Message, receive: Receive, send: Send) -> None:
    """Fail the lifespan with a sentence that the log should carry."""
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no pigeons left to carry requests"})
