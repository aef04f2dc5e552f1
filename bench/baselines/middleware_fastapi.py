"""The FastAPI app with the middleware that people add, in the form that costs least: pure ASGI."""

from __future__ import annotations

from fastapi.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from bench.baselines.middleware import identified, logged
from fastapi_app.proxy import create_app
from shared import collector
from shared.settings import from_env

__all__ = ["app"]


class RequestID:
    """X-Request-ID on every response."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, identified(scope, send) if scope["type"] == "http" else send)


class AccessLog:
    """A line for every response."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, logged(scope, send) if scope["type"] == "http" else send)


app = create_app(from_env())
app.add_middleware(CORSMiddleware, allow_origins=["*"])
app.add_middleware(RequestID)
app.add_middleware(AccessLog)
collector.settle()  # as the app itself does
