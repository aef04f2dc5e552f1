"""Litestar's {path:path} does not give the path that was asked for.

RFC 3986 §6.2.2 and §3.3: `//` and a trailing slash are part of a path and make it another one. The
router normalises the request's path before it matches, so that a handler which passes paths on (a
proxy, a file store) cannot see them in its parameter; only `scope["raw_path"]` still has them.

Needs litestar.
"""

import asyncio
import importlib.metadata
import sys

from litestar import Litestar, get
from litestar.testing import TestClient

EXPECTED = "/a//b /a/ /a"


@get("/{path:path}")
async def handler(path: str) -> str:
    return path


async def main():
    app = Litestar([handler], openapi_config=None, logging_config=None)
    with TestClient(app) as client:
        observed = " ".join(client.get(path).text for path in EXPECTED.split())
    print("litestar", importlib.metadata.version("litestar"))
    print(f"expected: {EXPECTED}")
    print(f"observed: {observed}")
    there = observed != EXPECTED
    print("still there" if there else "gone")
    return int(not there)


sys.exit(asyncio.run(main()))
