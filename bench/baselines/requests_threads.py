"""`requests` behind an async endpoint, every call in the framework's pool of 40 threads: no loop is blocked.

Nor is the wait free: a thread is held while the upstream has not answered, and again for each piece of the
body. Beside it the fan-out of bench/baselines/thread_pool.py: a pool of its own for each, five threads in it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated

import msgspec
import requests
from fastapi import FastAPI, Query, Request, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

__all__ = ["app"]

UPSTREAM = os.environ["TANDEM_UPSTREAM_URL"]
app = FastAPI()


@app.get("/-/fanout")
def fan_out(path: Annotated[list[str], Query()], chars: int = 50) -> Response:
    """Fetch all paths at once, answer with the first characters of each, a line of JSON for one."""
    with ThreadPoolExecutor(max_workers=len(path)) as pool:
        answers = list(pool.map(requests.get, [UPSTREAM + one for one in path]))
    lines = [
        {"path": one, "index": index, "status": answer.status_code, "text": answer.text[:chars]}
        for index, (one, answer) in enumerate(zip(path, answers, strict=True))
    ]
    return Response(msgspec.json.Encoder().encode_lines(lines), media_type="application/x-ndjson")


@app.api_route("/{path:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
async def proxy(request: Request) -> StreamingResponse:
    """Forward one request, stream the response."""
    target = UPSTREAM + request.url.path + (f"?{request.url.query}" if request.url.query else "")
    body = await request.body()
    response = await run_in_threadpool(
        requests.request, request.method, target, headers=dict(request.headers), data=body, stream=True
    )
    headers = dict(response.headers)
    return StreamingResponse(_body(response), status_code=response.status_code, headers=headers)


def _body(response: requests.Response) -> Iterator[bytes]:
    with response:
        yield from response.raw.stream(None, decode_content=False)
