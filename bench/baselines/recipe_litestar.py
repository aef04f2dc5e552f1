"""The recipe that people copy, in Litestar, repaired just enough to run: the twin of recipe_fastapi."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from litestar import HttpMethod, Litestar, Request, route
from litestar.background_tasks import BackgroundTask
from litestar.response import Stream

__all__ = ["app"]


@asynccontextmanager
async def lifespan(app: Litestar) -> AsyncIterator[None]:
    """Own the client."""
    async with httpx.AsyncClient(base_url=os.environ["TANDEM_UPSTREAM_URL"]) as client:
        app.state.client = client
        yield


@route(
    "/{path:path}",
    http_method=[HttpMethod.GET, HttpMethod.POST, HttpMethod.PUT, HttpMethod.PATCH, HttpMethod.DELETE],
)
async def proxy(request: Request[Any, Any, Any]) -> Stream:
    """Forward one request, stream the response."""
    client: httpx.AsyncClient = request.app.state.client
    url = httpx.URL(path=request.url.path, query=request.url.query.encode("utf-8"))
    upstream = client.build_request(
        request.method, url, headers=dict(request.headers), content=request.stream()
    )
    response = await client.send(upstream, stream=True)
    return Stream(
        response.aiter_raw(),
        status_code=response.status_code,
        headers=dict(response.headers),
        background=BackgroundTask(response.aclose),
    )


app = Litestar([proxy], lifespan=[lifespan])
