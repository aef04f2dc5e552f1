"""uvicorn's httptools protocol cuts a fragment off the target, and no app hears of it.

RFC 9112 §3.2: no form of a request's target holds a `#`; an invalid request line SHOULD be answered 400.
A reader before it may take `#/../admin` for a part of the path, or for nothing (CVE-2023-45539), so that
the server should refuse it, or an app that decides by path see it. httptools.parse_url() gives the fragment
apart, and uvicorn takes path and query alone. The h11 protocol of the same server hands the whole on.

Needs uvicorn and httptools.
"""

import asyncio
import importlib.metadata
import socket
import sys

import uvicorn

EXPECTED = "400, or an app that is told of /a#/../b"
TARGET = b"/a#/../b"


async def main():
    told = []

    async def app(scope, receive, send):
        told.append(scope["raw_path"])
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    sock = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, http="httptools", lifespan="off", log_config=None))
    serving = asyncio.create_task(server.serve(sockets=[sock]))
    reader, writer = await asyncio.open_connection(*sock.getsockname())
    writer.write(b"GET " + TARGET + b" HTTP/1.1\r\nHost: example\r\n\r\n")
    status = (await asyncio.wait_for(reader.readline(), 10)).split()[1].decode()
    writer.close()
    server.should_exit = True
    await serving
    there = status != "400" and told != [TARGET]
    observed = f"{status}, and an app that is told of {told[0].decode()}" if there else EXPECTED
    print("uvicorn", importlib.metadata.version("uvicorn"))
    print(f"expected: {EXPECTED}")
    print(f"observed: {observed}")
    print("still there" if there else "gone")
    return int(not there)


sys.exit(asyncio.run(main()))
