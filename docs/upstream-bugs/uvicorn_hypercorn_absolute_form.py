"""uvicorn's h11 protocol and hypercorn give the app a whole URL for a path.

RFC 9112 §3.2.2: a server MUST accept the absolute-form of a request's target, and takes the host from
it. Both pass `http://evil.test/x` on as path and raw_path, with Host as it was: routers answer 404, and
a proxy that joins its upstream's address and the path sends the request wherever the client says.
uvicorn's httptools protocol has the path right.

Needs uvicorn, h11 and hypercorn.
"""

import asyncio
import importlib.metadata
import socket
import sys

import hypercorn.asyncio
import uvicorn
from hypercorn.config import Config

EXPECTED = "/x and /x"


async def main():
    paths = []

    async def app(scope, receive, send):
        if scope["type"] == "http":
            paths.append(scope["path"])
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body"})

    async def ask(sock):
        reader, writer = await asyncio.open_connection(*sock.getsockname())
        writer.write(b"GET http://evil.test/x HTTP/1.1\r\nHost: example\r\nConnection: close\r\n\r\n")
        await asyncio.wait_for(reader.read(), 10)
        writer.close()

    sock = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, http="h11", lifespan="off", log_config=None))
    serving = asyncio.create_task(server.serve(sockets=[sock]))
    await ask(sock)
    server.should_exit = True
    await serving
    sock = socket.create_server(("127.0.0.1", 0))
    config = Config()
    config.bind = [f"fd://{sock.fileno()}"]
    config.accesslog = config.errorlog = None
    stop = asyncio.Event()
    serving = asyncio.create_task(hypercorn.asyncio.serve(app, config, shutdown_trigger=stop.wait))
    await ask(sock)
    stop.set()
    await serving
    observed = " and ".join(paths)
    print("uvicorn", importlib.metadata.version("uvicorn"))
    print("hypercorn", importlib.metadata.version("hypercorn"))
    print(f"expected: {EXPECTED}")
    print(f"observed: {observed}")
    there = observed != EXPECTED
    print("still there" if there else "gone")
    return int(not there)


sys.exit(asyncio.run(main()))
