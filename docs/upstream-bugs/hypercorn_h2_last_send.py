"""Over HTTP/2 hypercorn's last send() never returns when the client has left.

H2Protocol.stream_send waits in StreamBuffer.drain() until send_task has written what is buffered;
send_task ends with the connection, and a buffer that it has left is emptied by nobody (protocol/h2.py).
A stream that is closed meanwhile wakes no waiter either. An app that holds something until its response
is sent holds it for ever. HTTP/2 in clear text needs no setting: any client may ask for it with
`Upgrade: h2c`.

Needs hypercorn.
"""

import asyncio
import importlib.metadata
import socket
import sys

from hypercorn.asyncio import serve
from hypercorn.config import Config

EXPECTED = "returned"
REQUEST = (
    b"GET / HTTP/1.1\r\nHost: example\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
    b"HTTP2-Settings: AAQAAAAA\r\n\r\n"  # a window of 0, so that the body stays in the buffer for sure
)


async def main():
    last, returned = asyncio.Event(), asyncio.Event()

    async def app(scope, receive, send):
        if scope["type"] != "http":
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"body", "more_body": True})
        last.set()
        await send({"type": "http.response.body", "body": b""})
        returned.set()

    sock = socket.create_server(("127.0.0.1", 0))
    config = Config()
    config.bind = [f"fd://{sock.fileno()}"]
    config.accesslog = config.errorlog = None
    stop = asyncio.Event()
    serving = asyncio.create_task(serve(app, config, shutdown_trigger=stop.wait))
    reader, writer = await asyncio.open_connection(*sock.getsockname())
    writer.write(REQUEST)
    await reader.readuntil(b"\r\n\r\n")  # 101
    await last.wait()
    writer.transport.abort()
    try:
        await asyncio.wait_for(returned.wait(), 1)
        observed = EXPECTED
    except TimeoutError:
        observed = "still waiting a second later"
    print("hypercorn", importlib.metadata.version("hypercorn"))
    print(f"expected: {EXPECTED}")
    print(f"observed: {observed}")
    gone = observed == EXPECTED
    print("gone" if gone else "still there")
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # the connection's task is cancelled
    serving.cancel()
    await asyncio.wait([serving], timeout=1)
    return int(gone)


sys.exit(asyncio.run(main()))
