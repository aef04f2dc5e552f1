"""ASGI's lifespan for applications that leave it out; the server profiles of the benchmark insist on it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

__all__ = ["with_lifespan"]


def with_lifespan(app: Any, opening: Callable[[], AbstractAsyncContextManager[Any]]) -> Any:
    """Return `app` with the context held open between the server's start-up and its shutdown."""

    async def whole(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            await app(scope, receive, send)
            return
        await receive()
        async with opening():
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})

    return whole
