"""The other anti-pattern of docs/connection-closed.md: a thread pool per call, five `requests` in it.

What the second of the two copied recipes set out to replace. The endpoint is a plain `def`, so that FastAPI
runs it in its own pool of 40 threads and the loop stays free; each call then starts five more threads and
five connections.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import requests
from fastapi import FastAPI

__all__ = ["app"]

UPSTREAM = os.environ["TANDEM_UPSTREAM_URL"]
app = FastAPI()


@app.get("/-/healthy")
async def healthy() -> dict[str, bool]:
    """Answers at once, if the threads leave it the interpreter."""
    return {"healthy": True}


@app.get("/{path:path}")
def fetch_five(path: str) -> list[str]:
    """The first 50 characters of five answers, fetched at the same time."""
    with ThreadPoolExecutor(max_workers=5) as pool:
        answers = pool.map(requests.get, [f"{UPSTREAM}/{path}"] * 5)
    return [answer.text[:50] for answer in answers]
