"""Expect: 100-continue through the whole core, end to end: the server is asked for the body, which is when it
says 100, once the upstream has said so and not before."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from shared import upload as module
from shared.client import Client
from shared.headers import asks_first
from shared.messages import Headers, by_name
from shared.observe import Observer
from shared.proxy import Proxy
from shared.settings import parse
from shared.upstream import open_upstream
from tests.unit.aio import aio, eventually, settle
from tests.unit.asgi import FakeServer, end, scope_of
from tests.unit.upstream.origin import HELLO, Connection, Script, origin

EXPECT = (b"expect", b"100-continue")
LENGTH = (b"content-length", b"5")
HOST = (b"host", b"proxy.test")


@pytest.mark.parametrize(
    ("fields", "version", "asks"),
    [
        ([EXPECT, LENGTH], "1.1", True),
        ([(b"Expect", b"100-Continue"), (b"Transfer-Encoding", b"chunked")], "1.1", True),
        ([EXPECT, LENGTH], "1.0", False),
        ([EXPECT, LENGTH], "2", False),
        ([EXPECT], "1.1", False),
        ([EXPECT, (b"content-length", b"0")], "1.1", False),
        ([(b"expect", b"something-else"), LENGTH], "1.1", False),
        ([EXPECT, LENGTH, (b"connection", b"upgrade"), (b"upgrade", b"h2c")], "1.1", False),
        ([LENGTH], "1.1", False),
    ],
)
def test_who_asks_first(fields: Headers, version: str, asks: bool) -> None:
    assert asks_first(by_name([HOST, *fields]), version) is asks


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody goes on without a word from the upstream, however long this process stands still."""
    monkeypatch.setattr(module, "EXPECT_S", 600.0)


@contextlib.asynccontextmanager
async def _proxied(script: Script, engine: str = "wire") -> AsyncIterator[tuple[FakeServer, Any]]:
    """A server whose client withholds "hello" until it is told to go on, and the exchange's task."""
    async with origin(script) as upstream:
        settings = parse(
            {"TANDEM_UPSTREAM_URL": f"http://127.0.0.1:{upstream.port}", "TANDEM_ENGINE": engine}
        )
        connected = open_upstream(settings)
        server = FakeServer()
        scope = scope_of("POST", headers=[HOST, EXPECT, LENGTH])
        proxy = Proxy(settings, connected, Observer(None))
        task = asyncio.create_task(proxy(scope, server.receive, server.send))
        try:
            yield server, task
        finally:
            await connected.aclose()


@aio
async def test_the_server_is_asked_for_the_body_when_the_upstream_has_said_100() -> None:
    async def script(connection: Connection) -> None:
        head = await connection.head()
        assert b"\r\nExpect: 100-continue\r\n" in head
        await settle(50)
        assert not server.waiting
        await connection.send(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        await asyncio.sleep(0.05)
        assert not server.waiting, "a 103 is no 100"
        await connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        await eventually(lambda: server.waiting, "the body to be asked for")
        server.say(end(b"hello"))
        assert await connection.until(b"hello") == b"hello"
        await connection.send(HELLO)

    async with _proxied(script) as (server, task):
        await task
        assert (server.status, server.body, server.complete) == (200, b"hello", True)
        assert (b"Connection", b"close") not in server.sent[0]["headers"]


@aio
async def test_a_refusal_comes_down_before_the_body_is_asked_for() -> None:
    asked: list[bool] = []

    async def script(connection: Connection) -> None:
        await connection.head()
        await connection.send(b"HTTP/1.1 417 Expectation Failed\r\nContent-Length: 2\r\n\r\nno")
        assert await connection.gone() == b""

    async with _proxied(script) as (server, task):
        server.on_send = lambda message: asked.append(server.waiting or server.taken > 0)
        await eventually(lambda: server.complete, "the answer")
        assert (server.status, server.body) == (417, b"no")
        assert asked[0] is False, "asked for the body before the refusal was sent"
        # Whether the client sends it all the same nobody can tell from its next request.
        assert (b"Connection", b"close") in server.sent[0]["headers"]
        server.leave()
        await task


@aio
async def test_an_upstream_that_says_nothing_gets_the_body_after_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "EXPECT_S", 0.05)

    async def script(connection: Connection) -> None:
        await connection.head()
        assert await connection.until(b"hello") == b"hello"
        await connection.send(HELLO)

    async with _proxied(script) as (server, task):
        await eventually(lambda: server.waiting, "the body to be asked for")
        server.say(end(b"hello"))
        await task
        assert server.status == 200


@aio
async def test_an_engine_that_hears_no_100_leaves_the_expectation_to_the_server() -> None:
    async def script(connection: Connection) -> None:
        assert b"expect" not in (await connection.head()).lower()
        await connection.until(b"hello")
        await connection.send(HELLO)

    async with _proxied(script, "httpx2") as (server, task):
        await eventually(lambda: server.waiting, "the body to be asked for")
        server.say(end(b"hello"))
        await task
        assert server.status == 200


@aio
async def test_what_is_withheld_is_asked_for_when_all_is_over_and_not_before() -> None:
    server = FakeServer()
    client = Client(server.receive, withheld=True)
    client.start()
    await settle()
    client.discard()
    await settle()
    assert not server.waiting, "dropping the body is not asking for it"
    client.close()
    await eventually(lambda: server.waiting, "the rest to be taken")
    server.leave()
