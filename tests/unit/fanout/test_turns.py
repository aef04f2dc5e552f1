"""Who waits for whom when a fan-out wants more connections than there are."""

import asyncio

import msgspec

from tests.unit.aio import aio, eventually, settle
from tests.unit.asgi import FakeServer, scope_of
from tests.unit.asgi import end as end_of_request
from tests.unit.fanout.core import engines, pooled, proxy_to, query_of, records, streaming
from tests.unit.fanout.origin import Origin, held


@engines
@aio
async def test_paths_beyond_the_pool_wait_their_turn_and_no_pool_timeout(engine: str) -> None:
    paths = [f"/{n}" for n in range(5)]
    async with (
        Origin(dict.fromkeys(paths, held())) as origin,
        proxy_to(origin, engine=engine, max_connections="2", pool_timeout="0.05") as proxy,
    ):
        waiting = asyncio.create_task(records(proxy, query_of(paths)))
        await origin.asked("/0", "/1")
        await asyncio.sleep(0.2)  # several pool timeouts
        assert sorted(origin.paths) == ["/0", "/1"]
        origin.release(*paths)
        assert [record["status"] for record in await waiting] == [200] * 5
        assert origin.most_busy == 2


@aio
async def test_another_exchange_gets_the_next_connection() -> None:
    paths = [f"/{n}" for n in range(5)]
    query = query_of(paths)
    async with (
        Origin(dict.fromkeys(paths, held())) as origin,
        proxy_to(origin, max_connections="2") as proxy,
        streaming(proxy, query) as body,
    ):
        reading = asyncio.ensure_future(anext(aiter(body)))
        await origin.asked("/0", "/1")
        server = FakeServer(end_of_request())
        other = asyncio.create_task(proxy(scope_of(path=b"/other"), server.receive, server.send))
        await eventually(lambda: pooled(proxy) == 3, "the other exchange waits for a connection")
        origin.release("/0")
        await other
        assert server.body == b"/other"
        assert origin.paths[2] == "/other"
        assert msgspec.json.decode(await reading)["path"] == "/0"


@aio
async def test_two_fan_outs_take_turns() -> None:
    paths = [f"/{name}{n}" for name in "ab" for n in range(4)]
    async with Origin(dict.fromkeys(paths, held())) as origin, proxy_to(origin, max_connections="2") as proxy:
        first = asyncio.create_task(records(proxy, query_of(paths[:4])))
        await origin.asked("/a0", "/a1")
        second = asyncio.create_task(records(proxy, query_of(paths[4:])))
        await settle()
        for path in ("/a0", "/b0", "/a1"):
            await origin.asked(path)
            origin.release(path)
        await origin.asked("/b1", "/a2")
        assert set(origin.paths[:2]) == {"/a0", "/a1"}
        assert pooled(proxy) == 2
        origin.release(*paths)
        await asyncio.gather(first, second)
        assert origin.most_busy == 2


@engines
@aio
async def test_a_pool_that_others_keep_busy_is_that_records_error(engine: str) -> None:
    async with (
        Origin({"/held": held()}) as origin,
        proxy_to(origin, engine=engine, max_connections="1", pool_timeout="0.05") as proxy,
    ):
        server = FakeServer(end_of_request())
        other = asyncio.create_task(proxy(scope_of(path=b"/held"), server.receive, server.send))
        await origin.asked("/held")
        (found,) = await records(proxy, "path=/a")
        origin.release("/held")
        await other
    assert found["error"] == "connection_limit_reached"
