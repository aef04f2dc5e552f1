"""hypercorn's last send() does not return while an upload lies unread.

An app answers 413 to a large upload without reading it, as RFC 9110 §15.5.14 allows. The client has its
answer and leaves. The app's last send() still waits: request messages go through a queue of ten that
only receive() empties, the reader of the socket waits for room in it, and send() waits for the reader.
The task, the buffers and whatever the app holds stay for good; only an app that goes on calling
receive() is released, as below.

Needs hypercorn.
"""

import asyncio
import importlib.metadata
import socket
import sys

from hypercorn.asyncio import serve
from hypercorn.config import Config

EXPECTED = "send() returns"


async def main():
    uploading, told = asyncio.Event(), asyncio.get_running_loop().create_future()

    async def app(scope, receive, send):
        if scope["type"] != "http":
            return
        await uploading.wait()
        headers = [(b"content-length", b"0"), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": 413, "headers": headers})
        last = asyncio.create_task(send({"type": "http.response.body"}))
        await asyncio.wait([last], timeout=1)
        told.set_result(EXPECTED if last.done() else "send() has not returned a second after the client left")
        while not last.done() and (await receive())["type"] != "http.disconnect":
            pass

    sock = socket.create_server(("127.0.0.1", 0))
    config = Config()
    config.bind = [f"fd://{sock.fileno()}"]
    config.accesslog = config.errorlog = None
    stop = asyncio.Event()
    serving = asyncio.create_task(serve(app, config, shutdown_trigger=stop.wait))
    reader, writer = await asyncio.open_connection(*sock.getsockname())
    writer.write(b"POST / HTTP/1.1\r\nHost: example\r\nContent-Length: 10000000\r\n\r\n")
    for _ in range(64):
        writer.write(bytes(65536))
    await asyncio.sleep(0.2)  # until the server has read as much as it cares to
    uploading.set()
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
    assert head.startswith(b"HTTP/1.1 413"), head
    writer.transport.abort()
    observed = await asyncio.wait_for(told, 10)
    stop.set()
    await serving
    print("hypercorn", importlib.metadata.version("hypercorn"))
    print(f"expected: {EXPECTED}")
    print(f"observed: {observed}")
    there = observed != EXPECTED
    print("still there" if there else "gone")
    return int(not there)


sys.exit(asyncio.run(main()))
