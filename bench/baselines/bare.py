"""Bare ASGI over the same core: no framework at all. What a framework costs is the difference to this."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any

from shared import collector
from shared.proxy import open_proxy
from shared.settings import Settings, from_env

__all__ = ["Bare", "app"]


class Bare:
    """An ASGI callable that owns one core for the time between lifespan's start-up and shutdown."""

    def __init__(
        self, settings: Settings, opening: Callable[[Settings], AbstractAsyncContextManager[Any]]
    ) -> None:
        self.settings = settings
        self.opening = opening
        self.proxy: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await self.proxy(scope, receive, send)

    async def _live(self, receive: Any, send: Any) -> None:
        async with AsyncExitStack() as stack:
            await receive()
            self.proxy = await stack.enter_async_context(self.opening(self.settings))
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})


app = Bare(from_env(), open_proxy)
collector.settle()  # as the apps do
