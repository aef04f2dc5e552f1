"""aiohttp reads interim responses for as long as they come.

RFC 9110 §15.2: a client reads one or more 1xx before the final response. Nothing says how many it has to
bear, so clients count: else an upstream that sends no more than these keeps a request for ever, each of them
starts the read timeout anew, and every one that a read brought is kept until the response's reader has its
turn. Go counts their bytes, Ruby ends after a hundred. aiohttp's own server stops reading when requests come
faster than it answers; its client never does.

Needs aiohttp.
"""

import asyncio
import sys

import aiohttp

EXPECTED = "an error"
MANY = 20_000
INTERIM = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
FINAL = b"HTTP/1.1 204 No Content\r\n\r\n"


async def main():
    async def upstream(reader, writer):
        await reader.read(65536)
        try:
            writer.write(INTERIM * MANY + FINAL)
            await writer.drain()
        except OSError:
            pass  # the client had enough
        writer.close()

    server = await asyncio.start_server(upstream, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with aiohttp.ClientSession() as session:
        try:
            async with session.get(url) as response:
                observed = f"{response.status} after {MANY} interim responses"
        except aiohttp.ClientError:
            observed = EXPECTED
    server.close()
    print("aiohttp", aiohttp.__version__)
    print(f"expected: {EXPECTED}")
    print(f"observed: {observed}")
    there = observed != EXPECTED
    print("still there" if there else "gone")
    return int(not there)


sys.exit(asyncio.run(main()))
