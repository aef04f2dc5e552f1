"""aiohttp loses a response when what follows it in the same read is no HTTP.

RFC 9112 §6.3 asks a client not to take what follows a response for another; the response itself is
whole. aiohttp's parser collects the messages of a read, and an error behind them drops them all: an
upstream that sends a body with a 204, or after HEAD, answers nothing.

Needs aiohttp.
"""

import asyncio
import sys

import aiohttp

EXPECTED = "204"


async def main():
    async def upstream(reader, writer):
        await reader.read(65536)
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\nextra")
        await reader.read(65536)
        writer.close()

    server = await asyncio.start_server(upstream, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with aiohttp.ClientSession() as session:
        try:
            async with session.get(url) as response:
                observed = str(response.status)
        except aiohttp.ClientError as error:
            observed = type(error).__name__
    server.close()
    print("aiohttp", aiohttp.__version__)
    print(f"expected: {EXPECTED}")
    print(f"observed: {observed}")
    there = observed != EXPECTED
    print("still there" if there else "gone")
    return int(not there)


sys.exit(asyncio.run(main()))
