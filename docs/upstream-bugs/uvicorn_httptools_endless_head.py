"""uvicorn's httptools protocol takes a request head of any size.

RFC 9110 §5.4: a server that receives more fields than it wishes to process answers 4xx; an application
cannot, because it is not called before the head has ended, and until then each connection holds in memory
what it has received. The h11 protocol of the same server has a bound, 16 KiB unless told otherwise.

Needs uvicorn and httptools.
"""

import asyncio
import importlib.metadata
import socket
import sys

import uvicorn

SIZE = 32 << 20
LINE = b"X-Filler: " + b"x" * 8180 + b"\r\n"
EXPECTED = "refused"


async def app(scope, receive, send):
    raise AssertionError("the head has not ended")


async def main():
    sock = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, http="httptools", lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[sock]))
    reader, writer = await asyncio.open_connection(*sock.getsockname())
    writer.write(b"GET / HTTP/1.1\r\nHost: example\r\n")
    observed, sent = f"{SIZE >> 20} MiB taken", 0
    while sent < SIZE:
        try:
            writer.write(LINE)
            await asyncio.wait_for(writer.drain(), 10)
        except ConnectionError:
            observed = EXPECTED
            break
        if reader.at_eof():
            observed = EXPECTED
            break
        sent += len(LINE)
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
