"""The scripted origin: hands requests over, writes everything down, and misbehaves on demand."""

import asyncio
import ssl

import pytest
import trustme

from shared.harness.origin import scripted
from shared.harness.origin.channel import LateError
from shared.harness.origin.http1 import IncompleteError
from shared.harness.origin.scripted import Arrival, Origin
from tests.contract.wire import Client
from tests.unit.aio import aio, settle

TAG = "0123456789abcdef"
REQUEST = f"GET /t-{TAG}/x HTTP/1.1\r\nHost: h\r\n\r\n"


async def _client(origin: Origin) -> Client:
    return await Client.connect(origin.host, origin.port)


async def _opened(tls: ssl.SSLContext | None = None) -> Origin:
    origin = Origin(tls=tls)
    origin.listen()
    return origin


@aio
async def test_request_is_handed_over_and_the_next_one_read() -> None:
    origin = await _opened()
    expected = origin.expect(TAG)
    client = await _client(origin)
    for n in range(2):
        await client.send(REQUEST)
        up = await expected.arrival()
        assert up.head.target == f"/t-{TAG}/x".encode()
        assert up.record.carried
        await up.answer("201 Created", "X-N: 1", body=b"body")
        response = await client.response()
        assert (response.status, response.content, response.one("X-N")) == (201, b"body", b"1")
        assert (up.record.connection, up.record.place) == (0, n)
        assert not up.record.carried
    assert expected.count == 2
    assert origin.ledger.accepted == 1
    client.close()
    await origin.ledger.until(lambda: origin.ledger.opened() == 0, "the client's leaving")
    assert origin.ledger.connections[0].ended == "proxy FIN"
    await origin.close()


@aio
async def test_token_in_a_field_wins_and_a_script_answers() -> None:
    async def script(up: Arrival) -> None:
        await up.answer(body=await up.content())

    origin = await _opened()
    origin.expect("by-field", script)
    client = await _client(origin)
    await client.send("POST * HTTP/1.1\r\nHost: h\r\nCase-Token: by-field\r\nContent-Length: 2\r\n\r\nhi")
    assert (await client.response()).content == b"hi"
    client.close()
    await origin.close()


@aio
async def test_stray_is_written_down() -> None:
    origin = await _opened()
    client = await _client(origin)
    await client.send("GET /nobody HTTP/1.1\r\nHost: h\r\n\r\n")
    assert (await client.response()).status == 421
    assert [stray.head.target for stray in origin.strays] == [b"/nobody"]
    client.close()
    await origin.close()


@aio
async def test_what_is_forgotten_is_answered_and_is_no_stray() -> None:
    origin = await _opened()
    origin.expect(TAG)
    origin.forget(TAG)
    origin.forget("0000000000000000")  # never known: still a stray when it comes
    client = await _client(origin)
    await client.send(REQUEST)
    assert (await client.response()).status == 421
    assert origin.strays == []
    other = await _client(origin)
    await other.send("GET /t-0000000000000000 HTTP/1.1\r\nHost: h\r\n\r\n")
    assert (await other.response()).status == 421
    assert [stray.token for stray in origin.strays] == ["0000000000000000"]
    client.close()
    other.close()
    await origin.close()


@aio
async def test_a_token_that_is_expected_again_is_not_forgotten() -> None:
    origin = await _opened()
    origin.expect(TAG)
    origin.forget(TAG)
    expected = origin.expect(TAG)
    client = await _client(origin)
    await client.send(REQUEST)
    await (await expected.arrival()).answer()
    assert (await client.response()).status == 200
    client.close()
    await origin.close()


@aio
async def test_bytes_that_are_no_request_are_written_down() -> None:
    origin = await _opened()
    client = await _client(origin)
    await client.send("GET / HTTP/1.1\r\nno host\r\n\r\n")
    assert await client.peer_closed() in ("FIN", "RST")
    await origin.ledger.until(lambda: origin.ledger.opened() == 0, "the origin to hang up")
    assert origin.ledger.connections[0].fault is not None
    client.close()
    await origin.close()


@aio
@pytest.mark.parametrize(("leave", "how"), [("close", "FIN"), ("reset", "RST")])
async def test_how_the_other_side_leaves_is_seen(leave: str, how: str) -> None:
    origin = await _opened()
    expected = origin.expect(TAG)
    client = await _client(origin)
    await client.send(REQUEST)
    up = await expected.arrival()
    getattr(client, leave)()
    assert await up.peer_closed() == how
    assert up.record.ended == f"proxy {how}"
    await origin.close()


@aio
@pytest.mark.parametrize(("end", "how"), [("close", "FIN"), ("reset", "RST")])
async def test_origin_cuts_a_response(end: str, how: str) -> None:
    origin = await _opened()
    expected = origin.expect(TAG)
    client = await _client(origin)
    await client.send(REQUEST)
    up = await expected.arrival()
    await up.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
    response = await client.response_head()
    assert await response.some(4) == b"half"
    getattr(up, end)()
    await response.to_the_end()
    assert response.body.cut == how
    assert not response.complete
    assert up.record.ended == f"origin {how}"
    client.close()
    await origin.close()


@aio
async def test_refusing_refuses_and_comes_back_on_the_same_port() -> None:
    origin = await _opened()
    idle = await _client(origin)
    async with origin.refusing():
        assert await idle.peer_closed() in ("FIN", "RST")
        with pytest.raises(ConnectionRefusedError):
            await _client(origin)
    (await _client(origin)).close()
    idle.close()
    await origin.close()


@aio
async def test_deaf_lets_a_connection_hang() -> None:
    origin = await _opened()
    async with origin.deaf():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):  # a connection that is taken takes no time on loopback
                await _client(origin)
    (await _client(origin)).close()
    await origin.close()


@aio
async def test_close_idle_leaves_what_is_carried() -> None:
    origin = await _opened()
    expected = origin.expect(TAG)
    idle, busy = await _client(origin), await _client(origin)
    await busy.send(REQUEST)
    up = await expected.arrival()
    await origin.ledger.until(lambda: origin.ledger.accepted == 2, "both connections")
    await origin.close_idle()
    assert await idle.peer_closed() == "FIN"
    await up.answer()
    assert (await busy.response()).status == 200
    idle.close()
    busy.close()
    await origin.close()


@aio
@pytest.mark.parametrize("follows", [True, False])
async def test_retire_idle_waits_for_the_other_side_but_not_for_ever(
    follows: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scripted, "NOTICE_S", 600.0 if follows else 0.2)
    origin = await _opened()
    idle = await _client(origin)
    await origin.ledger.until(lambda: origin.ledger.accepted == 1, "the connection")
    retiring = asyncio.ensure_future(origin.retire_idle())
    assert await idle.peer_closed() == "FIN"
    if follows:
        await settle()
        assert not retiring.done()
        idle.close()
    await retiring
    assert origin.ledger.connections[0].ended == ("proxy FIN" if follows else "origin FIN")
    idle.close()
    await origin.close()


@aio
async def test_not_reading_is_felt() -> None:
    origin = await _opened()
    expected = origin.expect(TAG)
    client = await Client.connect(origin.host, origin.port, send_buffer=65536)
    await client.send(f"PUT /t-{TAG} HTTP/1.1\r\nHost: h\r\nContent-Length: {1 << 30}\r\n\r\n")
    up = await expected.arrival()
    up.channel.narrow()
    with pytest.raises(LateError):
        await client.send(bytes(64 << 20), deadline_s=0.2)
    assert client.channel.sent < 64 << 20
    assert not up.body.begun
    client.close()
    with pytest.raises(IncompleteError):
        await up.content()
    await origin.close()


@aio
async def test_tls_with_the_name_that_was_asked_for() -> None:
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("origin.test").configure_cert(server)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    origin = await _opened(tls=server)
    assert origin.url.startswith("https://")
    expected = origin.expect(TAG)
    reader, writer = await asyncio.open_connection(
        origin.host, origin.port, ssl=trusting, server_hostname="origin.test"
    )
    writer.write(REQUEST.encode())
    up = await expected.arrival()
    assert up.connection.server_name == "origin.test"
    await up.answer(body=bytes(300_000))
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK")
    assert await reader.readexactly(300_000) == bytes(300_000)
    with pytest.raises(ssl.SSLCertVerificationError):
        await asyncio.open_connection(
            origin.host, origin.port, ssl=ssl.create_default_context(), server_hostname="origin.test"
        )
    writer.close()
    await origin.close()
