"""The recipe in Django, on ASGI: what someone who leaves Django has today.

As lean as Django goes: no middleware, no database, no session, where `startproject` would bring seven layers.
What it does whatever is asked of it: a request's body is read whole, into a file beyond 2.5 MB, before the
view begins; a response has one field of each name.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, StreamingHttpResponse
from django.urls import re_path

from bench.baselines.lifespan import with_lifespan

__all__ = ["app"]

client: httpx.AsyncClient


@asynccontextmanager
async def opening() -> AsyncIterator[None]:
    """Own the client; Django itself knows no lifespan."""
    global client
    async with httpx.AsyncClient(base_url=os.environ["TANDEM_UPSTREAM_URL"]) as client:
        yield


async def proxy(request: HttpRequest) -> StreamingHttpResponse:
    """Forward one request, stream the response."""
    headers = dict(request.headers)
    headers.pop("Transfer-Encoding", None)  # of a body that was read whole httpx tells the length
    upstream = client.build_request(
        str(request.method), request.get_full_path(), headers=headers, content=request.body or None
    )
    response = await client.send(upstream, stream=True)
    return StreamingHttpResponse(_body(response), status=response.status_code, headers=dict(response.headers))


async def _body(response: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for chunk in response.aiter_raw():
            yield chunk
    finally:
        await response.aclose()


urlpatterns = [re_path("", proxy)]
settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], DATA_UPLOAD_MAX_MEMORY_SIZE=None)
app = with_lifespan(get_asgi_application(), opening)
