"""aiohttp answers a request with what came on its connection before it was sent.

RFC 9112 §6.3: a client MUST NOT process as a separate response what it has read past the end of one. An
upstream that sends one response too many, by a fault of its own or because somebody made it, answers
the next user of the pooled connection with it. aiohttp looks for such bytes when it puts a connection
into its pool, not when it takes it out: here they come while it is idle.

Needs aiohttp.
"""

import asyncio
import sys

import aiohttp

EXPECTED = "own, own"
OWN = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nown"
EXTRA = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nanother"


async def main():
    idle, sent = asyncio.Event(), asyncio.Event()

    async def upstream(reader, writer):
        await reader.read(65536)
        writer.write(OWN)
        if not sent.is_set():
            await idle.wait()
            writer.write(EXTRA)
            sent.set()
        if await reader.read(65536):
            writer.write(OWN)
        writer.close()

    server = await asyncio.start_server(upstream, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with aiohttp.ClientSession() as session:
        seen = []
        for _ in range(2):
            async with session.get(url) as response:
                seen.append(await response.text())
            idle.set()
            await sent.wait()
            await asyncio.sleep(0.05)  # and aiohttp has read it
    observed = ", ".join(seen)
    server.close()
    print("aiohttp", aiohttp.__version__)
    print(f"expected: {EXPECTED}")
    print(f"observed: {observed}")
    there = observed != EXPECTED
    print("still there" if there else "gone")
    return int(not there)


sys.exit(asyncio.run(main()))
