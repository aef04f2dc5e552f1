"""The engine `wire`: everything an HTTP/1.1 reverse proxy needs from its client, and nothing else.

send()  (1) request head as bytes                       request.py
        (2) a connection: idle, or a slot to open one   pool.py, open.py
        (3) head written; the upload goes on beside     exchange.py
        (4) response head, or why there is none         response.py
body    (5) chunks as they come, to the end             connection.py
        (6) given back when both messages were whole and nothing followed; closed otherwise
"""

import asyncio

from shared.errors import Terminated
from shared.messages import UpstreamRequest, UpstreamResponse
from shared.settings import Settings
from shared.upstream.connect import probe, tls_context
from shared.upstream.wire.connection import Connection
from shared.upstream.wire.exchange import Exchange
from shared.upstream.wire.open import Opener
from shared.upstream.wire.pool import Pool
from shared.upstream.wire.request import head_of, may_repeat

__all__ = ["WireUpstream"]


class WireUpstream:
    """Implements shared.upstream.Upstream."""

    relays_interim = True
    reads_strictly = True

    def __init__(self, settings: Settings) -> None:
        loop = asyncio.get_running_loop()
        self._address = settings.upstream
        self._timeouts = settings.timeouts
        self._context = tls_context(settings.tls) if settings.upstream.scheme == "https" else None
        self._pool: Pool[Connection] = Pool(
            loop,
            maximum=settings.pool.max_connections,
            keep=settings.pool.max_keepalive,
            expiry_s=settings.pool.keepalive_expiry_s,
            wait_s=settings.timeouts.pool_s,
        )
        self._opener = Opener(loop, self._address, self._context, settings.timeouts.connect_s, self._lost)
        self._open: set[Connection] = set()

    @property
    def has_idle(self) -> bool:
        return self._pool.idle > 0

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        head = head_of(request)
        connection = self._pool.take_idle() or await self._pool.take()
        if connection is None or connection.state == "closed":  # since it was handed over, a turn ago
            try:
                connection = await self._connect()
            except BaseException:
                self._pool.drop()
                raise
        exchange = Exchange(connection, self._timeouts, self._release)
        try:
            try:
                await exchange.head(head, request)
            except Terminated:
                # The upstream may have closed just as the connection was taken (RFC 9112 section 9.3.1).
                if not (exchange.stale and may_repeat(request)):
                    raise
                exchange.renew(await self._connect())
                await exchange.head(head, request)
        except BaseException:
            exchange.close()
            raise
        reader = exchange.reader
        return UpstreamResponse(reader.status, reader.headers, reader.fields, exchange)

    async def _connect(self) -> Connection:
        connection = await self._opener.open()
        self._open.add(connection)
        return connection

    def _release(self, connection: Connection) -> None:
        if connection.finish():
            self._pool.give(connection)
        else:
            self._pool.drop()

    def _lost(self, connection: Connection) -> None:
        self._open.discard(connection)
        self._pool.forget(connection)

    async def probe(self) -> None:
        await probe(self._address, self._context, connect_s=self._timeouts.connect_s)

    async def aclose(self) -> None:
        self._pool.close()
        for connection in list(self._open):
            connection.cut(Terminated())
