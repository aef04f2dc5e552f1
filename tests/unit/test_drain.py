"""The drain: what a stop signal begins, what the deadline and a second signal end."""

import asyncio
import signal
import time
from collections.abc import Iterator
from types import FrameType

import pytest

from shared import drain as drain_module
from shared.drain import Drain
from shared.errors import ClientGone, ProxyError, Stopped
from shared.observe import Observer
from shared.proxy import Proxy
from shared.settings import parse
from tests.unit.aio import aio, eventually, settle
from tests.unit.asgi import FakeServer, end, scope_of, started
from tests.unit.scripted import ScriptedBody, ScriptedUpstream


def proxy_over(upstream: ScriptedUpstream) -> Proxy:
    return Proxy(parse({"TANDEM_UPSTREAM_URL": "http://origin.test"}), upstream, Observer(None))


@pytest.fixture
def told() -> Iterator[list[int]]:
    """The signals that a server's own handler is told of; afterwards all is as it was."""
    seen: list[int] = []

    def server(number: int, _frame: FrameType | None) -> None:
        seen.append(number)

    mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    before = {number: signal.signal(number, server) for number in (signal.SIGTERM, signal.SIGINT)}
    yield seen
    for number, handler in before.items():
        signal.signal(number, handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)


# what an exchange meets


@aio
async def test_an_exchange_that_waits_for_the_upstream_is_answered_503() -> None:
    proxy, server = proxy_over(ScriptedUpstream(silent=True)), FakeServer(end())
    task = asyncio.create_task(proxy(scope_of(), server.receive, server.send))
    await settle()
    proxy.drain.begin()
    proxy.drain.cut()
    await task
    head = server.sent[0]
    assert head["status"] == 503
    assert (b"Connection", b"close") in head["headers"]
    assert (b"Proxy-Status", b"tandem; error=proxy_internal_error") in head["headers"]
    assert server.sent[-1]["more_body"] is False
    assert b'outcome="proxy_stopped",status="503"' in proxy.observer.exposition()
    assert not proxy.drain.exchanges.open


@aio
async def test_an_exchange_in_its_body_is_left_incomplete_and_its_upstream_closed() -> None:
    body = ScriptedBody([b"x"], silent=True)
    proxy, server = proxy_over(ScriptedUpstream(body=body)), FakeServer(end())
    task = asyncio.create_task(proxy(scope_of(), server.receive, server.send))
    await settle()
    proxy.drain.cut()
    await task
    assert [message.get("more_body") for message in server.sent] == [None, True]
    assert body.closed == 1
    assert b'outcome="proxy_stopped",status="200"' in proxy.observer.exposition()
    assert not proxy.drain.exchanges.open


@aio
async def test_a_stop_between_two_waits_is_told_by_the_next_and_only_once() -> None:
    client = started(FakeServer(end()))
    client.stop()
    with pytest.raises(Stopped), client.watching():
        raise AssertionError("the block ran although the proxy stops")
    with client.watching():  # the answer that says so
        await settle()
    client.close()


@aio
async def test_who_has_left_is_not_told_that_the_proxy_stops() -> None:
    server = FakeServer()
    client = started(server)
    server.leave()
    await settle()
    client.stop()
    with pytest.raises(ClientGone), client.watching():
        raise AssertionError("the block ran for nobody")
    client.close()


@aio
async def test_from_the_beginning_answers_close_their_connections_and_nobody_new_is_welcome() -> None:
    proxy = proxy_over(ScriptedUpstream())
    assert await proxy.ready()
    proxy.drain.begin()
    assert not await proxy.ready()
    server = FakeServer(end())
    await proxy(scope_of(), server.receive, server.send)
    assert server.sent[0]["status"] == 200
    assert (b"Connection", b"close") in server.sent[0]["headers"]


# when


class Open:
    """An exchange's client that only takes note."""

    def __init__(self) -> None:
        self.stopped = 0

    def stop(self) -> None:
        self.stopped += 1

    def count(self) -> int:
        return self.stopped


def open_in(drain: Drain) -> Open:
    client = Open()
    drain.exchanges.add(client)  # type: ignore[arg-type]
    return client


@aio
async def test_the_deadline_stops_what_is_open() -> None:
    drain = Drain(0.01)
    client = open_in(drain)
    drain.begin()
    assert not client.stopped
    await eventually(lambda: client.stopped == 1, "the deadline")


@aio
async def test_a_second_signal_is_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    drain = Drain(60)
    client = open_in(drain)
    with drain.on_signals():  # its end stops the clock
        drain.begin()
        drain.begin()
        assert client.count() == 0, "one wish that was told twice, by systemd and by a worker's parent"
        monkeypatch.setattr(
            asyncio.get_running_loop(), "time", lambda: time.monotonic() + drain_module.ECHO_S
        )
        drain.begin()
    assert client.count() == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@aio
async def test_a_signal_reaches_the_server_first_and_then_the_drain(
    told: list[int], number: signal.Signals
) -> None:
    drain = Drain(60)
    with drain.on_signals():
        signal.raise_signal(number)
        assert told == [number]
        await eventually(lambda: drain.begun, "the drain to begin")
    signal.raise_signal(signal.SIGINT)
    assert told == [number, signal.SIGINT]
    assert signal.getsignal(number).__name__ == "server"  # type: ignore[union-attr]


@aio
async def test_after_a_clean_stop_the_same_signal_has_nothing_left_to_stop(told: list[int]) -> None:
    """uvicorn raises the signal again when all is done, and would end with it."""
    with Drain(60).on_signals():
        signal.raise_signal(signal.SIGTERM)
        await settle()
    signal.raise_signal(signal.SIGTERM)
    assert told == [signal.SIGTERM]
    assert signal.sigpending() == {signal.SIGTERM}
    signal.sigwait({signal.SIGTERM})


@aio
async def test_without_a_server_signals_are_left_alone() -> None:
    handler = signal.getsignal(signal.SIGTERM)
    with Drain(60).on_signals():
        assert signal.getsignal(signal.SIGTERM) is handler
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, ()) & {signal.SIGTERM}


@aio
async def test_only_the_main_thread_may_set_handlers_and_any_may_run_a_proxy(told: list[int]) -> None:
    async def lives() -> None:
        with Drain(60).on_signals():
            await asyncio.sleep(0)

    await asyncio.get_running_loop().run_in_executor(None, lambda: asyncio.run(lives()))
    signal.raise_signal(signal.SIGTERM)
    assert told == [signal.SIGTERM]


def test_stopped_is_a_proxy_error_with_its_own_word_in_the_log() -> None:
    error: ProxyError = Stopped()
    assert (error.status, error.type, error.outcome) == (503, "proxy_internal_error", "proxy_stopped")
