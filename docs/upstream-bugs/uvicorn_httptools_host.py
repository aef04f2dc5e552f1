"""uvicorn's httptools protocol takes HTTP/1.1 requests without Host, and with two.

RFC 9112 §3.2: a server MUST answer 400 to an HTTP/1.1 request that lacks Host, has more than one, or
one with an invalid value. The h11 protocol of the same server does. Two proxies that take different
lines of two for the true one route the request differently.

Needs uvicorn and httptools.
"""

import asyncio
import importlib.metadata
import socket
import sys

import uvicorn

EXPECTED = "400 without Host, 400 with two"


async def app(scope, receive, send):
    headers = [(b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"ok"})


async def main():
    sock = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, http="httptools", lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[sock]))
    statuses = []
    for fields in (b"", b"Host: one.example\r\nHost: two.example\r\n"):
        reader, writer = await asyncio.open_connection(*sock.getsockname())
        writer.write(b"GET / HTTP/1.1\r\n" + fields + b"Connection: close\r\n\r\n")
        statuses.append((await asyncio.wait_for(reader.read(), 10))[9:12].decode())
        writer.close()
    observed = f"{statuses[0]} without Host, {statuses[1]} with two"
    server.should_exit = True
    await serving
    print("uvicorn", importlib.metadata.version("uvicorn"))
    print(f"expected: {EXPECTED}")
    print(f"observed: {observed}")
    there = observed != EXPECTED
    print("still there" if there else "gone")
    return int(not there)


sys.exit(asyncio.run(main()))
