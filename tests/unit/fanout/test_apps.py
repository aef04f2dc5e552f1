"""The fan-out of both apps on both servers, seen from outside: by its client and by its upstream."""

import asyncio
import random
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import msgspec
import pytest

from shared.harness.subject import Subject, start, subjects
from tests.unit.aio import aio, eventually
from tests.unit.fanout.core import query_of
from tests.unit.fanout.origin import Origin, bound, endless, held, page, raw


class App(NamedTuple):
    """A running subject with a pool of two, and the socket that its upstream will listen on."""

    port: int
    upstream: socket.socket

    def origin(self, **pages: Any) -> Origin:
        return Origin({f"/{name}": page for name, page in pages.items()}, self.upstream.dup())


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(each, marks=pytest.mark.xdist_group(f"fanout-{each.id}"), id=each.id)
        for each in subjects(routes=["handler"], profiles=["uvicorn-httptools", "hypercorn-h1"])
    ],
)
def app(request: pytest.FixtureRequest) -> Iterator[App]:
    subject: Subject = request.param
    settings = {"TANDEM_MAX_CONNECTIONS": "2", "TANDEM_POOL_TIMEOUT": "0.3", "TANDEM_RESPONSE_TIMEOUT": "60"}
    with bound() as upstream:
        url = f"http://127.0.0.1:{upstream.getsockname()[1]}"
        with start(subject, url, settings=settings) as running:
            yield App(running.port, upstream)
            assert "Traceback" not in running.process.log()


class Response:
    """A response as it arrives."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.status = 0
        self.headers: dict[str, str] = {}

    async def head(self) -> None:
        lines = (await self._reader.readuntil(b"\r\n\r\n")).decode().splitlines()
        self.status = int(lines[0].split(" ")[1])
        for line in lines[1:-1]:
            name, _, value = line.partition(": ")
            assert name.lower() not in self.headers, line
            self.headers[name.lower()] = value

    async def record(self) -> dict[str, Any] | None:
        """The next line; None at the end. Each line comes in a chunk of its own."""
        size = int((await self._reader.readuntil(b"\r\n"))[:-2], 16)
        data = (await self._reader.readexactly(size + 2))[:-2]
        assert size == 0 or data.endswith(b"\n")
        return msgspec.json.decode(data) if data else None

    async def records(self) -> list[dict[str, Any]]:
        found = []
        while (record := await self.record()) is not None:
            found.append(record)
        return found

    async def whole(self) -> bytes:
        return await self._reader.readexactly(int(self.headers["content-length"]))

    def leave(self) -> None:
        self._writer.transport.abort()


@asynccontextmanager
async def get(app: App, target: str) -> AsyncIterator[Response]:
    reader, writer = await asyncio.open_connection("127.0.0.1", app.port)
    try:
        writer.write(f"GET {target} HTTP/1.1\r\nHost: proxy.test\r\nCookie: secret\r\n\r\n".encode())
        response = Response(reader, writer)
        await response.head()
        yield response
    finally:
        writer.transport.abort()


@aio
async def test_each_record_arrives_as_its_path_finishes(app: App) -> None:
    paths = ["/slow", "/a", "/b", "/c", "/d"]
    async with (
        app.origin(slow=held(), a=held()) as origin,
        get(app, "/-/fanout?chars=3&" + query_of(paths)) as response,
    ):
        assert (response.status, response.headers["content-type"]) == (200, "application/x-ndjson")
        assert "date" in response.headers
        await origin.asked("/slow", "/a")
        origin.release("/a")
        others = [await response.record() for _ in range(4)]
        assert origin.busy == ["/slow"]
        origin.release("/slow")
        (last,) = await response.records()
        assert [record and (record["index"], record["path"], record["text"]) for record in others] == [
            (1, "/a", "/a"),
            (2, "/b", "/b"),
            (3, "/c", "/c"),
            (4, "/d", "/d"),
        ]
        assert (last["index"], last["status"], last["text"]) == (0, 200, "/sl")
        assert last["ms"] > max(record["ms"] for record in others if record)
        assert origin.most_busy == 2
        assert all(b"secret" not in head and b"proxy.test" not in head for head in origin.heads)


@aio
async def test_five_paths_share_a_pool_of_two_for_longer_than_the_pool_timeout(app: App) -> None:
    paths = [f"/{name}" for name in "abcde"]
    async with (
        app.origin(**dict.fromkeys("abcde", held())) as origin,
        get(app, "/-/fanout?" + query_of(paths)) as response,
    ):
        await origin.asked("/a", "/b")
        await asyncio.sleep(0.5)  # TANDEM_POOL_TIMEOUT is 0.3
        assert sorted(origin.paths) == ["/a", "/b"]
        for first, then in (("/b", "/c"), ("/c", "/d"), ("/a", "/e")):
            origin.release(first)
            assert (record := await response.record()) is not None
            assert (record["path"], record["status"]) == (first, 200)
            await origin.asked(then)
        origin.release(*paths)
        assert {record["path"] for record in await response.records()} == {"/d", "/e"}
        assert origin.most_busy == 2


@aio
async def test_one_failure_spoils_no_other(app: App) -> None:
    pages = {
        "cut": page(b"a", length=9),
        "mute": raw(),
        "garbage": raw(b"?\r\n\r\n"),
        "gzip": page(b"\x1f\x8b", headers="Content-Encoding: gzip\r\n"),
    }
    names = ["fine", *pages, "fine"]
    async with (
        app.origin(**pages),
        get(app, "/-/fanout?" + query_of(f"/{name}" for name in names)) as response,
    ):
        found = sorted(await response.records(), key=lambda record: record["index"])
    assert [record.get("text", record.get("error")) for record in found] == [
        "/fine",
        "http_response_incomplete",
        "connection_terminated",
        "http_protocol_error",
        "http_response_content_coding",
        "/fine",
    ]


@aio
async def test_an_endless_body_costs_less_than_256_kib(app: App) -> None:
    # The kernel takes bytes that nobody reads, the more the longer others keep the loop waiting: what the
    # proxy itself costs is the least of a few tries.
    async with app.origin(endless=endless("€".encode() * 300)) as origin:
        for chars in (1, 50, 10_000):
            costs: list[int] = []
            while len(costs) < 5 and not any(cost < 256 * 1024 for cost in costs):
                async with get(app, f"/-/fanout?path=/endless&chars={chars}") as response:
                    (record,) = await response.records()
                assert record["text"] == "€" * chars
                await eventually(lambda: not origin.busy, "the endless response is closed")
                costs.append(origin.written["/endless"])
            assert min(costs) < 256 * 1024


@aio
async def test_a_client_that_leaves_closes_them_all(app: App) -> None:
    async with app.origin(held=held()) as origin:
        query = query_of(["/a", "/held", "/held", "/b"])
        async with get(app, "/-/fanout?" + query) as response:
            assert await response.record() is not None
            await eventually(lambda: origin.busy == ["/held"] * 2, "both connections are in use")
            response.leave()
            await eventually(lambda: origin.left == ["/held"] * 2, "both connections are closed")
        async with get(app, "/after") as response:
            assert await response.whole() == b"/after"
        assert sorted(origin.paths) == ["/a", "/after", "/held", "/held"]


@aio
async def test_clients_that_leave_at_random_moments_leave_nothing_behind(app: App) -> None:
    chance = random.Random(2)
    names = ["endless", "held", "cut", "fine"]

    async def visit() -> None:
        paths = [f"/{chance.choice(names)}" for _ in range(chance.randint(1, 20))]
        stay_s = chance.random() / 5
        async with get(app, "/-/fanout?" + query_of(paths)) as response:
            try:
                async with asyncio.timeout(stay_s):
                    await response.records()
            except TimeoutError:
                response.leave()

    async with app.origin(endless=endless(), held=held(), cut=page(b"a", length=9)) as origin:
        await asyncio.gather(*(visit() for _ in range(60)))
        await eventually(lambda: not origin.busy, "no upstream connection carries an exchange")
        async with get(app, "/-/fanout?" + query_of(["/after"] * 5)) as response:
            assert [record["text"] for record in await response.records()] == ["/after"] * 5


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("chars=0", "chars='0' is not a whole number from 1 to 10000"),
        ("depth=2", "'depth' is no key of a fan-out: path, chars and header are"),
        (query_of(["/"] * 21), "a fan-out takes at most 20 paths, these are 21"),
        ("header=Host", "header='Host' cannot be forwarded: it belongs to one connection"),
        ("path=http://other.test/", "path='http://other.test/' does not begin with a slash"),
    ],
)
@aio
async def test_what_is_no_fan_out_is_refused_in_words(app: App, query: str, says: str) -> None:
    async with app.origin() as origin, get(app, "/-/fanout?" + query) as response:
        assert response.status == 400
        assert "date" in response.headers
        assert msgspec.json.decode(await response.whole())["detail"] == says
        assert origin.accepted == 0
