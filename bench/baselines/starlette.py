"""The recipe in Starlette alone: what FastAPI adds to it is the difference to recipe_fastapi."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

__all__ = ["app"]


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    """Own the client."""
    async with httpx.AsyncClient(base_url=os.environ["TANDEM_UPSTREAM_URL"]) as client:
        app.state.client = client
        yield


async def proxy(request: Request) -> StreamingResponse:
    """Forward one request, stream the response."""
    client: httpx.AsyncClient = request.app.state.client
    url = httpx.URL(path=request.url.path, query=request.url.query.encode("utf-8"))
    upstream = client.build_request(
        request.method, url, headers=request.headers.raw, content=request.stream()
    )
    response = await client.send(upstream, stream=True)
    return StreamingResponse(
        response.aiter_raw(),
        status_code=response.status_code,
        headers=response.headers,
        background=BackgroundTask(response.aclose),
    )


app = Starlette(
    routes=[Route("/{path:path}", proxy, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])],
    lifespan=lifespan,
)
