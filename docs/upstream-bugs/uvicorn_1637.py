"""uvicorn #1637: the keep-alive timer fires into a response (fixed in 0.27.1). Needs uvicorn and h11 only.

    python -m venv old && old/bin/pip install uvicorn==0.27.0 h11
    old/bin/python docs/upstream-bugs/uvicorn_1637.py

A client sends two requests at once, as every connection pool may. The first response arms the keep-alive
timer; the second request is in the server's buffer already, so nothing disarms it. The second response takes
longer than the timer:

    first response -- timer armed ------------------ timer fires: "close"
                      second request begins ------------------x          second response (never)

Expected: two responses. Seen up to 0.27.0: one, a cut connection, and in the log h11's
"can't handle event type ConnectionClosed when role=SERVER and state=SEND_RESPONSE".
"""

import asyncio
import importlib.metadata
import logging

import uvicorn

KEEP_ALIVE_S = 1
SECOND_RESPONSE_S = 2


async def app(scope, receive, send):
    if scope["path"] == "/second":
        await asyncio.sleep(SECOND_RESPONSE_S)
    headers = [(b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"ok"})


async def main():
    messages = []
    handler = logging.Handler()
    handler.emit = lambda record: messages.append(logging.Formatter().format(record))
    config = uvicorn.Config(
        app, port=0, http="h11", lifespan="off", timeout_keep_alive=KEEP_ALIVE_S, log_config=None
    )
    logging.getLogger("uvicorn.error").addHandler(handler)
    asyncio.get_running_loop().set_exception_handler(
        lambda loop, context: messages.append(str(context["exception"]))
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  (uvicorn has no event for it)
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for path in (b"/first", b"/second"):
        writer.write(b"GET " + path + b" HTTP/1.1\r\nHost: example\r\n\r\n")
    try:
        data = await asyncio.wait_for(reader.read(-1), SECOND_RESPONSE_S + KEEP_ALIVE_S + 2)
    except (TimeoutError, ConnectionError) as error:
        data = repr(error).encode()
    writer.close()
    server.should_exit = True
    await serving
    print("uvicorn", importlib.metadata.version("uvicorn"))
    print("responses:", data.count(b"HTTP/1.1 200"))
    told = sorted(
        {line for message in messages for line in message.splitlines() if "ConnectionClosed" in line}
    )
    print("in the log:", *(told or ["nothing"]))


asyncio.run(main())
