"""The anti-pattern beside the recipe: a client of its own for every request, in FastAPI.

Each makes a pool and a TLS context, opens a connection, and throws all three away. Beside it a fan-out of the
same make: one client for the five requests of one.
"""

from __future__ import annotations

import asyncio
import os
from typing import Annotated

import httpx
import msgspec
from fastapi import FastAPI, Query, Request, Response
from fastapi.responses import StreamingResponse
from starlette.background import BackgroundTask

__all__ = ["app"]

app = FastAPI()


@app.get("/-/fanout")
async def fan_out(path: Annotated[list[str], Query()], chars: int = 50) -> Response:
    """Fetch all paths at once, answer with the first characters of each, a line of JSON for one."""
    async with httpx.AsyncClient(base_url=os.environ["TANDEM_UPSTREAM_URL"]) as client:
        answers = await asyncio.gather(*(client.get(one) for one in path))
    lines = [
        {"path": one, "index": index, "status": answer.status_code, "text": answer.text[:chars]}
        for index, (one, answer) in enumerate(zip(path, answers, strict=True))
    ]
    return Response(msgspec.json.Encoder().encode_lines(lines), media_type="application/x-ndjson")


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
