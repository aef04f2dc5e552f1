"""ERR: every way an upstream can fail becomes a status before the response head, and a visible cut after
it.
"""

import asyncio
import json
import time

from shared.harness.origin.channel import WAIT_S, within
from tests.contract.case import case
from tests.contract.expect import gateway_failure, ok, same
from tests.contract.moves import SLACK_S, hangs_up
from tests.contract.talk import Talk
from tests.contract.wire import Response

_AT_ONCE_S = 1.0


@case("ERR-01", requirement="RFC 9209 §2.3 connection_refused: 502", anchor="YARP UnableToConnect")
async def refused(talk: Talk) -> None:
    """An upstream that refuses connections is 502 within a second, and served again as soon as it is back."""
    async with talk.origin.refusing():
        for _ in range(3):
            x = await talk.exchange()
            began_s = time.monotonic()
            await x.ask()
            statuses = talk.manifest.statuses("connection_refused", 502)
            gateway_failure(await x.response(_AT_ONCE_S + SLACK_S), *statuses)
            took_s = time.monotonic() - began_s
            assert took_s < _AT_ONCE_S + SLACK_S, f"refused after {took_s:.1f} s"
    y = await talk.exchange()
    ok((await y.trip())[1])


@case("ERR-02", requirement="RFC 9209 §2.3 dns_error: 502", anchor="RFC 6761 §6.4", settings="nowhere")
async def unresolved(talk: Talk) -> None:
    """An upstream whose name does not resolve is 502 (504 when the resolver itself does not answer)."""
    x = await talk.exchange()
    await x.ask()
    gateway_failure(await x.response(10), *talk.manifest.statuses("dns_error", 502, 504))


@case(
    "ERR-03",
    requirement="RFC 9209 §2.3 connection_timeout: 504",
    anchor="a full backlog drops SYNs",
    settings="tight",
    needs=("connect_timeout_s",),
)
async def connecting_hangs(talk: Talk) -> None:
    """An upstream that does not take the connection is 504 at the connect timeout."""
    assert talk.manifest.connect_timeout_s is not None
    async with talk.origin.deaf():
        x = await talk.exchange()
        began_s = time.monotonic()
        await x.ask()
        response = await x.response(talk.manifest.connect_timeout_s + SLACK_S)
        gateway_failure(response, *talk.manifest.statuses("connection_timeout", 504))
        assert time.monotonic() - began_s > talk.manifest.connect_timeout_s / 2
    y = await talk.exchange()
    ok((await y.trip())[1])


@case(
    "ERR-04",
    requirement="RFC 9209 §2.3 http_response_timeout: 504",
    anchor="Gateway API timeout cases",
    settings="tight",
    needs=("response_timeout_s",),
)
async def silent(talk: Talk) -> None:
    """An upstream that takes the request and says nothing is 504 at the response timeout, and is hung up
    on.
    """
    assert talk.manifest.response_timeout_s is not None
    x = await talk.exchange()
    await x.ask()
    up = await x.arrival()
    gateway_failure(await x.response(talk.manifest.response_timeout_s + SLACK_S), 504)
    await up.peer_closed(1 + SLACK_S)


@case(
    "ERR-04-head",
    requirement="RFC 9209 §2.3 http_response_timeout: 504",
    anchor="slow heads",
    settings="tight",
    needs=("response_timeout_s",),
)
async def silent_in_the_head(talk: Talk) -> None:
    """An upstream that falls silent in the middle of its head is 504 at the response timeout, too."""
    assert talk.manifest.response_timeout_s is not None
    x = await talk.exchange()
    await x.ask()
    up = await x.arrival()
    await up.send("HTTP/1.1 200 OK\r\nX-A")
    gateway_failure(await x.response(talk.manifest.response_timeout_s + SLACK_S), 504)
    await up.peer_closed(1 + SLACK_S)


async def _answered_with(talk: Talk, *pieces: str | bytes, then: str) -> Response:
    """What the client gets when the upstream sends these bytes, then closes, resets or waits to be closed."""
    if then in ("close", "reset"):
        x = await talk.exchange(script=hangs_up(then, *pieces))
        await x.ask()
        return await x.response()
    x = await talk.exchange()
    await x.ask()
    up = await x.arrival()
    await up.send(*pieces)
    response = await x.response()
    await up.peer_closed(talk.manifest.leave_s + SLACK_S)
    return response


@case(
    "ERR-05",
    requirement="RFC 9209 §2.3 connection_terminated: 502",
    anchor='Go "hangup"; nginx proxy_noclose.t',
)
async def hung_up(talk: Talk) -> None:
    """An upstream that closes before it has said anything, or in the middle of its head, is 502."""
    for then in ("close", "reset"):
        for part in ("", "HTTP/1.1 20", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"):
            gateway_failure(await _answered_with(talk, part, then=then), 502)


@case("ERR-06", requirement="RFC 9209 §2.3 http_protocol_error: 502", anchor="Go; nginx")
async def not_http(talk: Talk) -> None:
    """An upstream that answers something that is not HTTP/1 is 502, and is hung up on."""
    for garbage in (
        "garbage\r\n\r\n",
        "SSH-2.0-OpenSSH_9.6\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon here\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 two OK\r\nContent-Length: 2\r\n\r\nok",
        b"\x15\x03\x01\x00\x02\x02\x28\r\n\r\n",  # a TLS alert
    ):
        gateway_failure(await _answered_with(talk, garbage, then="wait"), 502)


@case(
    "ERR-06-version",
    level="S",
    requirement="RFC 9112 §2.3; RFC 9209 §2.3 http_protocol_error",
    anchor="h11 takes any digit",
)
async def other_version(talk: Talk) -> None:
    """A response of a major version that nobody speaks is 502, whatever comes after it."""
    # S: no RFC tells a client what to do with it, and nginx, HAProxy, Caddy relay it as their own.
    for version in ("HTTP/9.9", "HTTP/2.0", "HTTP/0.9"):
        answer = f"{version} 200 OK\r\nContent-Length: 2\r\n\r\nok"
        gateway_failure(await _answered_with(talk, answer, then="wait"), 502)


@case("ERR-07", requirement="RFC 9112 §6.3", anchor="nginx proxy_duplicate_headers.t")
async def ambiguous_framing(talk: Talk) -> None:
    """An upstream whose framing can be read in two ways is 502."""
    for fields in (
        "Content-Length: two",
        "Content-Length: -1",
        "Content-Length: 2\r\nContent-Length: 3",
        "Content-Length: 2, 3",
        "Transfer-Encoding: foo",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked, foo",
    ):
        response = await _answered_with(
            talk, f"HTTP/1.1 200 OK\r\n{fields}\r\n\r\n2\r\nok\r\n0\r\n\r\n", then="close"
        )
        assert response.status == 502, f"{fields!r}: status {response.status}"
        gateway_failure(response, 502)


@case(
    "ERR-13",
    requirement="RFC 9209 §2.3 connection_limit_reached: 503",
    anchor="Envoy UO; nginx queue",
    settings="tight",
    needs=("pool", "pool_timeout_s"),
    compare="verdict",
)
async def pool_exhausted(talk: Talk) -> None:
    """With every connection busy the next request is 503 at the queue's deadline; the busy ones go on."""
    assert talk.manifest.pool is not None
    assert talk.manifest.pool_timeout_s is not None
    held = [await talk.exchange() for _ in range(talk.manifest.pool)]
    for x in held:
        await x.ask()
    arrivals = [await x.arrival() for x in held]
    for up in arrivals:  # a stream that has begun is under no response timeout
        await up.head_of("200 OK", "Transfer-Encoding: chunked")
    responses = [await x.head() for x in held]
    one_more = await talk.exchange()
    began_s = time.monotonic()
    await one_more.ask()
    # One task that waits throughout: a read that is cancelled as its bytes arrive would lose them.
    refused = asyncio.ensure_future(one_more.client.reader.head_ready())
    while not refused.done() and time.monotonic() - began_s < talk.manifest.pool_timeout_s + SLACK_S:
        for up, response in zip(arrivals, responses, strict=True):  # alive, under no read timeout either
            await up.chunk(b"tick")
            assert await response.some(4) == b"tick"
        await asyncio.wait({refused}, timeout=0.2)
    await within(WAIT_S, "the 503", refused)
    gateway_failure(await one_more.response(), 503)
    assert one_more.expected.count == 0
    for up, response in zip(arrivals, responses, strict=True):
        await up.chunk(b"")
        up.release()
        assert (await response.to_the_end()).complete
    assert talk.accepted <= talk.manifest.pool, (
        f"{talk.accepted} connections for a pool of {talk.manifest.pool}"
    )


@case("ERR-14", requirement="RFC 9110 §9.3.2, §15.6", anchor="Go: empty 502")
async def failure_pages(talk: Talk) -> None:
    """A failure keeps the rules of its request: no body for HEAD, whole framing, and the client goes on."""
    client = await talk.connect()
    statuses = talk.manifest.statuses("connection_refused", 502)
    async with talk.origin.refusing():
        for method in ("HEAD", "GET", "HEAD", "DELETE"):
            x = await talk.exchange(client)
            await x.ask(method)
            gateway_failure(await x.response(), *statuses)
        z = await talk.exchange()  # a connection of its own: with a body unread the proxy may close it
        await z.ask("POST", body=b"content")
        gateway_failure(await z.response(), *statuses)
    y = await talk.exchange(client)
    ok((await y.trip())[1])


@case(
    "ERR-15",
    requirement="RFC 9110 §15.5, §15.6.1",
    anchor="httpx InvalidURL, StreamError are no HTTPError",
    compare="verdict",  # which end is first to close on a head that is too large is a race
)
async def never_ours(talk: Talk) -> None:
    """No fault of the upstream's becomes a 500, which would be the proxy's, or a 4xx, the client's."""
    # nginx relays a minus, HAProxy NUL (RFC 9110 §5.5: MUST reject or replace), Caddy a name with a space
    # (§5.1: a name is a token); each of them refuses what the others let through.
    for head in (
        "HTTP/1.1 -200 Minus\r\nContent-Length: 2",
        "HTTP/1.1 200 OK\r\nBad Name: x\r\nContent-Length: 2",
        "HTTP/1.1 200 OK\r\n: no name\r\nContent-Length: 2",
        "HTTP/1.1 200 OK\r\nSet-Cookie: \x00\r\nContent-Length: 2",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: foo\r\nConnection: Upgrade",
    ):
        await _bad_gateway(talk, head)
    # How large a head may be is nobody's rule: it goes through whole, or it is refused.
    huge = "x" * 300_000
    head = f"HTTP/1.1 200 OK\r\nX-Huge: {huge}\r\nConnection: close\r\nContent-Length: 2"
    response = await _answered_with(talk, head, "\r\n\r\nok", then="close")
    if response.status == 200:
        ok(response)
        same(response.head, "X-Huge", huge)
    else:
        gateway_failure(response, 502)


@case(
    "ERR-15-status",
    level="S",
    requirement="RFC 9110 §15: such a response SHOULD be processed as a 5xx",
    anchor="nginx, HAProxy: any three digits",
)
async def status_out_of_range(talk: Talk) -> None:
    """A status that is none, below 100 or above 599, is 502."""
    for status in ("099 Low", "600 High", "999 Highest"):
        await _bad_gateway(talk, f"HTTP/1.1 {status}\r\nContent-Length: 2")


async def _bad_gateway(talk: Talk, head: str) -> None:
    response = await _answered_with(talk, head, "\r\n\r\nok", then="close")
    assert response.status == 502, f"{head!r}: status {response.status}"
    gateway_failure(response, 502)


@case("ERR-19", level="P", requirement="RFC 9209 §2", anchor="RFC 9209 §2.3", needs=("failures",))
async def proxy_status(talk: Talk) -> None:
    """A failure of the proxy's own says which: in Proxy-Status, and in a JSON body of the same words."""
    async with talk.origin.refusing():
        x = await talk.exchange()
        await x.ask()
        _says(await x.response(), 502, "connection_refused")
    _says(await _answered_with(talk, "", then="close"), 502, "connection_terminated")
    _says(await _answered_with(talk, "garbage\r\n\r\n", then="wait"), 502, "http_protocol_error")
    x = await talk.exchange()
    await x.ask(target=f"{x.path}", host="two words")
    _says(await x.response(), 400, "http_request_error")


def _says(response: Response, status: int, error: str) -> None:
    assert response.status == status, f"status {response.status}, not {status}"
    assert response.one("Proxy-Status") == b"tandem; error=" + error.encode(), response.all("Proxy-Status")
    assert response.one("Content-Type") == b"application/json"
    body = json.loads(response.content)
    assert body["error"] == error
    assert body["status"] == status
    assert set(body) == {"error", "status", "detail", "request_id"}
