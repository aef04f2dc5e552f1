"""CAN: a client that leaves takes its exchange with it, and leaves nothing behind."""

import asyncio
import contextlib
import random

from shared.harness.origin.channel import LateError, within
from shared.harness.origin.scripted import Arrival
from tests.contract.case import case
from tests.contract.expect import never_whole, ok, pool_is_whole
from tests.contract.moves import answers, flood, pass_through, stall_bound
from tests.contract.talk import Exchange, Talk, together


@case(
    "CAN-01",
    requirement="promise: a leaver ends its exchange within a second",
    anchor="Go TestReverseProxyCancellation; litellm #31499",
)
async def before_the_head(talk: Talk) -> None:
    """A client that leaves before the response head closes the upstream side, though nothing moves."""
    for leave in ("close", "reset"):
        x = await talk.exchange()
        await x.ask()
        up = await x.arrival()
        getattr(x.client, leave)()
        await up.peer_closed(talk.manifest.leave_s)


@case(
    "CAN-01-body",
    requirement="promise: a leaver ends its exchange within a second",
    anchor="the request body has been read when the client leaves",
)
async def after_the_upload(talk: Talk) -> None:
    """A client that leaves after its whole upload, before the response head, closes the upstream side: the
    end of the body is not the end of watching.
    """
    for framing, body in (
        ("Content-Length: 5", "hello"),
        ("Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\n\r\n"),
    ):
        x = await talk.exchange()
        await x.ask("POST", framing)
        await x.client.send(body)
        up = await x.arrival()
        assert await up.content() == b"hello"
        x.client.close()
        await up.peer_closed(talk.manifest.leave_s)


@case(
    "CAN-02",
    requirement="promise: a leaver ends its exchange within a second",
    anchor="Caddy client_disconnect_test",
    compare="verdict",
)
async def in_the_body(talk: Talk) -> None:
    """A client that leaves in the middle of a steady stream ends it at the upstream."""
    for leave in ("close", "reset"):
        x = await talk.exchange()
        await x.ask()
        up = await x.arrival()
        await up.head_of("200 OK", "Transfer-Encoding: chunked")
        await up.chunk(b"x" * 1000)
        response = await x.head()
        assert len(await response.some()) > 0

        async def stream(up: Arrival = up) -> None:
            with contextlib.suppress(ConnectionError):
                while True:
                    await up.chunk(b"x" * 16384)

        streaming = asyncio.ensure_future(stream())
        getattr(x.client, leave)()
        await within(talk.manifest.leave_s, "the upstream to be cut off", streaming)


@case(
    "CAN-03",
    requirement="promise: a leaver ends its exchange within a second",
    anchor="nginx proxy_ignore_client_abort; HAProxy http_abortonclose.vtc",
)
async def in_silence(talk: Talk) -> None:
    """A client that leaves while the stream is silent is noticed without a byte being written."""
    for leave in ("close", "reset"):
        x = await talk.exchange()
        await x.ask("GET", "Accept: text/event-stream")
        up = await x.arrival()
        await up.head_of("200 OK", "Content-Type: text/event-stream", "Transfer-Encoding: chunked")
        await up.chunk(b"data: 1\n\n")
        response = await x.head()
        assert await response.some(9) == b"data: 1\n\n"
        getattr(x.client, leave)()
        await up.peer_closed(talk.manifest.leave_s)


@case("CAN-04", requirement="RFC 9112 §8", anchor="YARP Canceled tests", needs=("streams",))
async def in_the_upload(talk: Talk) -> None:
    """A client that is reset in the middle of a steady upload cuts it at the upstream, unterminated."""
    for framing in ("Transfer-Encoding: chunked", "Content-Length: 1000000"):
        x = await talk.exchange()
        await x.ask("POST", framing)
        up = await x.arrival()
        piece = b"x" * 1000
        for _ in range(5):
            await x.client.send(*(("3e8\r\n", piece, "\r\n") if framing.startswith("T") else (piece,)))
            assert await up.some(1000) == piece
        x.client.reset()
        await never_whole(up.body, talk.manifest.leave_s)


@case("CAN-05", level="O", requirement="RFC 9112 §9.6", anchor="HAProxy abortonclose", compare="verdict")
async def half_closed(talk: Talk) -> None:
    """Told: whether a client that has sent its request and its FIN, and reads on, is answered or given up."""
    x = await talk.exchange()
    await x.ask()
    up = await x.arrival()
    x.client.channel.finish()
    try:
        await up.peer_closed(1)
    except LateError:
        await up.answer()
        ok(await x.response())
        talk.note("half-close", "answered")
        return
    how = await x.client.peer_closed()
    talk.note("half-close", f"given up ({how})")


@case(
    "CAN-06",
    requirement="promise: a pool outlives those that leave it",
    anchor="httpcore #1093, #658, #830; httpx #1461, #2139, #3782",
    settings="tight",
    needs=("pool",),
    compare="verdict",
    deadline_s=60,
)
async def churn(talk: Talk) -> None:
    """After 600 clients that leave at every moment there is, a pool of 10 still carries ten requests at
    once.
    """
    assert talk.manifest.pool is not None
    choices = random.Random(6)
    room = asyncio.Semaphore(talk.manifest.pool * 3)  # three times more than the pool: most have to queue

    async def holds(up: Arrival) -> None:
        """Part of a response, as much as the plan says, then silence until the proxy goes."""
        with contextlib.suppress(ConnectionError):
            await up.send(plans[up.record.token or ""])
        await up.peer_closed(20)

    plans: dict[str, str] = {}
    head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    parts = ("", "HTTP/1.1 2", head, head + "5\r\nhello\r\n", head + "5\r\nhel")

    async def leaver(wait: str, part: str, leave: str) -> None:
        async with room:
            x = await talk.exchange(script=holds)
            plans[x.token] = part
            await x.ask()
            if wait == "a turn":
                await asyncio.sleep(0)
            elif wait == "arrival":  # or a refusal, when its turn in the queue does not come in time
                await _arrived_or_answered(x)
            elif wait == "answer":
                await within(10, "an answer", x.client.reader.head_ready()) if part.startswith(head) else None
            getattr(x.client, leave)()

    waits = ("nothing", "a turn", "arrival", "answer")
    leaving = [
        leaver(choices.choice(waits), choices.choice(parts), choices.choice(("close", "reset")))
        for _ in range(600)
    ]
    await together(*leaving)
    await pool_is_whole(talk)


async def _arrived_or_answered(x: Exchange) -> None:
    arrived = asyncio.ensure_future(
        x.talk.origin.ledger.until(lambda: x.expected.count > 0, "the request to arrive", 10)
    )
    answered = asyncio.ensure_future(x.client.reader.head_ready())
    try:
        await asyncio.wait({arrived, answered}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        arrived.cancel()
        answered.cancel()
        await asyncio.gather(arrived, answered, return_exceptions=True)


@case(
    "CAN-07",
    requirement="promise: who leaves the queue is not served",
    anchor="httpcore PR #1035, #1094, #1099",
    settings="tight",
    needs=("pool",),
)
async def in_the_queue(talk: Talk) -> None:
    """A client that leaves while it queues for a connection never reaches the upstream; the next in line
    does.
    """
    assert talk.manifest.pool is not None
    held = [await talk.exchange() for _ in range(talk.manifest.pool)]
    for x in held:
        await x.ask()
    arrivals = [await x.arrival() for x in held]
    leaver, waiter = await talk.exchange(), await talk.exchange()
    await leaver.ask()
    await pass_through(talk)
    await waiter.ask()
    await pass_through(talk)
    leaver.client.close()
    await pass_through(talk)
    await arrivals[0].answer()
    up = await waiter.arrival(2)
    await up.answer()
    ok(await waiter.response())
    for x, one in zip(held[1:], arrivals[1:], strict=True):
        await one.answer()
        ok(await x.response())
    ok(await held[0].response())
    assert leaver.expected.count == 0, "the request of a client that had left reached the upstream"


@case(
    "CAN-08",
    requirement="RFC 9110 §9.2.2: nothing is sent again that may have had an effect",
    anchor="Go; nginx proxy_next_upstream",
)
async def not_repeated(talk: Talk) -> None:
    """What a client has left behind is not tried again on its behalf."""
    for method in ("GET", "POST"):
        x = await talk.exchange()
        await x.ask(method, body=b"once")
        up = await x.arrival()
        x.client.reset()
        await up.peer_closed(talk.manifest.leave_s)
        y = await talk.exchange(script=answers)
        await y.ask()
        ok(await y.response())
        assert x.expected.count == 1, f"{x.expected.count} requests arrived for one"


@case(
    "CAN-10",
    requirement="promise: a leaver ends its exchange within a second",
    anchor="YARP: a copy that is blocked is cancelled too",
    compare="verdict",
)
async def while_stuck(talk: Talk) -> None:
    """A client that has read nothing of a large response for a while, and is reset, ends it at the upstream:
    waiting for room is no reason not to notice.
    """
    x = await talk.exchange(await talk.connect(receive_buffer=65536))
    await x.ask()
    up = await x.arrival()
    up.channel.narrow()
    await up.head_of("200 OK", f"Content-Length: {100 * stall_bound()}")
    await x.head()
    await within(10, "the origin to stall", flood(up.channel, stall_bound()))
    x.client.reset()
    await up.peer_closed(talk.manifest.leave_s)


@case("CAN-11", requirement="RFC 9112 §9.3", anchor="httpcore #1093: what a leaver has not read is nobody's")
async def leftovers(talk: Talk) -> None:
    """What a leaver has left of its response is not what the next client gets."""
    for framing, body in (
        ("Content-Length: 20000", b"x" * 20000),
        ("Transfer-Encoding: chunked", b"4e20\r\n" + b"x" * 20000 + b"\r\n0\r\n\r\n"),
    ):
        for begun in (True, False):
            x = await talk.exchange()
            await x.ask()
            up = await x.arrival()
            if begun:
                await up.send(f"HTTP/1.1 200 OK\r\n{framing}\r\n\r\n", body[:9000])
                await x.head()
            x.client.close()
            with contextlib.suppress(ConnectionError):
                await up.send("" if begun else f"HTTP/1.1 200 OK\r\n{framing}\r\n\r\n", body[9000 * begun :])
            up.release()  # whole: if the proxy has read it all, it may use the connection again
            y = await talk.exchange()
            ok((await y.trip(content=b"mine"))[1], b"mine")


@case(
    "CAN-12",
    level="S",
    requirement="RFC 9112 §9.3",
    anchor="one client's end is not the pool's",
    needs=("keepalive",),
)
async def between_requests(talk: Talk) -> None:
    """A client that leaves between two requests takes no pooled connection with it."""
    for leave in ("close", "reset"):
        x = await talk.exchange()
        ok((await x.trip())[1])
        getattr(x.client, leave)()
        await pass_through(talk)
    y = await talk.exchange()
    ok((await y.trip())[1])
    assert talk.accepted <= 1, f"{talk.accepted} upstream connections for three requests in a row"
