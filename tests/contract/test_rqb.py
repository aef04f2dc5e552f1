"""RQB: request bodies keep bytes and framing."""

import gzip
import hashlib

from shared.harness.origin.channel import within
from shared.harness.origin.scripted import Arrival
from tests.contract.case import case
from tests.contract.expect import absent, closed_for_good, next_is_its_own, ok, same
from tests.contract.moves import MIB, SMUGGLED, digest, noise, pass_through
from tests.contract.talk import Exchange, Talk, together


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
    """An upload of 32 MiB arrives whole and unchanged."""
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
    """The body of a GET or DELETE goes through whole, or the request is refused: it is never dropped without
    a word.
    """
    for method in ("GET", "DELETE"):
        x = await talk.exchange()
        await x.ask(method, body=b"content")
        up = await x.reaches()
        if isinstance(up, Arrival):
            content = await up.content()
            assert content == b"content", f"{method}: content {content!r}, not b'content'"
            await up.answer()
            ok(await x.response())
        else:
            assert 400 <= up.status < 500, f"{method}: status {up.status}"


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
    "RQB-17",
    requirement="RFC 9112 §6.3",
    anchor="oracle (ii): no more requests than the client was entitled to",
)
async def next_request(talk: Talk) -> None:
    """After an upload the connection carries the next request, and no byte of the body is read as one."""
    client = await talk.connect()
    for _ in range(3):
        x = await talk.exchange(client)
        up, response = await x.trip("POST", body=SMUGGLED)
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
