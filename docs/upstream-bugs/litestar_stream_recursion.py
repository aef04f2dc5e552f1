"""Litestar's streaming response recurses once for each request chunk that nobody read.

While a Stream is sent, `_listen_for_disconnect` calls itself after every message that is no disconnect
(litestar/response/streaming.py). An upload that is answered while it still arrives, in a thousand
chunks or more, ends the response with a RecursionError instead. A `while` loop would do.

Needs litestar.
"""

import asyncio
import importlib.metadata
import sys

from litestar.response.streaming import ASGIStreamingResponse

EXPECTED = "the whole response"
CHUNKS = 3000


async def main():
    left, uploaded, answered, sent = CHUNKS, asyncio.Event(), asyncio.Event(), b""

    async def content():
        yield b"some, "
        await uploaded.wait()
        yield b"and the rest"

    async def receive():
        nonlocal left
        left -= 1
        if left == 0:
            uploaded.set()
            await answered.wait()
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": b"x", "more_body": True}

    async def send(message):
        nonlocal sent
        sent += message.get("body", b"")
        if not message.get("more_body", True):
            answered.set()

    try:
        response = ASGIStreamingResponse(iterator=content())
        await asyncio.wait_for(response({"type": "http", "method": "POST"}, receive, send), 10)
        observed = EXPECTED if sent == b"some, and the rest" else f"{sent!r}"
    except* RecursionError:
        observed = f"RecursionError after {sent!r}"
    print("litestar", importlib.metadata.version("litestar"))
    print(f"expected: {EXPECTED}")
    print(f"observed: {observed}")
    there = observed != EXPECTED
    print("still there" if there else "gone")
    return int(not there)


sys.exit(asyncio.run(main()))
