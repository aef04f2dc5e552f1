"""uvicorn's httptools protocol writes its 400 into the response that is under way.

RFC 9112 §9.3.2: responses are sent in the order of their requests. What cannot be read behind a request
is answered at once, by a write to the transport and its close, whatever the application has written of
its own response: here the 400 fills up the Content-Length of the 200, and the client has a whole response
that nobody wrote. When the two arrive in one read, the 400 comes first and is taken for the answer. The
h11 protocol of the same server waits for the response to be complete.

Needs uvicorn and httptools.
"""

import asyncio
import importlib.metadata
import socket
import sys

import uvicorn

EXPECTED = "a, cut"


async def app(scope, receive, send):
    headers = [(b"content-length", b"13")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"a", "more_body": True})
    await receive()
    while (await receive())["type"] != "http.disconnect":
        pass


async def main():
    sock = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, http="httptools", lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[sock]))
    reader, writer = await asyncio.open_connection(*sock.getsockname())
    writer.write(b"GET / HTTP/1.1\r\nHost: example\r\n\r\n")
    await asyncio.wait_for(reader.readuntil(b"\r\n\r\na"), 10)
    writer.write(b"garbage\r\n\r\n")
    rest = await asyncio.wait_for(reader.read(12), 10)
    writer.close()
    observed = f"a{rest.decode()}, {'whole' if len(rest) == 12 else 'cut'}"
    server.should_exit = True
    await serving
    print("uvicorn", importlib.metadata.version("uvicorn"))
    print(f"expected: {EXPECTED}")
    print(f"observed: {observed}")
    there = observed != EXPECTED
    print("still there" if there else "gone")
    return int(not there)


sys.exit(asyncio.run(main()))
