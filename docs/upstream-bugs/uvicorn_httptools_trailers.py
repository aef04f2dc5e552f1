"""uvicorn's httptools protocol appends a request's trailers to its headers.

RFC 9110 §6.5.1: a recipient MUST NOT merge a trailer field into the header section unless it knows that
the field's definition permits it. httptools calls on_header() for both, and uvicorn appends both to the
list that is scope["headers"]. What came behind the body (X-Forwarded-For, Authorization, a second Host)
then stands where middleware, or a proxy, takes it for what the server has checked. The h11 protocol of
the same server drops trailers.

Needs uvicorn and httptools.
"""

import asyncio
import importlib.metadata
import socket
import sys

import uvicorn

EXPECTED = "host, transfer-encoding"


async def main():
    seen = asyncio.get_running_loop().create_future()

    async def app(scope, receive, send):
        while (await receive()).get("more_body", False):
            pass
        seen.set_result(", ".join(name.decode() for name, _ in scope["headers"]))
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    sock = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, http="httptools", lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[sock]))
    _, writer = await asyncio.open_connection(*sock.getsockname())
    writer.write(
        b"POST / HTTP/1.1\r\nHost: example\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"2\r\nok\r\n0\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n"
    )
    observed = await asyncio.wait_for(seen, 10)
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
