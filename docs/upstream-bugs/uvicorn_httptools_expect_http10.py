"""uvicorn's httptools protocol says 100 to HTTP/1.0 clients.

RFC 9110 §10.1.1: a server MUST ignore a 100-continue expectation in an HTTP/1.0 request; §15.2: it MUST
NOT send a 1xx response to an HTTP/1.0 client, which would take it for the response. The h11 protocol of
the same server does neither.

Needs uvicorn and httptools.
"""

import asyncio
import importlib.metadata
import socket
import sys

import uvicorn

EXPECTED = b"HTTP/1.1 200 OK"


async def app(scope, receive, send):
    while (await receive()).get("more_body", False):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body"})


async def main():
    sock = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, http="httptools", lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[sock]))
    reader, writer = await asyncio.open_connection(*sock.getsockname())
    writer.write(b"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
    await asyncio.sleep(0.2)  # a client that may wait for a 100, and then does without
    writer.write(b"ok")
    observed = (await asyncio.wait_for(reader.read(), 10)).partition(b"\r\n")[0]
    writer.close()
    server.should_exit = True
    await serving
    print("uvicorn", importlib.metadata.version("uvicorn"))
    print(f"expected: {EXPECTED}")
    print(f"observed: {observed}")
    there = observed != EXPECTED
    print("still there" if there else "gone")
    return int(not there)


sys.exit(asyncio.run(main()))
