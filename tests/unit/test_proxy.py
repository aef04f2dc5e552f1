"""The core as the apps see it: translate, answer, fail, and the three in a row."""

import asyncio
import contextlib
import json
import os
import sys

import pytest

from shared import proxy as module
from shared.answer import Answer
from shared.errors import BadRequest, ConnectRefused, ProxyError
from shared.messages import by_name
from shared.observe import Observer
from shared.proxy import Proxy, open_proxy
from shared.settings import parse
from shared.upstream import Upstream
from tests.unit.aio import aio, settle
from tests.unit.asgi import FakeServer, chunk, end, scope_of
from tests.unit.scripted import ScriptedBody, ScriptedUpstream
from tests.unit.upstream.origin import HELLO, answering, origin

HOST = (b"host", b"proxy.test")


def proxy_over(upstream: Upstream, **settings: str) -> Proxy:
    env = {"TANDEM_UPSTREAM_URL": "http://origin.test", **settings}
    return Proxy(parse(env), upstream, Observer(None))


def counted(proxy: Proxy) -> list[str]:
    """The counter's samples; asserts that nothing is in flight."""
    lines = proxy.observer.exposition().decode().splitlines()
    assert "tandem_exchanges_in_flight 0.0" in lines
    return [line for line in lines if line.startswith("tandem_exchanges_total{")]


# translate


@aio
async def test_translate_takes_bytes_from_the_scope_and_begins_the_exchange() -> None:
    proxy = proxy_over(ScriptedUpstream())
    headers = [(b"Host", b"a"), (b"X", b"\xe9"), (b"X-Request-ID", b"id-1")]
    scope = scope_of("PROPFIND", b"/a%2Fb", query=b"q=%20", headers=headers, http_version="1.0")
    request = proxy.translate(scope, FakeServer(end()).receive)
    assert (request.method, request.target, request.headers) == (b"PROPFIND", b"/a%2Fb?q=%20", headers)
    assert (request.peer, request.scheme, request.http_version) == ("192.0.2.1", "http", "1.0")
    assert (request.record.method, request.record.path) == ("PROPFIND", "/a%2Fb")  # a query may hold secrets
    assert request.record.request_id == "id-1"
    assert b"tandem_exchanges_in_flight 1.0" in proxy.observer.exposition()
    request.client.close()
    await settle()


@aio
async def test_white_space_around_a_value_is_no_part_of_it() -> None:
    headers = [(b"host", b"a\t"), (b"x-a", b"\t one\ttwo \t"), (b"x-b", b"\xa0\x85"), (b"x-c", b" ")]
    scope = scope_of(headers=headers)
    request = proxy_over(ScriptedUpstream()).translate(scope, FakeServer(end()).receive)
    assert [value for _, value in request.headers] == [b"a", b"one\ttwo", b"\xa0\x85", b""]
    request.client.close()
    await settle()


@aio
async def test_a_server_on_a_unix_socket_knows_no_peer() -> None:
    scope = {**scope_of(), "client": None}
    request = proxy_over(ScriptedUpstream()).translate(scope, FakeServer(end()).receive)
    assert request.peer == "unknown"
    request.client.close()
    await settle()


# answer, answer_failure


@aio
async def test_an_answer_carries_what_the_upstream_said() -> None:
    proxy = proxy_over(ScriptedUpstream(203, [(b"X-A", b"1")]))
    server = FakeServer(end())
    answer = await proxy.answer(proxy.translate(scope_of(), server.receive))
    assert isinstance(answer, Answer)
    await answer({}, None, server.send)
    assert (server.status, server.body, server.complete) == (203, b"hello", True)
    assert counted(proxy) == ['tandem_exchanges_total{method="GET",outcome="ok",status="203"} 1.0']


@pytest.mark.parametrize("error", [BadRequest(), ConnectRefused()])
@aio
async def test_a_failure_knows_its_request_and_so_can_be_answered_elsewhere(error: ProxyError) -> None:
    proxy = proxy_over(ScriptedUpstream(error=error))
    server = FakeServer(end())
    request = proxy.translate(scope_of(), server.receive)
    with pytest.raises(type(error)) as caught:
        await proxy.answer(request)
    assert caught.value.request is request
    await proxy.answer_failure(caught.value)({}, None, server.send)
    assert server.status == error.status
    assert json.loads(server.body)["error"] == error.type
    assert len(counted(proxy)) == 1


@aio
async def test_a_fault_of_our_own_is_logged_with_its_trace_and_told_without(
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = FakeServer(end())
    proxy = proxy_over(ScriptedUpstream(error=KeyError("bug")))
    await proxy(scope_of(), server.receive, server.send)
    assert server.status == 500
    assert b"proxy_internal_error" in server.body
    assert b"bug" not in server.body
    assert "KeyError: 'bug'" in caplog.text
    assert counted(proxy) == [
        'tandem_exchanges_total{method="GET",outcome="proxy_internal_error",status="500"} 1.0'
    ]


@aio
async def test_a_server_that_stops_ends_the_exchange() -> None:
    proxy = proxy_over(ScriptedUpstream(silent=True))
    task = asyncio.create_task(proxy.answer(proxy.translate(scope_of(), FakeServer(end()).receive)))
    await settle()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert counted(proxy) == ['tandem_exchanges_total{method="GET",outcome="proxy_stopped",status="0"} 1.0']


# __call__


@aio
async def test_as_one_callable_it_answers() -> None:
    server = FakeServer(chunk(b"half "), end(b"whole"))
    upstream = ScriptedUpstream(201)
    proxy = proxy_over(upstream)
    await proxy(scope_of("POST", headers=[HOST, (b"content-length", b"10")]), server.receive, server.send)
    assert upstream.uploads == [b"half whole"]
    assert (server.status, server.body, server.complete) == (201, b"hello", True)


@aio
async def test_as_one_callable_it_answers_failures() -> None:
    server = FakeServer(end())
    await proxy_over(ScriptedUpstream(error=ConnectRefused()))(scope_of(), server.receive, server.send)
    assert (server.status, server.complete) == (502, True)


@pytest.mark.parametrize("silent", ["head", "body"])
@aio
async def test_a_client_that_leaves_ends_the_call_without_an_error(silent: str) -> None:
    body = ScriptedBody([b"x"], silent=True)
    upstream = ScriptedUpstream(body=body, silent=silent == "head")
    proxy, server = proxy_over(upstream), FakeServer(end())
    task = asyncio.ensure_future(proxy(scope_of(), server.receive, server.send))
    await settle()
    server.leave()
    await task
    assert not server.complete
    assert upstream.cancelled + body.closed == 1
    status = 499 if silent == "head" else 200
    assert counted(proxy) == [
        f'tandem_exchanges_total{{method="GET",outcome="client_gone",status="{status}"}} 1.0'
    ]


@aio
async def test_a_websocket_is_refused_before_it_is_accepted() -> None:
    server = FakeServer()
    await proxy_over(ScriptedUpstream())({**scope_of(), "type": "websocket"}, server.receive, server.send)
    assert server.sent == [{"type": "websocket.close"}]
    assert server.taken == 0


# open_proxy


@aio
async def test_an_open_proxy_proxies_logs_and_closes_what_it_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    read_fd, write_fd = os.pipe()
    with os.fdopen(write_fd, "w") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        async with origin(answering(HELLO)) as upstream:
            async with open_proxy(
                parse({"TANDEM_UPSTREAM_URL": f"http://127.0.0.1:{upstream.port}"})
            ) as proxy:
                server = FakeServer(end())
                await proxy(scope_of(path=b"/x"), server.receive, server.send)
                assert server.body == b"hello"
                assert upstream.open == 1
            await settle()
            assert upstream.open == 0
    with os.fdopen(read_fd) as log:
        (line,) = log.read().splitlines()
    assert json.loads(line)["path"] == "/x"


class Unclosable(ScriptedUpstream):
    async def aclose(self) -> None:
        raise OSError("while closing")


@aio
async def test_the_log_is_written_also_when_the_upstream_cannot_be_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    upstream = Unclosable()
    monkeypatch.setattr(module, "open_upstream", lambda _: upstream)
    read_fd, write_fd = os.pipe()
    with os.fdopen(write_fd, "w") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        with contextlib.suppress(OSError):
            async with open_proxy(parse({"TANDEM_UPSTREAM_URL": "http://origin.test"})) as proxy:
                server = FakeServer(end())
                await proxy(scope_of(), server.receive, server.send)
    with os.fdopen(read_fd) as log:
        assert len(log.read().splitlines()) == 1


@aio
async def test_an_exchange_that_is_cut_by_the_stop_is_in_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """uvicorn cancels what outlives the drain and ends the lifespan at once: clean-up still goes on."""
    upstream = ScriptedUpstream(body=ScriptedBody([b"x"], silent=True))
    monkeypatch.setattr(module, "open_upstream", lambda _: upstream)
    read_fd, write_fd = os.pipe()
    with os.fdopen(write_fd, "w") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        async with open_proxy(parse({"TANDEM_UPSTREAM_URL": "http://origin.test"})) as proxy:
            server = FakeServer(end())
            task = asyncio.ensure_future(proxy(scope_of(), server.receive, server.send))
            await settle()
            task.cancel()
    with os.fdopen(read_fd) as log:
        (line,) = log.read().splitlines()
    assert json.loads(line)["outcome"] == "proxy_stopped"
    await asyncio.wait([task])


@aio
async def test_an_exchange_that_never_ends_does_not_keep_the_proxy_from_stopping(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "open_upstream", lambda _: ScriptedUpstream())
    monkeypatch.setattr(module, "LAST_RECORDS_S", 0.02)
    settings = parse({"TANDEM_UPSTREAM_URL": "http://origin.test", "TANDEM_ACCESS_LOG": "off"})
    async with open_proxy(settings) as proxy:
        record = proxy.observer.begin("GET", "/", by_name([]))
    proxy.observer.finish(record)  # too late, and no harm
