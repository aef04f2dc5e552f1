"""httpcore has no way to see 1xx responses or trailers.

RFC 9110 §15.2: a proxy MUST forward 1xx responses unless it asked for them itself; §6.5: trailers may
be passed on, and gRPC and others need them. httpcore reads both and drops them without a hook: neither
the response's extensions nor its trace have them. A limit rather than a fault, but one that nothing
above it can mend.

Needs httpcore or httpcore2.
"""

import asyncio
import importlib
import importlib.metadata
import sys

EXPECTED = "the 103 and the trailer"
ANSWER = (
    b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n"
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Trailer: yes\r\n\r\n"
)


async def main():
    async def upstream(reader, writer):
        await reader.read(65536)
        writer.write(ANSWER)
        writer.close()

    server = await asyncio.start_server(upstream, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    told = ""
    for name in ("httpcore", "httpcore2"):
        core = importlib.import_module(name)

        async def trace(event, info):
            nonlocal told
            told += f"{event} {info}"

        async with core.AsyncConnectionPool() as pool:
            response = await pool.request("GET", url, extensions={"trace": trace})
            told += f"{response.headers} {response.extensions}"
        print(name, importlib.metadata.version(name))
    server.close()
    found = [word for word, sign in (("the 103", "style.css"), ("the trailer", "X-Trailer")) if sign in told]
    observed = " and ".join(found) or "neither the 103 nor the trailer"
    print(f"expected: {EXPECTED}")
    print(f"observed: {observed}")
    there = observed != EXPECTED
    print("still there" if there else "gone")
    return int(not there)


sys.exit(asyncio.run(main()))
