"""aiohttp fails a whole response for a Content-Length among its trailers.

RFC 9110 §6.5.1: what is no trailer is not merged into the header section, and may be dropped; the message
before it is whole. llhttp reads trailers as it reads a head, where a length beside chunks is an error, and
aiohttp's parser drops the head and the body that came in the same read. httptools, on llhttp too, hands both
over before it raises; h11 hands over the trailer as one.

Needs aiohttp.
"""

import asyncio
import sys

import aiohttp

EXPECTED = "b'hello'"
ANSWER = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nContent-Length: 3\r\n\r\n"


async def main():
    async def upstream(reader, writer):
        await reader.read(65536)
        writer.write(ANSWER)
        await reader.read(65536)
        writer.close()

    server = await asyncio.start_server(upstream, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with aiohttp.ClientSession() as session:
        try:
            async with session.get(url) as response:
                observed = str(await response.read())
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
