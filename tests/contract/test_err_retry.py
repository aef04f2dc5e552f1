"""ERR: what is asked again when an upstream fails, and what never is."""

from shared.harness.origin.scripted import Arrival
from tests.contract.case import case
from tests.contract.expect import gateway_failure, never_whole, ok
from tests.contract.talk import Exchange, Talk
from tests.contract.wire import Response


async def _on_a_kept_connection(talk: Talk, method: str) -> Exchange:
    """A request that has arrived on a connection which another exchange has used before, where it can be."""
    first = await talk.exchange()
    ok((await first.trip())[1])
    x = await talk.exchange()
    await x.ask(method, body=b"once" if method == "POST" else None)
    return x


@case("ERR-16", requirement="RFC 9110 §9.2.2", anchor="httpx #2983, #3515", compare="verdict")
async def stale_connection(talk: Talk) -> None:
    """A POST on a connection that the upstream has just closed succeeds or is 502; it never arrives twice."""
    for _ in range(10):
        x = await talk.exchange()
        ok((await x.trip())[1])
        y = await talk.exchange()
        await talk.origin.close_idle()
        await y.ask("POST", body=b"once")
        up = await y.reaches()
        if isinstance(up, Response):
            gateway_failure(up, 502)
        else:
            await up.answer()
            ok(await y.response())
        assert y.expected.count <= 1


@case(
    "ERR-16-taken",
    requirement="RFC 9110 §9.2.2",
    anchor="Go TestRetryRequestsOnError; nginx proxy_non_idempotent.t",
)
async def post_is_never_repeated(talk: Talk) -> None:
    """A POST that the upstream has taken before it closed, on a kept connection, is 502 and sent no more."""
    for end in ("close", "reset"):
        x = await _on_a_kept_connection(talk, "POST")
        up = await x.arrival()
        assert await up.content() == b"once"
        getattr(up, end)()
        gateway_failure(await x.response(), 502)
        assert x.expected.count == 1, f"{x.expected.count} requests arrived for one POST"


@case(
    "ERR-17",
    level="S",
    requirement="RFC 9112 §9.3.1; RFC 9110 §9.2.2",
    anchor="Go TestRetryRequestsOnError; nginx proxy_next_upstream",
    compare="verdict",
)
async def stale_get(talk: Talk) -> None:
    """A GET whose kept connection closes just as it is sent succeeds, asked once more at most, or is 502."""
    for end in ("close", "reset", "race"):
        for _ in range(3):
            first = await talk.exchange()
            ok((await first.trip())[1])
            x = await talk.exchange()
            x.asked += 1  # one retry is its right
            if end == "race":
                await talk.origin.close_idle()
            await x.ask()
            up = await x.reaches()
            if isinstance(up, Arrival) and end != "race":
                getattr(up, end)()
                up = await x.reaches()
            if isinstance(up, Response):
                gateway_failure(up, 502)
            else:
                await up.answer()
                ok(await x.response())
            assert x.expected.count <= 2, f"{x.expected.count} requests arrived for one GET"


@case("ERR-18", level="P", requirement="RFC 9110 §9.2.2", anchor="Caddy retries_test", needs=("retries",))
async def retries(talk: Talk) -> None:
    """Which requests are asked again when the upstream hangs up before it answers is as declared: none, or
    safe ones; a POST never is.
    """
    for method in ("GET", "HEAD", "POST"):
        for kept in (True, False):
            await talk.origin.retire_idle()
            if kept:
                x = await _on_a_kept_connection(talk, method)
            else:
                x = await talk.exchange()
                await x.ask(method, body=b"once" if method == "POST" else None)
            safe = talk.manifest.retries == "safe" and method != "POST"
            x.asked += 3 * safe  # how often is the proxy's to say, within reason
            up = await x.arrival()
            await up.content()
            up.close()
            answer = await x.reaches()
            while safe and isinstance(answer, Arrival):
                answer.close()
                answer = await x.reaches()
            if safe and kept:
                assert x.expected.count > 1, f"a {method} was sent once, declared: {talk.manifest.retries}"
            assert isinstance(answer, Response), (
                f"a {method} was sent again, declared: {talk.manifest.retries}"
            )
            gateway_failure(answer, 502)
            talk.note(f"{method}, {'kept' if kept else 'new'} connection", x.expected.count)


@case("ERR-18-begun", requirement="RFC 9110 §9.2.2; RFC 9112 §8", anchor="Caddy retries_test")
async def never_after_the_head(talk: Talk) -> None:
    """Once a response has begun nothing is asked again, GET or not: the client sees it cut."""
    for method in ("GET", "POST"):
        x = await _on_a_kept_connection(talk, method)
        up = await x.arrival()
        await up.content()
        await up.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        response = await x.head()
        assert await response.some(4) == b"half"
        up.close()
        await never_whole(response.body)
        assert x.expected.count == 1, f"{x.expected.count} requests arrived for one {method}"
