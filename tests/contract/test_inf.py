"""INF: interim responses come before the response and never become part of it, nor stand in its way."""

import asyncio
import contextlib

from shared.harness.origin.channel import WAIT_S, within
from shared.harness.origin.http1 import ResponseHead, parse_response
from tests.contract.case import case
from tests.contract.expect import absent, gateway_failure, ok
from tests.contract.moves import SLACK_S, pass_through
from tests.contract.talk import Talk, together

_HINT = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nX-Hint: 1\r\n\r\n"
_OTHER_HINT = "HTTP/1.1 103 Early Hints\r\nLink: </b.js>; rel=preload\r\n\r\n"
_PROCESSING = "HTTP/1.1 102 Processing\r\n\r\n"
_CONTINUE = "HTTP/1.1 100 Continue\r\n\r\n"
_OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@case(
    "INF-01",
    level="P",
    requirement="RFC 9110 §15.2; RFC 8297 §2",
    anchor="Go Test1xxResponses; nginx proxy_early_hints.t; cache-tests interim-102, interim-103",
    needs=("informational",),
)
async def relayed_or_dropped(talk: Talk) -> None:
    """Interim responses are relayed one by one, each as it comes and with its own fields, or all dropped: as
    declared.
    """
    x = await talk.exchange()
    await x.ask()
    up = await x.arrival()
    for hint in (_HINT, _OTHER_HINT, _PROCESSING):
        await up.send(hint)
        if talk.manifest.informational == "relay":  # a hint that waits for the response hints at nothing
            sent = parse_response(hint.encode())
            seen = await _head(talk)
            assert seen.status == sent.status, f"{seen.raw!r} came for {hint!r}"
            assert seen.all("Link") == sent.all("Link")
    await up.answer()
    response = await x.response()
    ok(response)
    assert not response.interim, f"{[head.status for head in response.interim]} came, declared dropped"
    absent(response.head, "Link", "X-Hint")


async def _head(talk: Talk) -> ResponseHead:
    raw = await within(WAIT_S, "an interim response at the client", talk.clients[-1].reader.head())
    return parse_response(raw)


@case("INF-02", requirement="RFC 9110 §15.2", anchor="Go TestTransportIgnore1xxResponses; HAProxy http_1xx")
async def before_the_response(talk: Talk) -> None:
    """However many interim responses come before it, in one piece with it or torn apart, the final response
    is the response, with none of their fields; the connection carries them all.
    """
    client = await talk.connect()
    for interim in (
        _HINT,
        _PROCESSING,
        _CONTINUE,
        "HTTP/1.1 199 What\r\n\r\n",
        _HINT + _OTHER_HINT + _CONTINUE,
    ):
        for cut in (0, 5, len(interim) - 1, len(interim), len(interim) + 9):
            x = await talk.exchange(client)
            await x.ask()
            up = await x.arrival()
            whole = (interim + _OK).encode()
            await up.send(whole[:cut])
            await up.send(whole[cut:])
            up.release()
            response = await x.response()
            ok(response)
            absent(response.head, "Link", "X-Hint")


@case("INF-02-bodiless", requirement="RFC 9110 §15.2; RFC 9112 §6.3", anchor="HAProxy http_1xx_responses.vtc")
async def before_no_body(talk: Talk) -> None:
    """Before a response without a body they change nothing either: HEAD, 204 and 304 stay without one."""
    client = await talk.connect()
    for method, final in (
        ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"),
        ("GET", "HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", 'HTTP/1.1 304 Not Modified\r\nETag: "v"\r\n\r\n'),
    ):
        x = await talk.exchange(client)
        await x.ask(method)
        up = await x.arrival()
        await up.send(_HINT, final)
        up.release()
        ok(await x.response(), b"", int(final.split()[1]))
    y = await talk.exchange(client)
    ok((await y.trip())[1])


@case("INF-02-post", requirement="RFC 9110 §15.2.1", anchor="Go TestTransportIgnore1xxResponses")
async def while_uploading(talk: Talk) -> None:
    """A 100 or 102 that comes while the upload is under way does not end it: the whole body arrives."""
    for interim in (_CONTINUE, _PROCESSING):
        x = await talk.exchange()
        await x.ask("POST", "Content-Length: 10", tail=b"hello")
        if not talk.manifest.offers("streams"):
            await x.client.send(b"world")
        up = await x.arrival()
        assert await up.some(5) == b"hello"
        await up.send(interim)
        if talk.manifest.offers("streams"):
            await x.client.send(b"world")
        assert await up.content() == b"world"
        await up.answer()
        ok(await x.response())


@case(
    "INF-03",
    requirement="RFC 9110 §15.2",
    anchor="Go TestTransportLimits1xxResponses",
    compare="verdict",  # where it is 502: whether the origin has written its last before it sees the close
    deadline_s=40,
)
async def many(talk: Talk) -> None:
    """Five thousand interim responses of a kilobyte are followed by the response, or end in 502."""
    hint = f"HTTP/1.1 103 Early Hints\r\nX-Pad: {'x' * 1000}\r\n\r\n"
    x = await talk.exchange()
    await x.ask()
    up = await x.arrival()

    async def origin() -> None:
        try:
            for _ in range(50):
                await up.send(hint * 100)
            await up.answer()
        except ConnectionError:
            pass  # it has seen enough

    await together(origin(), x.response(30))
    response = x.responses[0]
    if response.status != 200:
        gateway_failure(response, 502)
    else:
        ok(response)
    absent(response.head, "X-Pad")


@case(
    "INF-03-endless",
    level="S",
    requirement="RFC 9209 §2.3 http_response_timeout: 504",
    anchor="Go TestTransportLimits1xxResponses",
    settings="tight",
    needs=("response_timeout_s",),
    compare="verdict",
)
async def without_end(talk: Talk) -> None:
    """Interim responses are no response: without end, they do not put off the response timeout."""
    assert talk.manifest.response_timeout_s is not None
    x = await talk.exchange()
    await x.ask()
    up = await x.arrival()

    async def origin() -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                await up.send(_PROCESSING)
                await asyncio.sleep((talk.manifest.response_timeout_s or 0) / 20)

    hinting = asyncio.ensure_future(origin())
    try:
        gateway_failure(await x.response(2 * talk.manifest.response_timeout_s + SLACK_S), 502, 504)
        await within(talk.manifest.leave_s + SLACK_S, "the upstream to be hung up on", hinting)
    finally:
        hinting.cancel()


@case("INF-03-only", requirement="RFC 9209 §2.3 connection_terminated: 502", anchor="Go hangup")
async def nothing_after(talk: Talk) -> None:
    """An upstream that closes after nothing but interim responses has not answered: 502."""
    for interim in (_CONTINUE, _HINT, _HINT + "HTTP/1.1 2"):
        for end in ("close", "reset"):
            x = await talk.exchange()
            await x.ask()
            up = await x.arrival()
            await up.send(interim)
            await pass_through(talk)
            getattr(up, end)()
            gateway_failure(await x.response(), 502)


@case(
    "INF-03-silent",
    requirement="RFC 9209 §2.3 http_response_timeout: 504",
    anchor="an interim response is no response",
    settings="tight",
    needs=("response_timeout_s",),
)
async def silence_after(talk: Talk) -> None:
    """An upstream that falls silent after an interim response is 504 at the response timeout."""
    assert talk.manifest.response_timeout_s is not None
    x = await talk.exchange()
    await x.ask()
    up = await x.arrival()
    await up.send(_HINT)
    gateway_failure(await x.response(talk.manifest.response_timeout_s + SLACK_S), 504)
    await up.peer_closed(1 + SLACK_S)


@case("INF-04", requirement="RFC 9110 §15.2.2; RFC 9209 §2.3 http_upgrade_failed: 502", anchor="Go")
async def switched_unasked(talk: Talk) -> None:
    """An upstream that switches to another protocol, which nobody has asked for, is 502 and hung up on."""
    for switch in (
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nfoo bar",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n" + _OK,
        _HINT + "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
    ):
        for method in ("GET", "POST"):
            x = await talk.exchange()
            await x.ask(method, body=b"content" if method == "POST" else None)
            up = await x.arrival()
            await up.content()
            await up.send(switch)
            gateway_failure(await x.response(), 502)
            await up.peer_closed(talk.manifest.leave_s + SLACK_S)


@case("INF-07", requirement="RFC 9110 §15.2", anchor="RFC 9110 §15.2: never to an HTTP/1.0 client")
async def old_client(talk: Talk) -> None:
    """An HTTP/1.0 client, which knows no interim response, gets none."""
    x = await talk.exchange()
    await x.ask(version="HTTP/1.0")
    up = await x.arrival()
    if up.head.version == b"HTTP/1.1":  # some proxies pass the client's version on
        await up.send(_CONTINUE, _HINT)
    await up.answer()
    response = await x.response()
    ok(response)
    assert not response.interim, f"{[head.status for head in response.interim]} to an HTTP/1.0 client"


@case(
    "INF-09", requirement="RFC 9112 §6.3 item 1", anchor="an interim response has no body, whatever it says"
)
async def framed_interim(talk: Talk) -> None:
    """Framing fields in an interim response frame nothing: the response follows, or the upstream's fault is
    502.
    """
    for field in (
        "Content-Length: 2",
        "Content-Length: 1000",
        "Transfer-Encoding: chunked",
        "Connection: close",
    ):
        x = await talk.exchange()
        await x.ask()
        up = await x.arrival()
        await up.send(f"HTTP/1.1 103 Early Hints\r\n{field}\r\n\r\n", _OK)
        response = await x.response()
        up.release()
        if response.status != 200:
            gateway_failure(response, 502)
        else:
            ok(response)
