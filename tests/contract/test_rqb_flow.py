"""RQB: request bodies flow as they come, stop at a limit, and never look whole when they are not."""

import asyncio

from shared.harness.origin.scripted import Arrival
from tests.contract.case import case
from tests.contract.expect import never_whole, ok, same
from tests.contract.moves import MIB, SLACK_S, flood, noise, stall_bound
from tests.contract.talk import Exchange, Talk, together


@case(
    "RQB-06",
    level="P",
    requirement="promise: no byte waits for another",
    anchor="nginx proxy_request_buffering*.t",
    needs=("streams",),
)
async def lock_step(talk: Talk) -> None:
    """Each piece of an upload reaches the upstream before the next one is sent."""
    for framing in ("Content-Length: 40", "Transfer-Encoding: chunked"):
        x = await talk.exchange()
        await x.ask("POST", framing)
        up: Arrival | None = None
        for n in range(4):
            piece = noise(10, n)
            chunk = framing.startswith("T")
            await x.client.send("A\r\n" if chunk else "", piece, "\r\n" if chunk else "")
            up = up or await x.arrival()
            assert await up.some(10) == piece
        await x.client.send("0\r\n\r\n" if framing.startswith("T") else "")
        assert up is not None
        assert await up.content() == b""
        await up.answer()
        ok(await x.response())


@case(
    "RQB-07",
    requirement="promise: back-pressure both ways",
    anchor="Go streams; uvicorn HIGH_WATER_LIMIT",
    needs=("streams",),
)
async def upstream_reads_nothing(talk: Talk) -> None:
    """An upstream that stops reading makes the client wait: of a huge body only a little leaves its hands."""
    bound = stall_bound()
    offered = 100 * bound
    await talk.origin.retire_idle()  # a connection that has carried much keeps the large buffers it was given
    x = await talk.exchange(await talk.connect(send_buffer=65536))
    await x.ask("PUT", f"Content-Length: {offered}")
    up = await x.arrival()
    up.channel.narrow()
    memory = talk.memory()
    taken = await flood(x.client.channel, bound)
    assert taken <= bound, f"the proxy took {taken} bytes for an upstream that reads none"
    assert not up.body.begun
    memory.grown_less_than(40)


@case("RQB-08", requirement="RFC 9112 §6.3, §8", anchor="YARP WrongContentLength", needs=("streams",))
async def upload_cut_short(talk: Talk) -> None:
    """A client that leaves in the middle of Content-Length is not made to look as if it had finished."""
    for leave in ("close", "reset"):
        x = await talk.exchange()
        await x.ask("POST", "Content-Length: 100")
        await x.client.send(b"x" * 50)
        up = await x.arrival()
        assert await up.some(50) == b"x" * 50
        getattr(x.client, leave)()
        await _is_cut(talk, up)
        same(up.head, "Content-Length", "100")


@case("RQB-09", requirement="RFC 9112 §8", anchor="RFC 9112 §8", needs=("streams",))
async def chunked_upload_cut_short(talk: Talk) -> None:
    """A client that leaves before its last chunk is not given one."""
    for leave in ("close", "reset"):
        x = await talk.exchange()
        await x.ask("POST", "Transfer-Encoding: chunked")
        await x.client.send("5\r\nhello\r\n")
        up = await x.arrival()
        assert await up.some(5) == b"hello"
        getattr(x.client, leave)()
        await _is_cut(talk, up)


async def _is_cut(talk: Talk, up: Arrival) -> None:
    """The upstream sees the connection end inside the body, soon."""
    await never_whole(up.body, talk.manifest.leave_s + SLACK_S)
    await up.peer_closed(talk.manifest.leave_s + SLACK_S)


@case(
    "RQB-10",
    level="P",
    requirement="RFC 9110 §15.5.14",
    anchor="nginx client_max_body_size",
    settings="tight",
    needs=("max_body",),
)
async def over_the_limit(talk: Talk) -> None:
    """A body over the limit is refused by its length, with 413, before the upstream hears of it."""
    assert talk.manifest.max_body is not None
    x = await talk.exchange()
    await x.ask("POST", f"Content-Length: {talk.manifest.max_body + 1}")
    response = await x.response()
    assert response.status == 413, f"status {response.status}"
    assert x.expected.count == 0, "the upstream heard of it"
    y = await talk.exchange()
    ok((await y.trip("POST", body=bytes(talk.manifest.max_body)))[1])


@case(
    "RQB-10-chunked",
    level="P",
    requirement="RFC 9110 §15.5.14",
    anchor="Traefik buffering",
    settings="tight",
    needs=("max_body",),
    compare="verdict",
)
async def over_the_limit_unannounced(talk: Talk) -> None:
    """A chunked body that grows over the limit is refused with 413, and never reaches the upstream whole."""
    assert talk.manifest.max_body is not None
    x = await talk.exchange()
    await x.ask("POST", "Transfer-Encoding: chunked")
    up = await x.arrival()
    for _ in range(talk.manifest.max_body // 65536):
        # In lock-step: bytes that are unread when the proxy closes would reset the answer (RFC 9112 §9.6).
        await x.client.send(b"10000\r\n", bytes(65536), b"\r\n")
        await up.some(65536)
    await x.client.send(b"1\r\nx\r\n")
    await never_whole(up.body)
    up.close()
    response = await x.response()
    assert response.status == 413, f"status {response.status}"


@case("RQB-11", level="S", requirement="RFC 9112 §9.5", anchor="Go PanicClosesIncomingBody (46866)")
async def early_answer(talk: Talk) -> None:
    """An upstream that answers before it has read the upload is heard: its status, not a 502."""
    x = await talk.exchange()
    body = bytes(6 * MIB)

    async def client() -> None:
        try:
            await x.ask("POST", body=body, deadline_s=10)
        except ConnectionError:
            pass  # the proxy may close once it has answered

    async def origin() -> None:
        up = await x.arrival()
        await up.head_of("401 Unauthorized", "Content-Length: 2", "Connection: close")
        await up.send("no")
        up.channel.finish()
        await up.peer_closed(10)  # reads what still comes, as RFC 9112 §9.6 asks of a server that closes

    await together(client(), origin(), _status(x, 401))


async def _status(x: Exchange, status: int) -> None:
    response = await x.response(10)
    assert response.status == status, f"status {response.status}: {response.content[:200]!r}"


@case(
    "RQB-16",
    requirement="RFC 9110 §15.5.9",
    anchor="YARP RequestWithBody_KeptAliveByActivity",
    settings="tight",
    needs=("response_timeout_s", "read_timeout_s"),
)
async def slow_upload(talk: Talk) -> None:
    """An upload that is slow but moving outlives every timeout: they count from the last byte, not the
    first.
    """
    assert talk.manifest.response_timeout_s is not None
    assert talk.manifest.read_timeout_s is not None
    longest_s = max(talk.manifest.response_timeout_s, talk.manifest.read_timeout_s)
    x = await talk.exchange()
    await x.ask("POST", "Content-Length: 6")
    for _ in range(6):
        await x.client.send(b"x")
        await asyncio.sleep(longest_s / 5)  # longer in all than any deadline, much shorter each
    up = await x.arrival()
    assert await up.content() == b"x" * 6
    await up.answer()
    ok(await x.response())
