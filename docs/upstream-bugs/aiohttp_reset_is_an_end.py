"""aiohttp takes a reset for the end of a body that the connection's end delimits.

RFC 9112 §8: such a body is complete unless the underlying connection has indicated an error. aiohttp
tells the parser that the bytes have ended before it looks at how.

Needs aiohttp.
"""

import asyncio
import socket
import struct
import sys

import aiohttp

EXPECTED = "an error"


async def main():
    headed = asyncio.Event()

    async def upstream(reader, writer):
        await reader.read(65536)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nhalf")
        await headed.wait()
        linger = struct.pack("ii", 1, 0)  # RST instead of FIN
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.transport.abort()

    server = await asyncio.start_server(upstream, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        body = await response.content.readany()
        headed.set()
        try:
            body += await response.content.read()
            observed = f"{body!r}, and its end"
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
