"""hypercorn upper-cases the method.

RFC 9110 §9.1: the method token is case-sensitive. `get` is another method than `GET`, for which a
server has 501 or 405; a proxy has to pass it on as it is.

Needs hypercorn.
"""

import asyncio
import importlib.metadata
import socket
import sys

from hypercorn.asyncio import serve
from hypercorn.config import Config

EXPECTED = "gEt"


async def main():
    seen = asyncio.get_running_loop().create_future()

    async def app(scope, receive, send):
        if scope["type"] == "http":
            seen.set_result(scope["method"])
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body"})

    sock = socket.create_server(("127.0.0.1", 0))
    config = Config()
    config.bind = [f"fd://{sock.fileno()}"]
    config.accesslog = config.errorlog = None
    stop = asyncio.Event()
    serving = asyncio.create_task(serve(app, config, shutdown_trigger=stop.wait))
    reader, writer = await asyncio.open_connection(*sock.getsockname())
    writer.write(b"gEt / HTTP/1.1\r\nHost: example\r\nConnection: close\r\n\r\n")
    observed = await asyncio.wait_for(seen, 10)
    await asyncio.wait_for(reader.read(), 10)
    writer.close()
    stop.set()
    await serving
    print("hypercorn", importlib.metadata.version("hypercorn"))
    print(f"expected: {EXPECTED}")
    print(f"observed: {observed}")
    there = observed != EXPECTED
    print("still there" if there else "gone")
    return int(not there)


sys.exit(asyncio.run(main()))
