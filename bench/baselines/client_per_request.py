"""The anti-pattern beside the recipe: a client of its own for every request, in FastAPI.

Each makes a pool and a TLS context, opens a connection, and throws all three away.
"""

from __future__ import annotations

import os

import httpx
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse
from starlette.background import BackgroundTask

__all__ = ["app"]

app = FastAPI()


@app.api_route("/{path:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
async def proxy(request: Request) -> StreamingResponse:
    """Forward one request, stream the response, close the client."""
    client = httpx.AsyncClient(base_url=os.environ["TANDEM_UPSTREAM_URL"])
    url = httpx.URL(path=request.url.path, query=request.url.query.encode("utf-8"))
    upstream = client.build_request(
        request.method, url, headers=request.headers.raw, content=request.stream()
    )
    response = await client.send(upstream, stream=True)
    return StreamingResponse(
        response.aiter_raw(),
        status_code=response.status_code,
        headers=response.headers,
        background=BackgroundTask(client.aclose),
    )
