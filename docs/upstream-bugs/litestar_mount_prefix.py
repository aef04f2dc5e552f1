"""Litestar's mount at /m also takes /mother.

A mount is a path segment: what is mounted at /m is asked for /m and what lies below it (as in
Starlette, and in Litestar's own documentation). The router compares strings, so that /mother is handed
to the app at /m, which sees `other` as its path. An app that is mounted behind an authorisation by
path, or beside another, answers for paths that are not its own.

Needs litestar.
"""

import asyncio
import importlib.metadata
import sys

from litestar import Litestar, asgi
from litestar.testing import TestClient
from litestar.types import Receive, Scope, Send

EXPECTED = "/m 200, /m/x 200, /mother 404"


@asgi("/m", is_mount=True, copy_scope=True)
async def mounted(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": scope["path"].encode()})


async def main():
    app = Litestar([mounted], openapi_config=None, logging_config=None)
    with TestClient(app) as client:
        observed = ", ".join(f"{path} {client.get(path).status_code}" for path in ("/m", "/m/x", "/mother"))
    print("litestar", importlib.metadata.version("litestar"))
    print(f"expected: {EXPECTED}")
    print(f"observed: {observed}")
    there = observed != EXPECTED
    print("still there" if there else "gone")
    return int(not there)


sys.exit(asyncio.run(main()))
