"""Bare ASGI over the same core: no framework at all. What a framework costs is the difference to this."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any

from shared.proxy import Proxy, open_proxy
from shared.settings import from_env

__all__ = ["app"]


class Bare:
    """An ASGI callable that owns one `Proxy` for the time between lifespan's start-up and shutdown."""

    def __init__(self) -> None:
        self.settings = from_env()
        self.proxy: Proxy | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            assert self.proxy is not None
            await self.proxy(scope, receive, send)

    async def _live(self, receive: Any, send: Any) -> None:
        async with AsyncExitStack() as stack:
            await receive()
            self.proxy = await stack.enter_async_context(open_proxy(self.settings))
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})


app = Bare()
