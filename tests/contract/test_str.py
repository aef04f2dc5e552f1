"""STR: no byte waits for another, no reader holds up another, and what is not read is not fetched."""

import asyncio
import hashlib
import itertools
import math

from shared.harness.origin.channel import within
from shared.harness.origin.scripted import Arrival
from tests.contract.case import case
from tests.contract.expect import absent, ok, same
from tests.contract.moves import MIB, digest, flood, noise, stall_bound
from tests.contract.talk import Talk, together


@case(
    "STR-01",
    requirement="promise: no byte waits for another",
    anchor="Go FlushIntervalHeaders",
)
async def head_first(talk: Talk) -> None:
    """The head reaches the client while the upstream still holds the body."""
    for framing in ("Content-Length: 5", "Transfer-Encoding: chunked"):
        x = await talk.exchange()
        await x.ask()
        up = await x.arrival()
        await up.head_of("200 OK", framing)
        response = await x.head()
        assert response.status == 200
        if framing.startswith("C"):
            await up.send("hello")
        else:
            await up.chunk(b"hello")
            await up.chunk(b"")
        up.release()
        ok(await response.to_the_end(), b"hello")


async def _lock_step(talk: Talk, events: int, *fields: str, ask: tuple[str, ...] = ()) -> None:
    """Each event leaves the origin only after the client has the one before."""
    data = [f"data: {n}\n\n".encode() for n in range(events)]
    sized = f"Content-Length: {sum(map(len, data))}" in fields
    x = await talk.exchange()
    await x.ask("GET", *ask)
    up = await x.arrival()
    await up.head_of("200 OK", *fields, *(() if sized else ("Transfer-Encoding: chunked",)))
    response = await x.head()
    for event in data:
        await (up.send(event) if sized else up.chunk(event))
        assert await response.some(len(event)) == event
    if not sized:
        await up.chunk(b"")
    up.release()
    ok(await response.to_the_end(), b"".join(data))
    absent(response.head, "Content-Encoding")


@case("STR-02", requirement="WHATWG HTML §9.2 (server-sent events)", anchor="Go TestSelectFlushInterval")
async def server_sent_events(talk: Talk) -> None:
    """A hundred events reach the client one by one, each before the next is sent."""
    await _lock_step(talk, 100, "Content-Type: text/event-stream", ask=("Accept: text/event-stream",))


@case(
    "STR-03", requirement="promise: no byte waits for another", anchor="Go flushes when the length is unknown"
)
async def any_type(talk: Talk) -> None:
    """Pieces of every content type, and of a body of known length, reach the client one by one, each before
    the next is sent: nothing is guessed from a name.
    """
    for kind in ("application/x-ndjson", "application/octet-stream", "text/html"):
        await _lock_step(talk, 20, f"Content-Type: {kind}")
    size = sum(len(f"data: {n}\n\n") for n in range(20))
    await _lock_step(talk, 20, f"Content-Length: {size}")


@case(
    "STR-04",
    requirement="promise: the read timeout counts between two reads, not in all",
    anchor="httpx: 5 s on everything by default",
    settings="tight",
    needs=("read_timeout_s",),
)
async def gaps(talk: Talk) -> None:
    """A stream lives on through gaps that are shorter than the read timeout, however long it is in all."""
    assert talk.manifest.read_timeout_s is not None
    await _with_gaps(talk, 0.4 * talk.manifest.read_timeout_s, 3)  # longer in all, much shorter each


@case(
    "STR-04-long",
    requirement="promise: the read timeout counts between two reads, not in all",
    anchor="httpx: 5 s on everything by default",
    tier="long",
    deadline_s=90,
)
async def long_gaps(talk: Talk) -> None:
    """A stream lives on through gaps of 6 s and 31 s, beyond every client library's default, or of nearly the
    read timeout that is declared.
    """
    longest_s = 0.8 * (talk.manifest.read_timeout_s or math.inf)
    await _with_gaps(talk, min(6, longest_s), 1)
    await _with_gaps(talk, min(31, longest_s), 1)


async def _with_gaps(talk: Talk, gap_s: float, count: int) -> None:
    x = await talk.exchange()
    await x.ask()
    up = await x.arrival()
    await up.head_of("200 OK", "Transfer-Encoding: chunked")
    response = await x.head()
    for _ in range(count):
        await asyncio.sleep(gap_s)  # the case is about time
        await up.chunk(b"event")
        assert await response.some(5) == b"event"
    await up.chunk(b"")
    up.release()
    ok(await response.to_the_end(), b"event" * count)


@case("STR-05", requirement="promise: back-pressure both ways", anchor="uvicorn and hypercorn flow control")
async def client_reads_nothing(talk: Talk) -> None:
    """A client that reads 1 KiB and stops makes the upstream wait: of a huge body only a little is taken."""
    bound = stall_bound()
    offered = 100 * bound
    await talk.origin.retire_idle()  # a connection that has carried much keeps the large buffers it was given
    x = await talk.exchange(await talk.connect(receive_buffer=65536))
    await x.ask()
    up = await x.arrival()
    up.channel.narrow()
    await up.head_of("200 OK", f"Content-Length: {offered}")
    response = await x.head()
    memory = talk.memory()
    sending = asyncio.ensure_future(flood(up.channel, bound))
    assert len(await response.some(1024)) == 1024
    taken = await within(10, "the origin to stall or to pass the bound", sending)
    assert taken <= bound, f"the proxy took {taken} bytes for a client that reads none"
    memory.grown_less_than(40)


@case("STR-06", requirement="RFC 9110 §6.4", anchor="Go", deadline_s=60)
async def large(talk: Talk) -> None:
    """32 MiB arrive whole and unchanged, with Content-Length and chunked."""
    body = noise(32 * MIB)
    for chunked in (False, True):
        x = await talk.exchange()
        await x.ask()
        up = await x.arrival()
        await up.head_of(
            "200 OK", "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"
        )
        response = await x.head()

        async def origin(up: Arrival = up, chunked: bool = chunked) -> None:
            await within(60, "the proxy to take the body", up.channel.send(_framed(body, chunked)))

        await together(origin(), response.swallow(60))
        up.release()
        ok(response, None)
        assert response.body.size == len(body)
        assert response.body.hash.hexdigest() == digest(body), "the download arrived changed"


def _framed(body: bytes, chunked: bool) -> bytes:
    if not chunked:
        return body
    size = 50_000
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in [*pieces, b""])


@case("STR-06-long", requirement="RFC 9110 §6.4", anchor="Go", tier="long", deadline_s=180)
async def gigabyte(talk: Talk) -> None:
    """1 GiB arrives whole and unchanged, and the proxy holds no more than a sliver of it at a time."""
    count, sent = 1024, hashlib.sha256()
    x = await talk.exchange()
    await x.ask()
    up = await x.arrival()
    await up.head_of("200 OK", f"Content-Length: {count * MIB}")
    response = await x.head()
    memory = talk.memory()

    async def origin() -> None:
        for n in range(count):
            piece = noise(MIB, n)  # no two alike: swapped pieces show
            sent.update(piece)
            await up.send(piece)
            memory.look()

    await together(origin(), response.swallow(170))
    up.release()
    ok(response, None)
    assert response.body.hash.hexdigest() == sent.hexdigest(), "the download arrived changed"
    memory.grown_less_than(40)


@case("STR-07", requirement="promise: no reader holds up another", anchor="one event loop, one pool")
async def slow_reader(talk: Talk) -> None:
    """Forty streams at once, one of whose clients reads nothing: the other thirty-nine are not held up."""
    slow = await talk.exchange(await talk.connect(receive_buffer=4096))
    await slow.ask()
    flooded = await slow.arrival()
    await flooded.head_of("200 OK", f"Content-Length: {2048 * MIB}")
    flooding = asyncio.ensure_future(flood(flooded.channel, stall_bound()))
    streams = [await talk.exchange() for _ in range(39)]
    for x in streams:
        await x.ask()
    arrivals = [await x.arrival() for x in streams]
    for up in arrivals:
        await up.head_of("200 OK", "Transfer-Encoding: chunked")
    responses = [await x.head() for x in streams]
    await within(15, "the flood to stall", flooding)
    for n in range(5):
        event = f"event {n}".encode()
        for up in arrivals:
            await up.chunk(event)
        for response in responses:
            assert await response.some(len(event)) == event
    for up in arrivals:
        await up.chunk(b"")
        up.release()
    for response in responses:
        ok(await response.to_the_end(), None)
    talk.note("streams", len(responses))


@case("STR-09", requirement="RFC 9112 §7.1", anchor="ASGI more_body with an empty body")
async def tiny_chunks(talk: Talk) -> None:
    """Thousands of one-byte chunks, and chunks torn apart between reads, arrive whole and in order."""
    body = noise(4000)
    x = await talk.exchange()
    await x.ask()
    up = await x.arrival()
    await up.head_of("200 OK", "Transfer-Encoding: chunked")
    response = await x.head()
    torn = b"".join(b"1\r\n%c\r\n" % byte for byte in body)
    await up.send(torn)
    assert await response.some(len(body)) == body
    for piece in ("5", "\r", "\n", "he", "llo", "\r\n", "0", "\r\n"):
        await up.send(piece)
    await up.send("\r\n")
    up.release()
    ok(await response.to_the_end(), body + b"hello")


@case("STR-09-long", requirement="RFC 9112 §7.1", anchor="ASGI more_body", tier="long", deadline_s=120)
async def tiny_chunks_without_end(talk: Talk) -> None:
    """A hundred thousand one-byte chunks, some alone in their packet, arrive whole and in order."""
    body = noise(100_000)
    x = await talk.exchange()
    await x.ask()
    up = await x.arrival()
    await up.head_of("200 OK", "Transfer-Encoding: chunked")
    response = await x.head()

    async def origin() -> None:
        sizes = itertools.cycle((1, 10, 100, 1000))
        at = 0
        while at < len(body):
            part = body[at : at + next(sizes)]
            at += len(part)
            await up.send(b"".join(b"1\r\n%c\r\n" % byte for byte in part))
        await up.chunk(b"")

    await together(origin(), response.swallow(110))
    up.release()
    ok(response, None)
    assert response.body.size == len(body)
    assert response.body.hash.hexdigest() == digest(body), "the download arrived changed"


@case("STR-10", requirement="RFC 9110 §8.4; WHATWG HTML §9.2", anchor="GZip middlewares buffer")
async def not_compressed(talk: Talk) -> None:
    """A client that could take gzip still gets the events as they come, and uncoded."""
    await _lock_step(
        talk,
        10,
        "Content-Type: text/event-stream",
        ask=("Accept-Encoding: gzip", "Accept: text/event-stream"),
    )


@case("STR-11", requirement="RFC 9112 §9.3", anchor="browsers reuse connections")
async def kept_alive(talk: Talk) -> None:
    """After a stream the client's connection carries the next request."""
    client = await talk.connect()
    for _ in range(3):
        x = await talk.exchange(client)
        await x.ask()
        up = await x.arrival()
        await up.head_of("200 OK", "Transfer-Encoding: chunked")
        await up.chunk(b"one")
        response = await x.head()
        assert await response.some(3) == b"one"
        await up.chunk(b"")
        up.release()
        ok(await response.to_the_end(), b"one")
        same(response.head, "Content-Length")
