"""uvicorn's send() neither waits nor raises once the client has gone.

The ASGI specification (HTTP, "Disconnected client - send exception") asks servers to raise an OSError
from send() after a disconnect, from version 2.4 on; uvicorn keeps to 2.3, where send() is a no-op. The
no-op never gives way to the event loop either: an app that streams from memory to a client that has
left stops everything else in the process for as long as its stream lasts.

Below: after the client's leaving is known, the app sends 1000 messages. Counted is how often another
task gets its turn meanwhile.

Needs uvicorn (h11 or httptools).
"""

import asyncio
import importlib.metadata
import socket
import sys

import uvicorn

EXPECTED = "an OSError, or turns for the other task"
MESSAGES = 1000


async def main():
    turns, done = 0, asyncio.get_running_loop().create_future()

    async def other():
        nonlocal turns
        while not done.done():
            turns += 1
            await asyncio.sleep(0)

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while (await receive())["type"] != "http.disconnect":
            pass
        beside = asyncio.create_task(other())
        await asyncio.sleep(0.01)
        before = turns
        try:
            for _ in range(MESSAGES):
                await send({"type": "http.response.body", "body": b"x" * 1000, "more_body": True})
        except OSError:
            done.set_result(EXPECTED)
        else:
            during = turns - before
            done.set_result(EXPECTED if during else f"no error, and 0 turns during {MESSAGES} calls")
        await beside

    sock = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, http="httptools", lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[sock]))
    reader, writer = await asyncio.open_connection(*sock.getsockname())
    writer.write(b"GET / HTTP/1.1\r\nHost: example\r\n\r\n")
    await asyncio.wait_for(reader.read(1), 10)
    writer.close()
    observed = await asyncio.wait_for(done, 10)
    server.should_exit = True
    await serving
    print("uvicorn", importlib.metadata.version("uvicorn"))
    print(f"expected: {EXPECTED}")
    print(f"observed: {observed}")
    there = observed != EXPECTED
    print("still there" if there else "gone")
    return int(not there)


sys.exit(asyncio.run(main()))
