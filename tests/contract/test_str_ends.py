"""STR: streams that rest, go on, and end as their framing says."""

import asyncio
import contextlib
import statistics

from shared.harness.origin.channel import within
from tests.contract.case import case
from tests.contract.expect import absent, ok
from tests.contract.moves import MIB, digest, noise, stall_bound
from tests.contract.talk import Talk, together


@case(
    "STR-12",
    requirement="RFC 9112 §6.3 item 8",
    anchor="Go FlushInterval; HTTP/1.0 upstreams stream like this",
)
async def until_the_close(talk: Talk) -> None:
    """A stream that only its end of connection ends flows piece by piece, and ends with it."""
    for version in ("HTTP/1.1", "HTTP/1.0"):
        x = await talk.exchange()
        await x.ask()
        up = await x.arrival()
        await up.send(f"{version} 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        response = await x.head()
        for n in range(10):
            event = f"data: {n}\n\n".encode()
            await up.send(event)
            assert await response.some(len(event)) == event
        up.close()
        ok(await response.to_the_end(), None)
        assert response.body.size == 90


@case(
    "STR-13",
    requirement="promise: back-pressure both ways",
    anchor="nginx proxy_limit_rate.t",
    compare="verdict",
    deadline_s=60,
)
async def rests_and_goes_on(talk: Talk) -> None:
    """A download that had to wait for its client goes on when the client reads on, and arrives whole."""
    piece = noise(MIB)
    size = 3 * (stall_bound() // MIB)
    x = await talk.exchange(await talk.connect(receive_buffer=65536))
    await x.ask()
    up = await x.arrival()
    up.channel.narrow()
    await up.head_of("200 OK", f"Content-Length: {size * MIB}")
    response = await x.head()
    begun = up.channel.sent
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1):
            await up.channel.send(piece * size)
    at = up.channel.sent - begun
    assert at < size * MIB, "the proxy took everything for a client that reads nothing"

    async def origin() -> None:
        await within(50, "the rest to be taken", up.channel.send((piece * size)[at:]))

    await together(origin(), response.swallow(50))
    up.release()
    ok(response, None)
    assert response.body.hash.hexdigest() == digest(piece * size), "the download arrived changed"


@case(
    "STR-14",
    requirement="RFC 9112 §9.3; WHATWG HTML §9.2",
    anchor="EventSource reconnects on the same connection",
)
async def cut_and_begun_again(talk: Talk) -> None:
    """A stream that its upstream cut is cut; the next that its client begins, with Last-Event-ID, is new."""
    x = await talk.exchange()
    await x.ask("GET", "Accept: text/event-stream")
    up = await x.arrival()
    await up.head_of("200 OK", "Content-Type: text/event-stream", "Transfer-Encoding: chunked")
    await up.chunk(b"id: 1\n\n")
    response = await x.head()
    assert await response.some(7) == b"id: 1\n\n"
    up.reset()
    await response.to_the_end()
    assert not response.complete, "a stream that was cut ended as if it were whole"
    y = await talk.exchange()
    seen, again = await y.trip("GET", "Last-Event-ID: 1", content=b"id: 2\n\n")
    ok(again, b"id: 2\n\n")
    assert seen.one("Last-Event-ID") == b"1"


@case(
    "STR-15", requirement="RFC 9112 §6.1, §2.3", anchor="HTTP/1.0 clients stream until the close", level="S"
)
async def to_an_old_client(talk: Talk) -> None:
    """To an HTTP/1.0 client a stream flows piece by piece too, unchunked, and the close ends it."""
    x = await talk.exchange()
    await x.ask(version="HTTP/1.0")
    up = await x.arrival()
    chunked = up.head.version == b"HTTP/1.1"  # a proxy that passes the client's version on gets no chunks
    await up.head_of("200 OK", "Transfer-Encoding: chunked" if chunked else "Connection: close")
    response = await x.head()
    absent(response.head, "Transfer-Encoding")
    for n in range(10):
        event = f"data: {n}\n\n".encode()
        await (up.chunk(event) if chunked else up.send(event))
        assert await response.some(len(event)) == event
    if chunked:
        await up.chunk(b"")
        up.release()
    else:
        up.close()
    ok(await response.to_the_end(), None)


@case(
    "STR-16", requirement="RFC 9110 §6.4.1", anchor="many small writes: Nagle and delayed ACKs add 40 ms each"
)
async def small_writes(talk: Talk) -> None:
    """Two hundred pieces in lock-step, both ways, take no two hundred delays: none waits for an ACK."""
    clock, steps = asyncio.get_running_loop().time, []
    x = await talk.exchange()
    await x.ask()
    up = await x.arrival()
    await up.head_of("200 OK", "Content-Length: 400")
    response = await x.head()
    for _ in range(200):
        began_s = clock()
        await up.send(b"ab")
        assert await response.some(2) == b"ab"
        steps.append(clock() - began_s)
    up.release()
    ok(await response.to_the_end(), b"ab" * 200)
    typical_s = statistics.median(steps)  # which a busy machine hardly moves
    assert typical_s < 0.02, (
        f"a piece takes {typical_s:.3f} s: each waits for something, as for an ACK's 0.04 s"
    )
