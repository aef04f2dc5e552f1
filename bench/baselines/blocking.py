"""The anti-pattern behind the question in docs/connection-closed.md: `requests` inside an async endpoint.

While `requests` waits for the upstream nothing else in the process moves: no other client, no timer, no
health check.
"""

from __future__ import annotations

import os

import requests
from fastapi import FastAPI, Response

__all__ = ["app"]

UPSTREAM = os.environ["TANDEM_UPSTREAM_URL"]
app = FastAPI()


@app.get("/-/healthy")
async def healthy() -> dict[str, bool]:
    """Answers at once, if the loop lets it."""
    return {"healthy": True}


@app.get("/{path:path}")
async def proxy(path: str) -> Response:
    """Fetch and hand on, blocking the event loop meanwhile."""
    answer = requests.get(f"{UPSTREAM}/{path}")
    return Response(answer.content, answer.status_code, media_type=answer.headers.get("content-type"))
