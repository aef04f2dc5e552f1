"""What an exchange leaves in memory when it is over, however it ended: nothing for the collector to find."""

import asyncio
import contextlib
import gc
import socket
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from shared.client import Client
from shared.errors import ProxyError
from shared.proxy import Proxy, open_proxy
from shared.settings import parse
from shared.upstream.wire.connection import Connection
from shared.upstream.wire.exchange import Exchange
from shared.upstream.wire.response import ResponseReader
from tests.unit.aio import aio, eventually, settle
from tests.unit.asgi import FakeServer, chunk, end, scope_of, started
from tests.unit.upstream.origin import HELLO, Script, after_head, origin
from tests.unit.upstream.origin import Connection as Sender

_EXCHANGES = 12
_SHORT = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"
_CUT = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"
_TAB = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\t\r\n\r\n4\r\nhalf\r\n"
_OPEN = b"HTTP/1.1 200 OK\r\n\r\nall"
_ONES = (Client, Connection, Exchange, ResponseReader, ProxyError, OSError)


@contextlib.contextmanager
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def living() -> Counter[str]:
    """How many of what an exchange is made of are there, and of the errors that end one."""
    return Counter(type(one).__name__ for one in gc.get_objects() if isinstance(one, _ONES))


@pytest.mark.parametrize(
    "answer",
    [HELLO, _OPEN, _SHORT, _CUT, _TAB, b"", b"no HTTP\r\n\r\n"],
    ids=["whole", "to the end", "short", "cut chunks", "cut chunks, a tab", "none", "garbage"],
)
@aio
async def test_an_exchange_leaves_the_collector_nothing(answer: bytes) -> None:
    async with (
        origin(after_head(answer, then=_close)) as server,
        open_proxy(parse(_environment(server.port))) as proxy,
    ):
        await _leaves_nothing(proxy)


@aio
async def test_an_upstream_that_is_not_there_leaves_the_collector_nothing() -> None:
    with socket.socket() as bound:  # and does not listen
        bound.bind(("127.0.0.1", 0))
        async with open_proxy(parse(_environment(bound.getsockname()[1]))) as proxy:
            await _leaves_nothing(proxy)


@aio
async def test_who_waits_for_a_connection_in_vain_leaves_the_collector_nothing() -> None:
    async with (
        origin(_silent_after(b"")) as server,
        open_proxy(parse(_environment(server.port, pool="1"))) as proxy,
    ):
        first = FakeServer(end())
        holding = asyncio.create_task(proxy(scope_of(), first.receive, first.send))
        await eventually(lambda: server.open == 1, "the only connection to be taken")
        await _leaves_nothing(proxy)
        first.leave()
        await asyncio.wait([holding])


@pytest.mark.parametrize("answer", [b"", _CUT], ids=["before the head", "in the body"])
@aio
async def test_an_upstream_that_falls_silent_leaves_the_collector_nothing(answer: bytes) -> None:
    async with (
        origin(_silent_after(answer)) as server,
        open_proxy(parse(_environment(server.port, limit_s="0.01"))) as proxy,
    ):
        await _leaves_nothing(proxy)


@aio
async def test_a_client_that_leaves_before_the_head_leaves_the_collector_nothing() -> None:
    clients: list[FakeServer] = []

    async def script(connection: Sender) -> None:
        await connection.head()
        clients.pop().leave()
        await connection.gone()

    async with origin(script) as server, open_proxy(parse(_environment(server.port))) as proxy:
        await _leaves_nothing(proxy, asked=clients.append)


@aio
async def test_a_client_that_leaves_in_the_body_leaves_the_collector_nothing() -> None:
    def leaving(client: FakeServer) -> None:
        client.on_send = lambda message: client.leave() if message.get("body") else None

    async with (
        origin(_silent_after(_CUT)) as server,
        open_proxy(parse(_environment(server.port))) as proxy,
    ):
        await _leaves_nothing(proxy, asked=leaving)


@pytest.mark.parametrize("told", [True, False], ids=["the server says when it is over", "it does not"])
@aio
async def test_a_watched_exchange_that_ended_well_leaves_the_collector_nothing(told: bool) -> None:
    with no_collector():
        before = living()
        await _watched(told=told)
        await settle()
        assert living() <= before


@aio
async def test_an_upload_that_ended_well_leaves_the_collector_nothing() -> None:
    async def script(connection: Sender) -> None:
        for _ in range(_EXCHANGES):
            await connection.until(b"\r\n\r\nhello")
            await connection.send(HELLO)

    async with origin(script) as server, open_proxy(parse(_environment(server.port))) as proxy:
        await _post(proxy)
        with no_collector():
            before = living()
            for _ in range(_EXCHANGES - 1):
                await _post(proxy)
            await settle()
            assert living() <= before


async def _leaves_nothing(proxy: Proxy, *, asked: Callable[[FakeServer], None] | None = None) -> None:
    with no_collector():
        before = living()
        for _ in range(_EXCHANGES):
            await _exchange(proxy, asked)
        # an upstream's end may take the kernel a while; what only the collector would find stays for ever
        await eventually(lambda: living() <= before, "nothing to be left")


async def _post(proxy: Proxy) -> None:
    client = FakeServer(chunk(b"hel"), end(b"lo"))
    scope = scope_of("POST", headers=[(b"host", b"proxy.test"), (b"content-length", b"5")])
    await proxy(scope, client.receive, client.send)
    assert (client.status, client.body) == (200, b"hello")


def _environment(port: int, *, limit_s: str = "60", pool: str = "100") -> dict[str, str]:
    return {
        "TANDEM_UPSTREAM_URL": f"http://127.0.0.1:{port}",
        "TANDEM_ENGINE": "wire",
        "TANDEM_ACCESS_LOG": "off",
        "TANDEM_MAX_CONNECTIONS": pool,
        "TANDEM_POOL_TIMEOUT": "0.01",
        "TANDEM_RESPONSE_TIMEOUT": limit_s,
        "TANDEM_READ_TIMEOUT": limit_s,
    }


async def _watched(*, told: bool) -> None:
    server = FakeServer(end())
    client = started(server)
    await settle()
    if told:
        server.leave()
    client.close()


async def _exchange(proxy: Proxy, asked: Callable[[FakeServer], None] | None) -> None:
    client = FakeServer(end())
    if asked is not None:
        asked(client)
    with contextlib.suppress(ProxyError):  # how an app is told that its answer is not whole
        await proxy(scope_of(), client.receive, client.send)


def _silent_after(answer: bytes) -> Script:
    async def script(connection: Sender) -> None:
        await connection.head()
        if answer:
            await connection.send(answer)
        await connection.gone()

    return script


def _close(connection: Sender) -> None:
    connection.close()
