"""RQB: request bodies keep bytes and framing, flow as they come, and never look whole when they are not."""

import asyncio
import gzip
import hashlib

from shared.harness.origin.channel import within
from shared.harness.origin.scripted import Arrival
from tests.contract.case import case
from tests.contract.expect import (
    SMUGGLED,
    absent,
    closed_for_good,
    digest,
    flood,
    never_whole,
    next_is_its_own,
    noise,
    ok,
    same,
    stall_bound,
)
from tests.contract.talk import FRONT, Exchange, Talk, together
from tests.contract.test_can import pass_through

MIB = 1 << 20


async def _upload(x: Exchange, body: bytes, *fields: str) -> Arrival:
    """POST `body` with Content-Length, read it at the origin while it is sent, answer."""
    arrived: list[Arrival] = []

    async def origin() -> None:
        up = await x.arrival()
        await within(60, "the upload to arrive", up.body.swallow())
        await up.answer()
        arrived.append(up)

    await together(x.ask("POST", *fields, body=body, deadline_s=60), origin())
    ok(await x.response())
    return arrived[0]


@case("RQB-01", requirement="RFC 9112 §6.2", anchor="Go _Post; YARP tables")
async def content_length(talk: Talk) -> None:
    """A body with Content-Length arrives with the same length and the same bytes, and with no other
    framing.
    """
    for size in (0, 1, 65_536, MIB):
        body = noise(size)
        up = await _upload(await talk.exchange(), body)
        same(up.head, "Content-Length", str(size))
        absent(up.head, "Transfer-Encoding")
        assert up.body.hash.hexdigest() == digest(body), f"{size} bytes arrived changed"


@case("RQB-01-large", requirement="RFC 9112 §6.2", anchor="Go _Post", deadline_s=60)
async def large(talk: Talk) -> None:
    """32 MiB arrive whole and unchanged."""
    body = noise(32 * MIB)
    up = await _upload(await talk.exchange(), body)
    same(up.head, "Content-Length", str(len(body)))
    assert up.body.hash.hexdigest() == digest(body), "the upload arrived changed"


@case("RQB-01-long", requirement="RFC 9112 §6.2", anchor="Go _Post", tier="long", deadline_s=180)
async def gigabyte(talk: Talk) -> None:
    """1 GiB arrives whole and unchanged, and the proxy holds no more than a sliver of it at a time."""
    count, sent = 1024, hashlib.sha256()
    x = await talk.exchange()
    memory = talk.memory()

    async def client() -> None:
        await x.ask("POST", f"Content-Length: {count * MIB}")
        for n in range(count):
            piece = noise(MIB, n)  # no two alike: swapped pieces show
            sent.update(piece)
            await x.client.send(piece)
            memory.look()

    arrived: list[Arrival] = []

    async def origin() -> None:
        up = await x.arrival()
        await within(170, "the upload to arrive", up.body.swallow())
        await up.answer()
        arrived.append(up)

    await together(client(), origin())
    ok(await x.response())
    assert arrived[0].body.hash.hexdigest() == sent.hexdigest(), "the upload arrived changed"
    memory.grown_less_than(40)


@case("RQB-02", requirement="RFC 9112 §7.1.1", anchor="RFC 9112 §7.1.1: extensions end at each hop")
async def chunked(talk: Talk) -> None:
    """A chunked body of odd chunks arrives with one framing and the same bytes; chunk extensions do not."""
    x = await talk.exchange()
    parts = [noise(size, size) for size in (1, 2, 3, 13, 255, 1000, 4097)]
    extensions = ["", ";a", ";a=b", ';q="x;y"', ";a=b;c", "", ""]
    await x.ask("POST", "Transfer-Encoding: chunked")
    for part, extension in zip(parts, extensions, strict=True):
        await x.client.send(f"{len(part):X}{extension}\r\n", part, "\r\n")
    await x.client.send("0\r\n\r\n")
    up = await x.arrival()
    body = await up.content()
    assert len(up.head.all("Content-Length")) + len(up.head.all("Transfer-Encoding")) == 1
    assert body == b"".join(parts), "the body arrived changed"
    await up.answer()
    ok(await x.response())


@case("RQB-03", requirement="RFC 9112 §6.3", anchor="Go TestNilBody (12344, 16036)")
async def no_body(talk: Talk) -> None:
    """A request without a body arrives without any framing field."""
    for method in ("GET", "HEAD", "DELETE", "OPTIONS"):
        x = await talk.exchange()
        seen, response = await x.trip(method, content=None if method == "HEAD" else b"ok")
        ok(response, None)
        absent(seen, "Content-Length", "Transfer-Encoding")


@case("RQB-04", requirement="RFC 9110 §8.6", anchor="Go; YARP")
async def empty_body(talk: Talk) -> None:
    """`Content-Length: 0` arrives as `Content-Length: 0`."""
    for method in ("POST", "PUT"):
        x = await talk.exchange()
        seen, response = await x.trip(method, body=b"")
        ok(response)
        same(seen, "Content-Length", "0")
        absent(seen, "Transfer-Encoding")


@case("RQB-05", level="S", requirement="RFC 9110 §9.3.1", anchor="HTTP Garden")
async def body_with_get(talk: Talk) -> None:
    """The body of a GET or DELETE goes through, or the request is refused; framing without a body never is
    left.
    """
    for method in ("GET", "DELETE"):
        x = await talk.exchange()
        await x.ask(method, body=b"content")
        up = await x.reaches()
        if isinstance(up, Arrival):
            assert await up.content() in (b"content", b""), "the body arrived changed"
            await up.answer()
            ok(await x.response())
        else:
            assert 400 <= up.status < 500, f"status {up.status}"


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
    await never_whole(up.body, talk.manifest.leave_s)
    await up.peer_closed(talk.manifest.leave_s)


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


@case("RQB-13", requirement="RFC 9110 §8.4", anchor="RFC 9110 §7.7")
async def coded_content(talk: Talk) -> None:
    """Coded and structured bodies are bytes: neither decoded nor parsed."""
    packed = gzip.compress(b"text " * 1000, mtime=0)
    form = b'--b\r\nContent-Disposition: form-data; name="f"; filename="x"\r\n\r\n\x00\xff\r\n--b--\r\n'
    for body, fields in (
        (packed, ("Content-Encoding: gzip", "Content-Type: text/plain")),
        (packed[:100], ("Content-Encoding: gzip",)),
        (form, ("Content-Type: multipart/form-data; boundary=b",)),
        (b"a=1&a=2&%zz", ("Content-Type: application/x-www-form-urlencoded",)),
    ):
        up = await _upload(await talk.exchange(), body, *fields)
        assert up.body.hash.hexdigest() == digest(body), "the body arrived changed"
        for line in fields:
            name, _, value = line.partition(": ")
            same(up.head, name, value)


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


@case(
    "RQB-17",
    requirement="RFC 9112 §6.3",
    anchor="oracle (ii): no more requests than the client was entitled to",
)
async def next_request(talk: Talk) -> None:
    """After an upload the connection carries the next request, and no byte of the body is read as one."""
    client = await talk.connect()
    inner = f"GET /smuggled HTTP/1.1\r\nHost: {FRONT}\r\n\r\n".encode()
    for _ in range(3):
        x = await talk.exchange(client)
        up, response = await x.trip("POST", body=inner)
        ok(response)
        assert up.target.partition(b"?")[0] == x.path.encode(), f"the target is {up.target!r}"


@case(
    "RQB-18",
    requirement="RFC 9110 §7.8; RFC 9112 §6.3",
    anchor="llhttp stops after the head of a request that asks for an upgrade",
)
async def body_beside_an_upgrade(talk: Talk) -> None:
    """A body beside an offer to upgrade arrives whole, or the request is 400 and the connection closed: it
    is neither lost nor read as the next request.
    """
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED)
    for upgrade in ("foo", "h2c"):
        for framing, body in (
            (f"Content-Length: {len(SMUGGLED)}", SMUGGLED),
            ("Transfer-Encoding: chunked", chunked),
        ):
            for apart in (False, True):
                await _beside_an_upgrade(talk, upgrade, framing, body, apart)


async def _beside_an_upgrade(talk: Talk, upgrade: str, framing: str, body: bytes, apart: bool) -> None:
    x = await talk.exchange()
    offer = ("Connection: Upgrade", f"Upgrade: {upgrade}")
    await x.ask("POST", *offer, framing, tail=b"" if apart else body)
    if apart:
        await pass_through(talk)  # the head has been read by itself
        try:
            await x.client.send(body)
        except ConnectionError:
            pass  # refused already
    up = await x.reaches()
    if isinstance(up, Arrival):
        assert await up.content() == SMUGGLED, "the body arrived changed"
        if talk.manifest.upgrade != "relay":  # an offer may go on to the upstream, which then declines it
            absent(up.head, "Upgrade")
        await up.answer()
        ok(await x.response())
        await next_is_its_own(talk, x)
    else:
        assert up.status == 400, f"status {up.status}"
        await closed_for_good(x.client)
