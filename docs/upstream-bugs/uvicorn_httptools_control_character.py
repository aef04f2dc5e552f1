"""uvicorn's httptools protocol checks response fields after it has declared the response begun.

An app that sends a field value with a control character gets a RuntimeError, which is right. The client
should get the 500 that any other error of the app before its response makes. It gets a closed
connection without a byte: `response_started` is set before the check, so the handler of the error
believes that a response is under way.

Needs uvicorn and httptools.
"""

import asyncio
import importlib.metadata
import socket
import sys

import uvicorn

EXPECTED = b"HTTP/1.1 500 Internal Server Error"


async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-name", b"a\x01b")]})
    await send({"type": "http.response.body", "body": b"ok"})


async def main():
    sock = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, http="httptools", lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[sock]))
    reader, writer = await asyncio.open_connection(*sock.getsockname())
    writer.write(b"GET / HTTP/1.1\r\nHost: example\r\nConnection: close\r\n\r\n")
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
