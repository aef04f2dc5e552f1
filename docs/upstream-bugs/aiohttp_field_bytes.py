"""aiohttp leaves bytes of a field's value out when they are not UTF-8.

RFC 9110 §5.5: what is above 0x7F in a value is opaque, and a proxy passes it on. aiohttp reads it in the
way that it can be written again (surrogateescape), and its writer then skips each such character. No
str that one can give it is written as a byte above 0x7F alone.

Needs aiohttp.
"""

import asyncio
import sys

import aiohttp

EXPECTED = r"b'caf\xe9'"


async def main():
    values = []

    async def upstream(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        values.extend(line[5:] for line in head.split(b"\r\n") if line.startswith(b"X-M: "))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await reader.read(65536)
        writer.close()

    server = await asyncio.start_server(upstream, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    fields = {"X-M": b"caf\xe9".decode("utf-8", "surrogateescape")}
    async with aiohttp.ClientSession() as session, session.get(url, headers=fields):
        pass
    observed = repr(values[0])
    server.close()
    print("aiohttp", aiohttp.__version__)
    print(f"expected: {EXPECTED}")
    print(f"observed: {observed}")
    there = observed != EXPECTED
    print("still there" if there else "gone")
    return int(not there)


sys.exit(asyncio.run(main()))
