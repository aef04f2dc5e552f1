"""asgiproxy, a library for ASGI proxies over aiohttp, on the server profile of every other baseline.

By its own command line it takes twenty exchanges at a time, and aiohttp a hundred connections: both limits
are lifted, so that what is timed is the work and not a queue.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import aiohttp
from asgiproxy.config import BaseURLProxyConfigMixin, ProxyConfig
from asgiproxy.context import ProxyContext
from asgiproxy.simple_proxy import make_simple_proxy_app

from bench.baselines.lifespan import with_lifespan

__all__ = ["app"]

_UPSTREAM = os.environ["TANDEM_UPSTREAM_URL"]
_EXCHANGES = 10_000


class _Config(BaseURLProxyConfigMixin, ProxyConfig):
    upstream_base_url = _UPSTREAM
    rewrite_host_header = urlsplit(_UPSTREAM).netloc


class _Context(ProxyContext):
    @property
    def session(self) -> aiohttp.ClientSession:
        """As the library makes it, without a limit of connections."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
            )
        return self._session


@asynccontextmanager
async def opening() -> AsyncIterator[None]:
    """Close the session in the end; the library leaves lifespan out."""
    yield
    await context.close()


context = _Context(_Config(), max_concurrency=_EXCHANGES)
app = with_lifespan(make_simple_proxy_app(context), opening)
