"""The admin pages, and which paths are theirs."""

import asyncio
from types import SimpleNamespace

import pytest

from shared import admin, proxy
from shared.errors import ConnectRefused, ConnectTimeout
from shared.messages import by_name
from shared.observe import Observer
from shared.proxy import Proxy
from shared.settings import parse
from tests.unit.aio import aio
from tests.unit.asgi import scope_of
from tests.unit.scripted import ScriptedUpstream


def proxy_over(upstream: ScriptedUpstream) -> Proxy:
    return Proxy(parse({"TANDEM_UPSTREAM_URL": "http://origin.test"}), upstream, Observer(None))


@pytest.mark.parametrize("prefix", ["/-", "/ops/tandem"])
@pytest.mark.parametrize("name", ["healthy", "ready", "metrics", "fanout"])
def test_the_documented_paths_are_the_proxys(prefix: str, name: str) -> None:
    assert admin.exact(scope_of(path=f"{prefix}/{name}".encode()), prefix)
    assert admin.exact(scope_of(path=f"{prefix}/{name}".encode(), query=b"a=b"), prefix)


@pytest.mark.parametrize(
    "path",
    [
        b"/-/healthy/",
        b"//-/healthy",
        b"/-//healthy",
        b"/-/Healthy",
        b"/-/health%79",
        b"/%2d/healthy",
        b"/-%2fhealthy",
        b"/./-/healthy",
        b"/-/healthy;x",
        b"/-/healthyx",
        b"/-/other",
        b"/-/",
        b"/-",
        b"/healthy",
        b"/ops/healthy",
        b"http://proxy.test/-/healthy",
    ],
)
def test_what_only_looks_like_one_is_the_upstreams(path: bytes) -> None:
    assert not admin.exact(scope_of(path=path), "/-")


def test_healthy_needs_nothing() -> None:
    page = admin.healthy()
    assert (page.status, page.body) == (200, b"healthy\n")
    assert page.headers["Cache-Control"] == "no-store"
    assert "Date" in page.headers


@aio
async def test_ready_says_whether_a_connection_can_be_had() -> None:
    upstream = ScriptedUpstream()
    assert (await admin.ready(proxy_over(upstream))).status == 200
    for error in (ConnectRefused(), ConnectTimeout()):
        upstream.probe_error = error
        page = await admin.ready(proxy_over(upstream))
        assert (page.status, page.body) == (503, b"no connection to the upstream\n")


@aio
async def test_the_upstream_is_asked_once_a_second_however_many_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 100.0
    monkeypatch.setattr(proxy, "time", SimpleNamespace(monotonic=lambda: now_s))
    upstream = ScriptedUpstream()
    asked = proxy_over(upstream)
    assert await asyncio.gather(*[asked.ready() for _ in range(20)]) == [True] * 20
    assert upstream.probes == 1
    upstream.probe_error = ConnectRefused()
    now_s += 0.99
    assert await asked.ready()  # what was true less than a second ago
    now_s += 0.02
    assert not await asked.ready()
    upstream.probe_error = None
    assert not await asked.ready()  # and so for a failure
    now_s += 1.01
    assert await asked.ready()
    assert upstream.probes == 3


@aio
async def test_who_asks_and_leaves_does_not_keep_the_next_from_an_answer() -> None:
    upstream = ScriptedUpstream()
    asked = proxy_over(upstream)
    task = asyncio.create_task(asked.ready())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert await asked.ready()


@aio
async def test_metrics_are_the_observers() -> None:
    asked = proxy_over(ScriptedUpstream())
    asked.observer.finish(asked.observer.begin("GET", "/", by_name([])))
    page = admin.metrics(asked)
    assert page.status == 200
    assert page.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert b'tandem_exchanges_total{method="GET",outcome="ok",status="0"} 1.0' in page.body
