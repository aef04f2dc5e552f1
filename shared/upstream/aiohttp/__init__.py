"""aiohttp as an engine: its ClientSession, which is what most gateways in Python stand on, held to what a
proxy may do.

send()  (1) a turn, within the pool's deadline            wire's Pool, which holds no connection here
        (2) session.request(): nothing of its own added   exchange.py, as the request's middleware
        (3) a connection, from aiohttp's pool             request.py: which one it is
        (4) the upload, beside the response               upload.py
        (5) response head, or why there is none           exchange.py, failure.py
body    (6) chunks as they come; connection and turn given back at the end

No cookie jar, no invented field, no redirects, no environment, no decoding. What aiohttp cannot be told to do
is listed in docs/decisions/0018 and, case by case, in tests/contract/deviations.py.
"""

import asyncio
import ssl
from typing import Any

import aiohttp

from shared.errors import Terminated
from shared.messages import UpstreamRequest, UpstreamResponse
from shared.settings import Settings
from shared.upstream.aiohttp.exchange import Exchange
from shared.upstream.aiohttp.request import Request
from shared.upstream.connect import RACE_DELAY_S, probe, tls_context
from shared.upstream.wire.pool import Pool

__all__ = ["AiohttpUpstream"]

HIGH_WATER = 64 * 1024  # bytes of a body read ahead of whoever takes them
MAX_HEAD = 128 * 1024  # bytes of one field; that many fields, too, are none
MAX_FIELDS = 1024


class AiohttpUpstream:
    """Implements shared.upstream.Upstream."""

    relays_interim = False
    reads_strictly = False
    has_idle = False

    def __init__(self, settings: Settings) -> None:
        self._address = settings.upstream
        self._timeouts = settings.timeouts
        self._context = tls_context(settings.tls) if settings.upstream.scheme == "https" else None
        self._turns: Pool[Any] = Pool(
            asyncio.get_running_loop(),
            maximum=settings.pool.max_connections,
            keep=0,
            expiry_s=0,
            wait_s=settings.timeouts.pool_s,
        )
        self._open: set[Exchange] = set()
        self._session = aiohttp.ClientSession(
            connector=_connector(settings, self._context),
            cookie_jar=aiohttp.DummyCookieJar(),
            request_class=Request,
            # The only field that is added later than the middleware can see.
            skip_auto_headers=("Content-Type",),
            auto_decompress=False,
            trust_env=False,
            timeout=aiohttp.ClientTimeout(
                total=None, connect=settings.timeouts.connect_s, ceil_threshold=settings.timeouts.connect_s
            ),
            read_bufsize=HIGH_WATER // 2,  # it rests at twice that
            max_line_size=MAX_HEAD,
            max_field_size=MAX_HEAD,
            max_headers=MAX_FIELDS,
        )

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        exchange = Exchange(request, self._timeouts, self._release)
        await self._turns.take()
        self._open.add(exchange)
        try:
            return await exchange.head(self._session, self._address)
        except BaseException:
            exchange.close()
            raise

    def _release(self, exchange: Exchange) -> None:
        self._open.discard(exchange)
        self._turns.drop()

    async def probe(self) -> None:
        await probe(self._address, self._context, connect_s=self._timeouts.connect_s)

    async def aclose(self) -> None:
        self._turns.close()
        for exchange in list(self._open):
            exchange.cut(Terminated())
        await self._session.close()


def _connector(settings: Settings, context: ssl.SSLContext | None) -> aiohttp.TCPConnector:
    """Without a limit: whoever asks it for a connection has had a turn, which is the right to one."""
    kept: dict[str, Any] = (
        {"keepalive_timeout": settings.pool.keepalive_expiry_s}
        if settings.pool.max_keepalive
        else {"force_close": True}
    )
    return aiohttp.TCPConnector(
        limit=0,
        ssl=True if context is None else context,
        resolver=aiohttp.ThreadedResolver(),  # not aiodns, wherever that is installed
        use_dns_cache=False,
        happy_eyeballs_delay=RACE_DELAY_S,
        **kept,
    )
