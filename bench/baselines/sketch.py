"""The ceiling: what a proxy costs that does nothing but proxy. `wire` and the core are held against it.

httptools, one asyncio protocol and a list for a pool. No timeouts, no limits, no back-pressure, no reuse
rules, no HEAD, no client that leaves, no log, no metrics, no answer when the upstream fails. As bare ASGI
here; sketch_fastapi and sketch_litestar stand the same apps over it that otherwise stand over shared.proxy.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import httptools

from bench.baselines.bare import Bare
from shared import collector
from shared.settings import Settings, from_env

__all__ = ["Sketch", "app", "open_sketch"]

_NOT_FORWARDED = frozenset((b"host", b"connection", b"keep-alive", b"te", b"upgrade", b"transfer-encoding"))


class _Connection(asyncio.Protocol):
    """One connection to the upstream, one exchange at a time: llhttp's callbacks fill it."""

    def __init__(self) -> None:
        self.transport: Any = None
        self.parser = httptools.HttpResponseParser(self)
        self.loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def begin(self, head: bytes) -> None:
        self.headers: list[tuple[bytes, bytes]] = []
        self.chunks: list[bytes] = []
        self.status = 0
        self.ended = False
        self.arrived = self.loop.create_future()
        self.transport.write(head)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)
        if not self.arrived.done():
            self.arrived.set_result(None)

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        self.status = self.parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        self.chunks.append(body)

    def on_message_complete(self) -> None:
        self.ended = True

    async def more(self) -> None:
        await self.arrived
        self.arrived = self.loop.create_future()


class Sketch:
    """What the apps need of shared.proxy.Proxy: translate, answer, and both in one as an ASGI callable."""

    def __init__(self, settings: Settings) -> None:
        self.upstream = settings.upstream
        self.idle: list[_Connection] = []

    def translate(self, scope: Any, receive: Any) -> tuple[Any, Any]:
        return scope, receive

    async def answer(self, request: tuple[Any, Any]) -> Any:
        scope, receive = request
        target = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
        head = [b"%b %b HTTP/1.1\r\nHost: %b" % (scope["method"].encode(), target, self.upstream.authority)]
        names = {name for name, _ in scope["headers"]}
        chunked = b"transfer-encoding" in names
        more = chunked or b"content-length" in names
        head += [b"%b: %b" % field for field in scope["headers"] if field[0] not in _NOT_FORWARDED]
        head.append(b"Transfer-Encoding: chunked\r\n\r\n" if chunked else b"\r\n")
        connection = self.idle.pop() if self.idle else await self._connect()
        connection.begin(b"\r\n".join(head))
        while more:
            message = await receive()
            data, more = message["body"], message["more_body"]
            if chunked:
                data = (b"%x\r\n%b\r\n" % (len(data), data) if data else b"") + (
                    b"" if more else b"0\r\n\r\n"
                )
            connection.transport.write(data)
        while not connection.status:
            await connection.more()
        return partial(self._respond, connection)

    async def _connect(self) -> _Connection:
        loop = asyncio.get_running_loop()
        return (await loop.create_connection(_Connection, self.upstream.host, self.upstream.port))[1]

    async def _respond(self, connection: _Connection, scope: Any, receive: Any, send: Any) -> None:
        headers = [pair for pair in connection.headers if pair[0].lower() not in _NOT_FORWARDED]
        await send({"type": "http.response.start", "status": connection.status, "headers": headers})
        more = True
        while more:
            while not connection.chunks and not connection.ended:
                await connection.more()
            data, connection.chunks = b"".join(connection.chunks), []
            more = not connection.ended
            await send({"type": "http.response.body", "body": data, "more_body": more})
        self.idle.append(connection)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await (await self.answer((scope, receive)))(scope, receive, send)


@asynccontextmanager
async def open_sketch(settings: Settings) -> AsyncIterator[Any]:
    """In the place of shared.proxy.open_proxy."""
    sketch = Sketch(settings)
    yield sketch
    for connection in sketch.idle:
        connection.transport.close()


app = Bare(from_env(), open_sketch)
collector.settle()  # as the apps do
