"""A response's background task does not run when its stream breaks.

Both frameworks offer `background=` as the place for what comes after a response, and people copy
`StreamingResponse(r.aiter_raw(), background=BackgroundTask(r.aclose))` for proxies. When the iterator
raises, as it does when the upstream dies in mid-body, the task is skipped, and the connection it should
have closed stays open (Starlette #1152).

Needs starlette and litestar.
"""

import asyncio
import importlib.metadata
import sys

import litestar.background_tasks
import starlette.background
from litestar.response.streaming import ASGIStreamingResponse
from starlette.responses import StreamingResponse

EXPECTED = "starlette ran it, litestar ran it"


async def breaks():
    yield b"some"
    raise ConnectionError("the upstream is gone")


async def receive():
    await asyncio.sleep(60)  # a client that stays


async def send(message):
    pass


async def main():
    ran = []

    async def release(name):
        ran.append(name)

    task = starlette.background.BackgroundTask(release, "starlette")
    other = litestar.background_tasks.BackgroundTask(release, "litestar")
    responses = {
        "starlette": StreamingResponse(breaks(), background=task),
        "litestar": ASGIStreamingResponse(iterator=breaks(), background=other),
    }
    for name, response in responses.items():
        try:
            await asyncio.wait_for(response({"type": "http", "method": "GET"}, receive, send), 10)
        except* ConnectionError:
            pass
        print(name, importlib.metadata.version(name))
    observed = ", ".join(f"{name} {'ran' if name in ran else 'skipped'} it" for name in responses)
    print(f"expected: {EXPECTED}")
    print(f"observed: {observed}")
    there = observed != EXPECTED
    print("still there" if there else "gone")
    return int(not there)


sys.exit(asyncio.run(main()))
