"""SHR: what one upstream client shared by everybody must not do: remember, mix up, leak, run out."""

import contextlib

from shared.harness.origin.channel import LateError
from shared.harness.origin.scripted import NOTICE_S, Arrival
from tests.contract.case import case
from tests.contract.expect import absent, gateway_failure, ok, pool_is_whole, same
from tests.contract.moves import hangs_up, pass_through
from tests.contract.talk import Exchange, Talk, together
from tests.contract.wire import Response


@case(
    "SHR-01",
    requirement="RFC 6265 §5.3: cookies belong to a user agent",
    anchor="gradio GHSA-2mr9-9r47-px2g; litellm #35978; httpx #2992",
)
async def cookies(talk: Talk) -> None:
    """A cookie that the upstream sets for one user is never sent for another."""
    a = await talk.exchange()
    _, response = await a.trip(reply=("Set-Cookie: sid=A; Path=/", "Set-Cookie: all=A; Path=/; Max-Age=1000"))
    same(response.head, "Set-Cookie", "sid=A; Path=/", "all=A; Path=/; Max-Age=1000")
    for fields in ((), ("Cookie: mine=B",)):
        b = await talk.exchange()
        seen, response = await b.trip("GET", *fields)
        ok(response)
        same(seen, "Cookie", *(field.partition(": ")[2] for field in fields))


# A minute: a thousand requests, each with a client of its own at 40 ms, are slow and not wrong.
@case("SHR-04", requirement="RFC 9110 §11.6.2", anchor="credentials are per request", deadline_s=60)
async def credentials(talk: Talk) -> None:
    """Credentials stay with their request: a thousand interleaved over fifty connections, every other one
    without any.
    """

    async def echo(up: Arrival) -> None:
        said = up.head.one("Authorization") or b"nothing"
        await up.answer(body=said)

    async def user(number: int, turns: list[Exchange]) -> None:
        for turn, x in enumerate(turns):
            name = f"Bearer {number}-{turn}" if (number + turn) % 2 else ""
            await x.ask("GET", *([f"Authorization: {name}"] if name else []))
            ok(await x.response(), name.encode() or b"nothing")

    clients = [await talk.connect() for _ in range(50)]
    # All of them first: both apps' exchanges are then the same ones in the same order.
    plans = [[await talk.exchange(client, echo) for _ in range(20)] for client in clients]
    await together(*(user(number, turns) for number, turns in enumerate(plans)))


@case("SHR-05", requirement="RFC 9112 §9.3", anchor="GoConn; nginx proxy_keepalive.t", needs=("keepalive",))
async def reuse(talk: Talk) -> None:
    """A hundred requests in a row share one connection to the upstream."""
    client = await talk.connect()
    for _ in range(100):
        x = await talk.exchange(client)
        ok((await x.trip())[1])
    assert talk.accepted <= 1, f"{talk.accepted} connections for 100 requests in a row"


@case("SHR-06", requirement="RFC 9112 §9.6", anchor="GoConn", needs=("keepalive",))
async def close_is_obeyed(talk: Talk) -> None:
    """After an upstream's `Connection: close` the next request takes another connection and succeeds."""
    for close_at_once in (True, False):
        x = await talk.exchange()
        await x.ask()
        up = await x.arrival()
        await up.head_of("200 OK", "Content-Length: 2", "Connection: close")
        await up.send("ok")
        if close_at_once:
            up.close()
        ok(await x.response())
        y = await talk.exchange()
        await y.ask()
        other = await y.arrival()
        assert other.connection.number != up.connection.number, (
            "a connection that was to be closed was used again"
        )
        await other.answer()
        ok(await y.response())
        if not close_at_once:
            await up.peer_closed(2)  # the side that was told to close does so


@case(
    "SHR-07",
    requirement="promise: no more upstream connections than declared",
    anchor="httpcore connection_pool.py; PR #920, #1000",
    settings="tight",
    needs=("pool",),
    compare="verdict",
    deadline_s=30,
)
async def never_more(talk: Talk) -> None:
    """Twenty-five exchanges at once, eight times: never more connections than the pool may hold, and those
    are reused.
    """
    await _crowds(talk, 25, 8)


@case(
    "SHR-07-long",
    requirement="promise: no more upstream connections than declared",
    anchor="httpcore connection_pool.py; PR #920, #1000",
    settings="tight",
    needs=("pool",),
    compare="verdict",
    tier="long",
    deadline_s=60,
)
async def never_more_for_long(talk: Talk) -> None:
    """Fifty exchanges at once, twenty times: never more connections than the pool may hold, and those are
    reused.
    """
    await _crowds(talk, 50, 20)


async def _crowds(talk: Talk, size: int, rounds: int) -> None:
    pool = talk.manifest.pool
    assert pool is not None
    ledger = talk.origin.ledger
    await talk.origin.retire_idle()  # what the proxy closes by itself, being idle for long, is seen late here
    most = 0

    async def answer(up: Arrival) -> None:
        nonlocal most
        most = max(most, ledger.opened())
        await up.answer()

    async def late(up: Arrival) -> None:
        """A crowd as large as it gets: who asks one after the other has an answer before the next asks. No
        more are held than the pool carries: the others queue behind them, and their deadline runs.
        """
        with contextlib.suppress(LateError):
            await ledger.until(
                lambda: ledger.opened() > pool, "more connections than the pool holds", NOTICE_S
            )
        await answer(up)

    for number in range(rounds):
        many = [
            await talk.exchange(script=late if (number, place) < (0, pool) else answer)
            for place in range(size)
        ]
        for x in many:
            await x.ask()
        for x in many:
            ok(await x.response())
            x.client.close()
    assert most <= pool, f"{most} connections at once for a pool of {pool}"
    if talk.manifest.offers("keepalive"):
        assert talk.accepted <= 3 * pool, f"{talk.accepted} connections for {rounds} rounds"


@case(
    "SHR-08",
    requirement="RFC 9112 §9.3",
    anchor="httpcore #1093",
    settings="tight",
    needs=("pool",),
    compare="verdict",
)
async def nothing_leaks(talk: Talk) -> None:
    """Responses without a body, half-read and broken ones give their connection back: a pool of 10 outlives
    them.
    """

    async def head_only(up: Arrival) -> None:
        await up.answer("200 OK", "Content-Length: 10", body=None)

    async def not_modified(up: Arrival) -> None:
        await up.answer("304 Not Modified", body=None)

    async def breaks(up: Arrival) -> None:
        await up.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        up.close()

    async def halts(up: Arrival) -> None:
        await up.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        await up.peer_closed()

    for _ in range(talk.manifest.pool or 0):
        for method, script in (("HEAD", head_only), ("GET", not_modified), ("GET", breaks), ("GET", halts)):
            x = await talk.exchange(script=script)
            await x.ask(method)
            response = await x.head()
            if script is not halts:
                await response.to_the_end()
            x.client.close()
    await pool_is_whole(talk)


@case(
    "SHR-09",
    level="S",
    requirement="promise: no exchange holds up another",
    anchor="Envoy circuit breakers per cluster",
    settings="tight",
    needs=("pool",),
)
async def hung_neighbours(talk: Talk) -> None:
    """With all but one connection in the hands of exchanges that hang, before their head or in their body,
    the others are served as if nothing were.
    """
    assert talk.manifest.pool is not None
    # Sooner than those that hang have had their time, which would make room.
    patience_s = 0.9 * min(talk.manifest.response_timeout_s or 5, 5)
    hung = [await talk.exchange() for _ in range(talk.manifest.pool - 1)]
    for x in hung:
        await x.ask()
    for n, x in enumerate(hung):
        up = await x.arrival()
        if n % 2:
            await up.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
            await x.head()
    for _ in range(10):
        y = await talk.exchange()
        await y.ask()
        await (await y.arrival(patience_s)).answer()
        ok(await y.response(patience_s))


@case("SHR-12", requirement="RFC 9110 §7.6", anchor="one shared client")
async def other_users_errors(talk: Talk) -> None:
    """One exchange that fails does not touch those beside it."""
    # One that a kept connection fails may go out on the next such one, as often as there are any (RFC 9112
    # §9.3.1); those of earlier cases are not this case's to count.
    await talk.origin.retire_idle()
    good = [await talk.exchange() for _ in range(5)]
    for x in good:
        await x.ask()
    arrivals = [await x.arrival() for x in good]
    for up in arrivals:
        await up.head_of("200 OK", "Transfer-Encoding: chunked")
    responses = [await x.head() for x in good]
    for end in ("close", "reset"):
        bad = await talk.exchange(script=hangs_up(end))  # as often as it is asked: a GET may be sent again
        await bad.ask()
        gateway_failure(await bad.response(), *talk.manifest.statuses("connection_terminated", 502))
    for up, response in zip(arrivals, responses, strict=True):
        await up.chunk(b"still here")
        await up.chunk(b"")
        up.release()
        ok(await response.to_the_end(), b"still here")
        absent(response.head, "Proxy-Status")


@case(
    "SHR-13",
    level="S",
    requirement="RFC 9112 §9.5",
    anchor="Go TestTransportServerClosingUnexpectedly; httpx #3515",
    needs=("keepalive",),
    compare="verdict",
)
async def closed_while_idle(talk: Talk) -> None:
    """A pooled connection that the upstream has closed while nobody used it is not offered to anybody: GET
    and POST take another and succeed.
    """
    for end in ("close", "reset"):
        for method in ("GET", "POST"):
            x = await talk.exchange()
            await x.ask()
            up = await x.arrival()
            await up.answer()
            ok(await x.response())
            getattr(up, end)()
            await pass_through(talk)
            y = await talk.exchange()
            ok((await y.trip(method, body=b"once" if method == "POST" else None))[1])


@case(
    "SHR-14",
    requirement="RFC 9112 §9.3, §9.5",
    anchor="Go TestTransportIgnores408 (32310)",
    compare="verdict",
)
async def said_while_idle(talk: Talk) -> None:
    """What an upstream says on an idle connection as it closes it, 408 above all, is nobody's response."""
    for said in (
        "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\nSMUGGLED",
        "\r\n",
    ):
        for then_closes in (True, False):
            x = await talk.exchange()
            await x.ask()
            up = await x.arrival()
            await up.answer()
            ok(await x.response())
            with contextlib.suppress(ConnectionError):
                await up.send(said)
            if then_closes:
                up.close()
            await pass_through(talk)
            y = await talk.exchange()
            await y.ask()
            arrived = await y.reaches()
            if isinstance(arrived, Response):
                gateway_failure(arrived, 502)
            else:
                await arrived.answer(body=b"mine")
                ok(await y.response(), b"mine")
