"""httpcore loses a place in its pool for each request that is cancelled as it gets one.

A request waits for a free connection. It is given a new one, and is cancelled before its task has run
again: the request is forgotten, the connection stays in the pool, never connected, never idle, never
closed, and counts as used (httpcore #1093). When that has happened max_connections times, every further
request ends in PoolTimeout until the process is restarted. httpcore2, its continuation, is mended.

Below: a pool of one.

Needs httpcore.
"""

import asyncio
import importlib.metadata
import sys

import httpcore

EXPECTED = "200"


async def main():
    async def upstream(reader, writer):
        await reader.read(65536)
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(upstream, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with httpcore.AsyncConnectionPool(max_connections=1) as pool:
        async with pool.stream("GET", url):
            queued = asyncio.create_task(pool.request("GET", url))
            await asyncio.sleep(0.1)
        queued.cancel()  # it has just been given its connection
        await asyncio.wait([queued])
        try:
            timeouts = {"timeout": {"pool": 0.5}}
            observed = str((await pool.request("GET", url, extensions=timeouts)).status)
        except httpcore.PoolTimeout:
            observed = f"PoolTimeout, with {pool!r}"
    server.close()
    print("httpcore", importlib.metadata.version("httpcore"))
    print(f"expected: {EXPECTED}")
    print(f"observed: {observed}")
    there = observed != EXPECTED
    print("still there" if there else "gone")
    return int(not there)


sys.exit(asyncio.run(main()))
