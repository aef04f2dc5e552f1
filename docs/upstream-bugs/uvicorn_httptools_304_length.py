"""uvicorn's httptools protocol wants the content that a 304 only speaks of.

RFC 9110 §8.6: a 304 may have the Content-Length that the 200 would have had; RFC 9112 §6.3: it ends
with its head all the same. uvicorn counts the bytes that the app sends against it, as it does not for
HEAD, raises "Response content shorter than Content-Length" and closes the connection behind a response
that was whole. What the client asks next on that connection is lost.

Needs uvicorn and httptools.
"""

import asyncio
import importlib.metadata
import socket
import sys

import uvicorn

EXPECTED = "304 and 200"


async def app(scope, receive, send):
    if scope["path"] == "/cached":
        await send({"type": "http.response.start", "status": 304, "headers": [(b"content-length", b"10")]})
    else:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body"})


async def main():
    sock = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, http="httptools", lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[sock]))
    reader, writer = await asyncio.open_connection(*sock.getsockname())
    statuses = []
    for path in (b"/cached", b"/more"):
        writer.write(b"GET " + path + b" HTTP/1.1\r\nHost: example\r\n\r\n")
        try:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
        except (asyncio.IncompleteReadError, ConnectionError):
            statuses.append("a closed connection")
        else:
            statuses.append(head[9:12].decode())
    observed = " and ".join(statuses)
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
