"""hypercorn keeps the socket of a client that has closed an idle connection until keep_alive_timeout is over.

TCPServer.run reads the end of the connection, and then leaves an asyncio.TaskGroup that waits for every task
in it: the idle timer among them, which only the code after the group would stop (asyncio/tcp_server.py). The
socket stays in CLOSE_WAIT all the while, so that clients which come and go use up the open files: with a
timeout of 75 s and the usual limit of 1024 files, fourteen new connections a second are enough.

Needs hypercorn.
"""

import asyncio
import importlib.metadata
import socket
import sys

from hypercorn.asyncio import serve
from hypercorn.config import Config

EXPECTED = "closed"


async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})


async def main():
    sock = socket.create_server(("127.0.0.1", 0))
    config = Config()
    config.bind = [f"fd://{sock.fileno()}"]
    config.accesslog = config.errorlog = None
    config.keep_alive_timeout = 5
    stop = asyncio.Event()
    serving = asyncio.create_task(serve(app, config, shutdown_trigger=stop.wait))
    reader, writer = await asyncio.open_connection(*sock.getsockname())
    writer.write(b"GET / HTTP/1.1\r\nHost: example\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")
    writer.write_eof()  # what the server's side does now can be read at this end
    try:
        closed = await asyncio.wait_for(reader.read(), 1) == b""
    except TimeoutError:
        closed = False
    observed = EXPECTED if closed else "still open a second later"
    writer.close()
    stop.set()
    await serving
    print("hypercorn", importlib.metadata.version("hypercorn"))
    print(f"expected: {EXPECTED}")
    print(f"observed: {observed}")
    print("gone" if closed else "still there")
    return int(closed)


sys.exit(asyncio.run(main()))
