"""However a fan-out ends, nothing runs on and every connection is closed or given back."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from shared.errors import BadRequest
from shared.messages import BodyStream, Headers, UpstreamRequest, UpstreamResponse
from shared.proxy import Proxy
from shared.tasks import undisturbed
from shared.upstream import Upstream
from tests.unit.aio import aio, eventually, settle
from tests.unit.asgi import FakeServer, chunk
from tests.unit.asgi import end as end_of_request
from tests.unit.fanout.core import answer_to, engines, pooled, proxy_to, records, streaming
from tests.unit.fanout.origin import Origin, endless, held, page


@aio
async def test_a_body_that_nobody_reads_asks_nobody() -> None:
    async with Origin() as origin, proxy_to(origin) as proxy:
        async with streaming(proxy, "path=/a") as body:
            await settle()
        assert [line async for line in body] == []
        await body.aclose()
    assert origin.accepted == 0


@engines
@aio
async def test_closing_ends_what_runs_and_what_waits(engine: str) -> None:
    pages = {"/held": held(), "/endless": endless(b"\xc3")}
    query = "path=/a&path=/held&path=/held&path=/endless&path=/held&chars=10000"
    async with Origin(pages) as origin, proxy_to(origin, engine=engine, max_connections="3") as proxy:
        async with streaming(proxy, query) as body:
            await anext(aiter(body))
            await eventually(lambda: len(origin.busy) == 3, "three paths are under way")
        assert pooled(proxy) == 0
        await eventually(lambda: len(origin.left) == 3, "the origin sees three connections closed")
        assert [line async for line in body] == []
        (after,) = await records(proxy, "path=/after")
        assert after["text"] == "/after"
    assert len(origin.paths) == 5


@aio
async def test_a_client_that_leaves_closes_them_all() -> None:
    async with Origin({"/held": held()}) as origin, proxy_to(origin) as proxy:
        server = FakeServer(end_of_request())
        answer = await answer_to(proxy, "path=/held&path=/held&path=/a", server=server)
        answering = asyncio.create_task(answer({}, server.receive, server.send))
        await eventually(lambda: len(server.sent) == 2, "the first record is sent")
        server.leave()
        await answering
        await eventually(lambda: origin.left == ["/held"] * 2, "the origin sees both connections closed")
    assert not server.complete
    assert answer.response.record.outcome == "client_gone"


@pytest.mark.parametrize("turns", range(1, 80, 2))
@aio
async def test_no_moment_to_leave_is_a_bad_one(turns: int) -> None:
    """Cancelled after any number of steps of the loop: nothing runs on, and the pool counts nothing."""
    pages = {"/endless": endless(), "/cut": page(b"a", length=9)}
    async with Origin(pages) as origin, proxy_to(origin, max_connections="3") as proxy:
        server = FakeServer(end_of_request())
        answer = await answer_to(
            proxy, "path=/endless&path=/a&path=/cut&path=/endless&path=/b", server=server
        )
        reading = asyncio.create_task(answer({}, server.receive, server.send))
        await settle(turns)
        reading.cancel()
        await settle(turns % 7)
        reading.cancel()
        await asyncio.wait((reading,))
        assert pooled(proxy) == 0
        (after,) = await records(proxy, "path=/after")
        assert after["text"] == "/after"


class SlowToClose:
    """The real engine, but closing a response takes a while, as the end of a TLS session may."""

    has_idle = False

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self.relays_interim = upstream.relays_interim
        self.reads_strictly = upstream.reads_strictly
        self.closing = 0
        self.closed = 0

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        answer = await self._upstream.send(request)
        return UpstreamResponse(answer.status, answer.headers, answer.fields, SlowBody(answer.body, self))

    async def probe(self) -> None:
        await self._upstream.probe()

    async def aclose(self) -> None:
        await self._upstream.aclose()


class SlowBody:
    ended = False

    def __init__(self, body: BodyStream, owner: SlowToClose) -> None:
        self._body = body
        self._owner = owner
        self.trailers: Headers = []

    def whole(self) -> None:
        return None

    def __aiter__(self) -> AsyncIterator[bytes]:
        return aiter(self._body)

    async def aclose(self) -> None:
        await undisturbed(self._close())  # as shared.messages.BodyStream promises

    async def _close(self) -> None:
        self._owner.closing += 1
        await asyncio.sleep(0.05)
        await self._body.aclose()
        self._owner.closed += 1


@pytest.mark.parametrize("again", [False, True], ids=["once", "twice"])
@aio
async def test_a_close_under_way_is_brought_to_its_end(again: bool) -> None:
    """Cancelled while responses are being closed, and while that is waited for."""
    async with Origin({"/endless": endless()}) as origin, proxy_to(origin) as proxy:
        upstream = SlowToClose(proxy.upstream)
        slow = Proxy(proxy.settings, upstream, proxy.observer)
        server = FakeServer(end_of_request())
        answer = await answer_to(slow, "path=/endless&path=/endless", server=server)
        answering = asyncio.create_task(answer({}, server.receive, server.send))
        await eventually(lambda: upstream.closing == 2, "both responses are being closed")
        answering.cancel()
        if again:
            await settle()
            answering.cancel()
        with pytest.raises(asyncio.CancelledError):
            await answering
        assert upstream.closed == 2
        assert pooled(proxy) == 0


@aio
async def test_the_content_of_the_request_is_taken_and_dropped() -> None:
    """hypercorn's last send() would not return before it is (shared.client)."""
    async with Origin({"/held": held()}) as origin, proxy_to(origin) as proxy:
        upload = [chunk(b"x" * 100_000)] * 5
        server = FakeServer(*upload, end_of_request())
        answer = await answer_to(proxy, "path=/held", server=server)
        answering = asyncio.create_task(answer({}, server.receive, server.send))
        await eventually(lambda: server.bytes_taken == 500_000, "the whole upload is taken")
        origin.release("/held")
        await answering
    assert server.complete


@aio
async def test_a_refused_query_is_an_error_that_knows_its_request() -> None:
    async with Origin() as origin, proxy_to(origin) as proxy:
        server = FakeServer(end_of_request())
        with pytest.raises(BadRequest) as refused:
            await answer_to(proxy, "chars=0", server=server)
        await proxy.answer_failure(refused.value)({}, server.receive, server.send)
    assert server.status == 400
    assert b"chars='0'" in server.body
    assert origin.accepted == 0
