"""Steps (3) to (5) of an exchange: what forward() does around the rules."""

import asyncio
from typing import Any

import pytest

from shared.client import Client
from shared.errors import (
    BadRequest,
    ClientGone,
    ConnectRefused,
    ProtocolError,
    UpstreamError,
)
from shared.forward import forward
from shared.messages import Headers, ProxyRequest, ProxyResponse
from shared.settings import ForwardSettings
from shared.upstream import Upstream
from shared.variables import UpstreamURL
from tests.unit.aio import aio, settle
from tests.unit.asgi import FakeServer, chunk, end, request_of
from tests.unit.scripted import ScriptedBody, ScriptedUpstream

ORIGIN = UpstreamURL("http", "origin.test", 8080, b"/base")
SETTINGS = ForwardSettings(ORIGIN)
HOST = (b"Host", b"proxy.test")


def sent(headers: Headers, name: bytes) -> list[bytes]:
    return [value for key, value in headers if key.lower() == name]


async def forwarded(
    upstream: Upstream, server: FakeServer | None = None, **parts: Any
) -> tuple[ProxyRequest, ProxyResponse]:
    client = Client((server or FakeServer(end())).receive)
    client.start()
    came = request_of(client, **parts)
    try:
        return came, await forward(came, upstream, SETTINGS)
    finally:
        client.close()


@aio
async def test_the_answer_is_handed_on_with_its_body_unread() -> None:
    upstream = ScriptedUpstream(418, [(b"X-A", b"1"), (b"Connection", b"close"), (b"Date", b"then")])
    came, answer = await forwarded(upstream)
    assert answer == ProxyResponse.to(came, 418, [(b"X-A", b"1"), (b"Date", b"then")], upstream.body)
    assert (upstream.body.read, upstream.body.closed) == (0, 0)
    assert came.record.upstream_s is not None
    assert came.record.upstream_s >= 0


@aio
async def test_the_upload_reaches_the_upstream() -> None:
    upstream = ScriptedUpstream()
    await forwarded(
        upstream,
        FakeServer(chunk(b"one "), end(b"two")),
        method=b"POST",
        headers=[HOST, (b"Content-Length", b"7")],
    )
    assert upstream.uploads == [b"one two"]


@pytest.mark.parametrize(("messages", "content"), [((chunk(b"a"), end(b"b")), b"ab"), ((end(),), None)])
@aio
async def test_an_upload_over_http_2_is_chunked_when_there_is_one(
    messages: Any, content: bytes | None
) -> None:
    """HTTP/2 needs no field to frame a body; without one it must not be dropped, nor invented."""
    upstream = ScriptedUpstream(204)
    client = Client(FakeServer(*messages).receive)
    client.start()
    request = request_of(client, method=b"POST", headers=[HOST], http_version="2")
    await forward(request, upstream, SETTINGS)
    assert sent(upstream.requests[0].headers, b"transfer-encoding") == ([b"chunked"] if content else [])
    assert (upstream.requests[0].body is not None) is (content is not None)
    client.close()


@pytest.mark.parametrize("framing", [(b"Content-Length", b"5"), (b"Transfer-Encoding", b"chunked")])
@pytest.mark.parametrize("lost", [True, False])
@aio
async def test_a_body_that_the_server_lost_to_an_upgrade_is_refused(
    framing: tuple[bytes, bytes], lost: bool
) -> None:
    upstream = ScriptedUpstream()
    client = Client(FakeServer(end(b"" if lost else b"hello")).receive)
    client.start()
    headers = [HOST, (b"Connection", b"Upgrade"), (b"Upgrade", b"h2c"), framing]
    exchange = forward(request_of(client, method=b"POST", headers=headers), upstream, SETTINGS)
    if lost:
        with pytest.raises(BadRequest):
            await exchange
        assert upstream.requests == []
    else:
        await exchange
        assert upstream.uploads == [b"hello"]
    client.close()


@aio
async def test_what_is_refused_never_reaches_the_upstream() -> None:
    upstream = ScriptedUpstream()
    with pytest.raises(BadRequest):
        await forwarded(upstream, target=b"/../x")
    assert upstream.requests == []


@pytest.mark.parametrize("status", [100, 101, 103, 199, 0, 600, 999])
@aio
async def test_a_status_that_no_server_could_write_is_a_fault_and_the_body_is_closed(status: int) -> None:
    upstream = ScriptedUpstream(status)
    with pytest.raises(ProtocolError):
        await forwarded(upstream)
    assert upstream.body.closed == 1


@aio
async def test_at_the_last_hop_options_is_answered_by_the_proxy() -> None:
    upstream = ScriptedUpstream()
    headers = [HOST, (b"Max-Forwards", b"00")]
    _, answer = await forwarded(upstream, method=b"OPTIONS", headers=headers)
    assert (answer.status, answer.body) == (204, b"")
    assert [name for name, _ in answer.headers] == [b"Date"]
    assert upstream.requests == []


@pytest.mark.parametrize("status", [200, 204, 299, 304, 418, 451, 500, 599])
@aio
async def test_every_other_final_status_goes_on(status: int) -> None:
    _, answer = await forwarded(ScriptedUpstream(status))
    assert answer.status == status


@pytest.mark.parametrize("field", [(b"X", b"a\rb"), (b"X", b"a\x00b"), (b"X Y", b"a"), (b"X", b"\x01")])
@aio
async def test_a_field_that_no_server_could_write_is_a_fault_and_the_body_is_closed(
    field: tuple[bytes, bytes],
) -> None:
    upstream = ScriptedUpstream(200, [field])
    with pytest.raises(ProtocolError):
        await forwarded(upstream)
    assert upstream.body.closed == 1


@aio
async def test_a_failed_exchange_with_the_upstream_is_timed_too() -> None:
    client = Client(FakeServer(end()).receive)
    client.start()
    came = request_of(client)
    with pytest.raises(UpstreamError):
        await forward(came, ScriptedUpstream(error=ConnectRefused()), SETTINGS)
    assert came.record.upstream_s is not None
    client.close()


@pytest.mark.parametrize("uploading", [False, True])
@aio
async def test_a_client_that_leaves_ends_what_is_going_on_upstream(uploading: bool) -> None:
    upstream = ScriptedUpstream(silent=True)
    server = FakeServer(chunk(b"half") if uploading else end())
    headers = [HOST, (b"Content-Length", b"9")] if uploading else [HOST]
    task = asyncio.create_task(forwarded(upstream, server, method=b"POST", headers=headers))
    await settle()
    assert not task.done()
    server.leave()
    with pytest.raises(ClientGone):
        await task
    assert upstream.cancelled == 1
    assert upstream.uploads == []


@aio
async def test_who_left_before_the_upstream_was_asked_costs_it_nothing() -> None:
    upstream = ScriptedUpstream()
    server = FakeServer()
    server.leave()
    client = Client(server.receive)
    client.start()
    await settle()
    with pytest.raises(ClientGone):
        await forward(request_of(client), upstream, SETTINGS)
    assert upstream.requests == []
    client.close()


@aio
async def test_a_server_that_stops_cancels_the_upstream_and_stays_a_cancellation() -> None:
    upstream = ScriptedUpstream(body=ScriptedBody(), silent=True)
    task = asyncio.create_task(forwarded(upstream))
    await settle()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert upstream.cancelled == 1
