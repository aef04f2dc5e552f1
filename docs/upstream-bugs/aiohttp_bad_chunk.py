"""aiohttp lets whoever reads a body wait for ever when a chunk of it is none.

RFC 9112 §8: a message that is not whole is an error, which whoever reads it has to hear of. aiohttp's
parser refuses the chunk and the connection is closed; but the body has been dropped by then, so that
nobody tells its reader, and the read timeout has been taken down with the connection.

Needs aiohttp.
"""

import asyncio
import sys

import aiohttp

EXPECTED = "ClientPayloadError"
HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"


async def main():
    headed = asyncio.Event()

    async def upstream(reader, writer):
        await reader.read(65536)
        writer.write(HEAD)
        await headed.wait()
        writer.write(b"no chunk\r\n")
        await reader.read(65536)
        writer.close()

    server = await asyncio.start_server(upstream, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    timeout = aiohttp.ClientTimeout(total=None, sock_read=0.5)
    async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as response:
        await response.content.readany()
        headed.set()
        try:
            await asyncio.wait_for(response.content.readany(), 2)
            observed = "a body"
        except aiohttp.ClientError as error:
            observed = type(error).__name__
        except TimeoutError:
            observed = "nothing in 2 s, with a read timeout of 0.5 s"
    server.close()
    print("aiohttp", aiohttp.__version__)
    print(f"expected: {EXPECTED}")
    print(f"observed: {observed}")
    there = observed != EXPECTED
    print("still there" if there else "gone")
    return int(not there)


sys.exit(asyncio.run(main()))
