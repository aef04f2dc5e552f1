"""CAN: what clients that leave do to the pool, and to those who come after them: nothing."""

import asyncio
import contextlib
import random

from shared.harness.origin.channel import within
from shared.harness.origin.scripted import Arrival
from tests.contract.case import case
from tests.contract.expect import ok, pool_is_whole
from tests.contract.moves import pass_through
from tests.contract.talk import Exchange, Talk, together


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
