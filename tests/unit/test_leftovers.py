"""What an exchange leaves in memory when it is over, however it ended: nothing the collector cannot find."""

import contextlib
import gc
from collections import Counter

import pytest

from shared.client import Client
from shared.errors import ProxyError
from shared.proxy import Proxy, open_proxy
from shared.settings import parse
from shared.upstream.wire.connection import Connection
from shared.upstream.wire.exchange import Exchange
from shared.upstream.wire.response import ResponseReader
from tests.unit.aio import aio, settle
from tests.unit.asgi import FakeServer, chunk, end, scope_of, started
from tests.unit.upstream.origin import HELLO, after_head, origin
from tests.unit.upstream.origin import Connection as Sender

_EXCHANGES = 12
_SHORT = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"
_CUT = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"
_ONES = (Client, Connection, Exchange, ResponseReader)


def living() -> Counter[str]:
    """How many of what an exchange is made of are there, after everything that can be collected was."""
    gc.collect()
    return Counter(type(one).__name__ for one in gc.get_objects() if isinstance(one, _ONES))


def clients() -> int:
    return sum(isinstance(one, Client) for one in gc.get_objects())


@pytest.mark.parametrize(
    "answer",
    [HELLO, _SHORT, _CUT, b"", b"no HTTP\r\n\r\n"],
    ids=["whole", "short", "cut chunks", "none", "garbage"],
)
@aio
async def test_an_exchange_leaves_nothing_that_the_collector_cannot_find(answer: bytes) -> None:
    async with (
        origin(after_head(answer, then=_close)) as server,
        open_proxy(parse(_environment(server.port))) as proxy,
    ):
        before = living()
        for _ in range(_EXCHANGES):
            await _exchange(proxy)
        await settle()
        # the pool may still hold a connection, and that what it carried last
        assert (living() - before).total() <= len(_ONES)


@pytest.mark.parametrize("told", [True, False], ids=["the server says when it is over", "it does not"])
@aio
async def test_a_watched_exchange_that_ended_well_leaves_the_collector_nothing(told: bool) -> None:
    gc.collect()
    gc.disable()
    try:
        before = clients()
        await _watched(told=told)
        await settle()
        assert clients() == before
    finally:
        gc.enable()


@aio
async def test_an_upload_that_ended_well_leaves_the_collector_nothing() -> None:
    async def script(connection: Sender) -> None:
        for _ in range(_EXCHANGES):
            await connection.until(b"\r\n\r\nhello")
            await connection.send(HELLO)

    async with origin(script) as server, open_proxy(parse(_environment(server.port))) as proxy:
        await _post(proxy)
        gc.collect()
        gc.disable()
        try:
            before = clients()
            for _ in range(_EXCHANGES - 1):
                await _post(proxy)
            await settle()
            assert clients() <= before
        finally:
            gc.enable()


async def _post(proxy: Proxy) -> None:
    client = FakeServer(chunk(b"hel"), end(b"lo"))
    scope = scope_of("POST", headers=[(b"host", b"proxy.test"), (b"content-length", b"5")])
    await proxy(scope, client.receive, client.send)
    assert (client.status, client.body) == (200, b"hello")


def _environment(port: int) -> dict[str, str]:
    url = f"http://127.0.0.1:{port}"
    return {"TANDEM_UPSTREAM_URL": url, "TANDEM_ENGINE": "wire", "TANDEM_ACCESS_LOG": "off"}


async def _watched(*, told: bool) -> None:
    server = FakeServer(end())
    client = started(server)
    await settle()
    if told:
        server.leave()
    client.close()


async def _exchange(proxy: Proxy) -> None:
    client = FakeServer(end())
    with contextlib.suppress(ProxyError):  # how an app is told that its answer is not whole
        await proxy(scope_of(), client.receive, client.send)
    assert client.sent


def _close(connection: Sender) -> None:
    connection.close()
