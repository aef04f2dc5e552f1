"""hypercorn's receive() blocks for ever when it is called again after http.disconnect.

The ASGI specification (HTTP, "Disconnect - receive event"): the event is sent when receive() is called
after the connection has been closed. A framework and the app inside it may both ask; on hypercorn the
second of them never gets an answer.

Needs hypercorn.
"""

import asyncio
import importlib.metadata
import socket
import sys

from hypercorn.asyncio import serve
from hypercorn.config import Config

EXPECTED = "http.disconnect, http.disconnect"


async def main():
    told = asyncio.get_running_loop().create_future()

    async def app(scope, receive, send):
        if scope["type"] != "http":
            return
        while (await receive())["type"] != "http.disconnect":
            pass
        try:
            second = (await asyncio.wait_for(receive(), 1))["type"]
        except TimeoutError:
            second = "nothing within a second"
        told.set_result(f"http.disconnect, {second}")

    sock = socket.create_server(("127.0.0.1", 0))
    config = Config()
    config.bind = [f"fd://{sock.fileno()}"]
    config.accesslog = config.errorlog = None
    stop = asyncio.Event()
    serving = asyncio.create_task(serve(app, config, shutdown_trigger=stop.wait))
    _, writer = await asyncio.open_connection(*sock.getsockname())
    writer.write(b"GET / HTTP/1.1\r\nHost: example\r\n\r\n")
    await asyncio.sleep(0.1)
    writer.close()
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
