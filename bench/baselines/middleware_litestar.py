"""The Litestar app with the middleware that people add, in Litestar's own way: the twin of
middleware_fastapi."""

from __future__ import annotations

from litestar.config.cors import CORSConfig
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, Scope, Send

from bench.baselines.middleware import identified, logged
from litestar_app.proxy import create_app
from shared import collector
from shared.settings import from_env

__all__ = ["app"]


class RequestID(ASGIMiddleware):
    """X-Request-ID on every response."""

    scopes = (ScopeType.HTTP,)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        await next_app(scope, receive, identified(scope, send))


class AccessLog(ASGIMiddleware):
    """A line for every response."""

    scopes = (ScopeType.HTTP,)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        await next_app(scope, receive, logged(scope, send))


app = create_app(
    from_env(), middleware=[AccessLog(), RequestID()], cors_config=CORSConfig(allow_origins=["*"])
)
collector.settle()  # as the app itself does
