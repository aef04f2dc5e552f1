"""What a client still sends once it has its answer: taken and dropped, for as long as that makes sense."""

import asyncio
from collections.abc import Callable

import pytest

from shared.answer import Answer
from shared.client import Client
from shared.messages import Headers, ProxyRequest, ProxyResponse, by_name
from shared.observe import Observer
from tests.unit.aio import aio, settle
from tests.unit.asgi import FakeServer, chunk, end, started


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No limit is reached but one that a test sets."""
    monkeypatch.setattr("shared.client.LINGER_S", 600.0)
    monkeypatch.setattr("shared.client.LINGER_REST_S", 600.0)


def _ends(server: FakeServer, client: Client) -> None:
    server.say(chunk(b"more"), end())


def _leaves(server: FakeServer, client: Client) -> None:
    server.leave()


def _is_stopped(server: FakeServer, client: Client) -> None:
    client.stop()


@pytest.mark.parametrize("what", [_ends, _leaves, _is_stopped])
@aio
async def test_lingering_ends_with_the_upload_with_the_client_and_with_the_proxy(
    what: Callable[[FakeServer, Client], None],
) -> None:
    server = FakeServer(chunk(b"some"))
    client = started(server)
    lingering = asyncio.ensure_future(client.linger())
    await settle()
    assert not lingering.done()
    what(server, client)
    await lingering
    client.close()
    server.leave()


@aio
async def test_a_client_that_rests_is_waited_for_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.client.LINGER_REST_S", 0.02)
    server = FakeServer(chunk(b"some"))
    client = started(server)
    await client.linger()
    assert client.uploading
    client.close()
    server.leave()


@aio
async def test_one_that_never_ends_is_waited_for_so_long_and_no_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("shared.client.LINGER_S", 0.05)
    server = FakeServer(chunk(b"some"))
    client = started(server)
    lingering = asyncio.ensure_future(client.linger())
    while not lingering.done():
        server.say(chunk(b"more"))
        await asyncio.sleep(0.001)
    assert client.uploading
    client.close()
    server.leave()


@pytest.mark.parametrize(
    ("headers", "http_version", "held"),
    [
        ([(b"Content-Length", b"2")], "1.1", True),
        ([(b"content-length", b"2")], "1.0", True),
        ([], "1.1", False),  # the end of a chunked answer is a part of it
        ([(b"Content-Length", b"2")], "2", False),
    ],
)
@aio
async def test_the_answer_is_ended_after_the_upload_where_the_client_has_it_already(
    headers: Headers, http_version: str, held: bool
) -> None:
    server, observer = FakeServer(chunk(b"some")), Observer(None)
    request = ProxyRequest(
        method=b"POST",
        target=b"/",
        headers=[],
        fields=by_name([]),
        peer="192.0.2.1",
        scheme="http",
        http_version=http_version,
        client=started(server),
        record=observer.begin("POST", "/", by_name([])),
    )
    answer = Answer(ProxyResponse.to(request, 413, headers, b"no"), observer)
    playing = asyncio.ensure_future(answer({}, None, server.send))
    await settle()
    assert (server.status, server.body) == (413, b"no")
    assert server.complete is not held
    server.say(end())
    await playing
    assert server.complete
