"""The core of a proxy without a server, asked for fan-outs; its engine and its sockets are real."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, cast

import msgspec
import pytest

from shared.answer import Answer
from shared.messages import BodyStream, Headers
from shared.proxy import Proxy, open_proxy
from shared.settings import parse
from shared.upstream.httpx import HTTPXUpstream
from shared.upstream.wire import WireUpstream
from shared.upstream.wire.pool import Pool
from shared.variables import ENGINES
from tests.unit.asgi import FakeServer, scope_of
from tests.unit.asgi import end as end_of_request
from tests.unit.fanout.origin import Origin

__all__ = ["answer_to", "engines", "pooled", "proxy_to", "query_of", "records", "streaming"]

engines = pytest.mark.parametrize("engine", ENGINES)


@asynccontextmanager
async def proxy_to(origin: Origin, **settings: str) -> AsyncIterator[Proxy]:
    """A running core without a server; settings are variables without their prefix."""
    env = {"TANDEM_UPSTREAM_URL": origin.url, "TANDEM_ACCESS_LOG": "off", "TANDEM_KEEPALIVE_EXPIRY": "600"}
    env |= {f"TANDEM_{name.upper()}": value for name, value in settings.items()}
    async with open_proxy(parse(env)) as proxy:
        yield proxy


async def answer_to(
    proxy: Proxy, query: str, headers: Headers | None = None, *, server: FakeServer | None = None
) -> Answer:
    server = server or FakeServer(end_of_request())
    scope = scope_of(path=b"/-/fanout", query=query.encode(), headers=headers)
    return await proxy.fanout(proxy.translate(scope, server.receive))


@asynccontextmanager
async def streaming(proxy: Proxy, query: str, headers: Headers | None = None) -> AsyncIterator[BodyStream]:
    """The body of a fan-out's response, closed at the end as an Answer would."""
    answer = await answer_to(proxy, query, headers)
    response = answer.response
    assert not isinstance(response.body, bytes)
    try:
        yield response.body
    finally:
        await response.body.aclose()
        response.client.close()


async def records(proxy: Proxy, query: str, headers: Headers | None = None) -> list[dict[str, Any]]:
    """All records, in the order of the paths."""
    async with streaming(proxy, query, headers) as body:
        lines = [line async for line in body]
    assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in lines)
    return sorted((msgspec.json.decode(line) for line in lines), key=lambda record: record["index"])


def pooled(proxy: Proxy) -> int:
    """How many requests the engine's pool still counts."""
    engine = cast(Any, proxy.upstream)
    if isinstance(engine, HTTPXUpstream):
        return len(engine._pool._requests)
    pool: Pool[Any] = engine._pool if isinstance(engine, WireUpstream) else engine._turns
    return pool.busy + pool.waiting


def query_of(paths: Iterable[str]) -> str:
    return "&".join(f"path={path}" for path in paths)
