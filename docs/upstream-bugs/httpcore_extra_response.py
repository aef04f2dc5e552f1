"""httpcore answers a request with bytes that came before it was sent.

RFC 9112 §6.3: a client MUST NOT process as a separate response what it has read past the end of one. An
upstream that sends one response too many, by a fault of its own or because somebody made it (response
splitting), answers the next user of the pooled connection with it. httpcore returns the connection to
the pool although h11 holds unread bytes, and reads them as the response of the next request. What
arrives while the connection is idle is noticed; what came in the same read is not.

Needs httpcore and httpcore2.
"""

import asyncio
import importlib
import importlib.metadata
import sys

EXPECTED = "own, own"
OWN = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nown"
EXTRA = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nanother"


async def upstream(reader, writer):
    await reader.read(65536)
    writer.write(OWN + EXTRA)
    if await reader.read(65536):
        writer.write(OWN)
    writer.close()


async def main():
    server = await asyncio.start_server(upstream, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    seen = {}
    for name in ("httpcore", "httpcore2"):
        async with importlib.import_module(name).AsyncConnectionPool() as pool:
            seen[name] = ", ".join([(await pool.request("GET", url)).content.decode() for _ in range(2)])
        print(name, importlib.metadata.version(name))
    server.close()
    observed = "; ".join(sorted(set(seen.values())))
    print(f"expected: {EXPECTED}")
    print(f"observed: {observed}")
    there = observed != EXPECTED
    print("still there" if there else "gone")
    return int(not there)


sys.exit(asyncio.run(main()))
