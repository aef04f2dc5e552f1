"""INF: Expect: 100-continue. A client that asks before it sends is told to go on, or not to, and by whom."""

import time

from shared.harness.origin.channel import WAIT_S, within
from shared.harness.origin.http1 import parse_response
from shared.harness.origin.scripted import Arrival
from tests.contract.case import case
from tests.contract.expect import absent, gateway_failure, ok, same
from tests.contract.moves import SLACK_S
from tests.contract.talk import Exchange, Talk, together
from tests.contract.wire import Response

_EXPECT = "Expect: 100-continue"
_CONTINUE = "HTTP/1.1 100 Continue\r\n\r\n"
_AT_ONCE_S = 1.0  # what curl waits before it sends the body unasked


async def _told(x: Exchange) -> int:
    """The status of whatever the client is told first, an interim response or a final one: soon.

    An interim response is taken; a final one stays, to be read.
    """
    asked_s = time.monotonic()
    await within(WAIT_S, "100 or a final status", x.client.reader.head_ready())
    took_s = time.monotonic() - asked_s
    assert took_s < _AT_ONCE_S + SLACK_S, f"told after {took_s:.1f} s"
    head, end, _ = bytes(x.client.reader.buffer).partition(b"\r\n\r\n")
    status = parse_response(head + end).status
    if status < 200:
        x.client.reader.take(len(head + end))
    return status


@case("INF-05", requirement="RFC 9110 §10.1.1", anchor="curl; git push; HAProxy http_1xx_responses.vtc")
async def told_to_go_on(talk: Talk) -> None:
    """A client that withholds its body until it is told to go on is told so within a second, by whomever, and
    its body arrives.
    """
    for framing, body in (
        ("Content-Length: 5", b"hello"),
        ("Transfer-Encoding: chunked", b"5\r\nhello\r\n0\r\n\r\n"),
    ):
        x = await talk.exchange()
        await x.ask("POST", _EXPECT, framing)

        async def client(x: Exchange = x, body: bytes = body) -> None:
            told = await _told(x)
            assert told == 100, f"told {told}, not 100"
            await x.client.send(body)

        await together(client(), _origin(x))
        response = await x.response()
        ok(response)
        y = await talk.exchange(x.client)
        ok((await y.trip())[1])


async def _origin(x: Exchange) -> None:
    """An upstream that keeps to Expect where the proxy has passed it on."""
    up = await x.arrival()
    if up.head.one("Expect") and up.head.version == b"HTTP/1.1":  # HAProxy passes the version on, too
        await up.send(_CONTINUE)
    assert await up.content() == b"hello"
    await up.answer()


@case("INF-05-final", requirement="RFC 9110 §10.1.1", anchor="YARP PostExpect100_BodyNotUploadedIfFailed")
async def told_not_to(talk: Talk) -> None:
    """A final status that the upstream gives instead of 100 reaches the client, and is not mended: at
    once, or after the body when the proxy has told it to go on.
    """
    for status in ("417 Expectation Failed", "401 Unauthorized", "413 Content Too Large"):
        x = await talk.exchange()
        await x.ask("POST", _EXPECT, "Content-Length: 5")

        async def client(x: Exchange = x) -> None:
            if await _told(x) == 100:
                await x.client.send(b"hello")

        async def origin(x: Exchange = x, status: str = status) -> None:
            up = await x.arrival()
            if not up.head.one("Expect"):
                await up.content()
            await up.head_of(status, "Content-Length: 2", "Connection: close")
            await up.send("no")

        await together(client(), origin())
        ok(await x.response(), b"no", int(status.split()[0]))
        x.arrivals[0].close()


@case("INF-05-impatient", requirement="RFC 9110 §10.1.1", anchor="a client need not wait; most wait a second")
async def did_not_wait(talk: Talk) -> None:
    """A client that does not wait for its 100 loses nothing: body whole, answer right, connection in step."""
    client = await talk.connect()
    for framing, tail in (
        ("Content-Length: 5", b"hello"),
        ("Transfer-Encoding: chunked", b"5\r\nhello\r\n0\r\n\r\n"),
    ):
        for _ in range(3):
            x = await talk.exchange(client)
            await x.ask("POST", _EXPECT, framing, tail=tail)
            await _origin(x)
            ok(await x.response())
    y = await talk.exchange(client)
    ok((await y.trip())[1])


@case("INF-05-unused", level="S", requirement="RFC 9110 §10.1.1", anchor="nginx http_expect_100_continue.t")
async def nothing_to_send(talk: Talk) -> None:
    """An Expect without a body to send keeps nobody waiting: the request is answered, or refused."""
    for fields in ((), ("Content-Length: 0",)):
        x = await talk.exchange()
        await x.ask("GET", _EXPECT, *fields)
        up = await x.reaches()
        if isinstance(up, Arrival):
            await up.answer()
            ok(await x.response())
        else:
            assert up.status in (400, 417), f"status {up.status}"


@case(
    "INF-06",
    level="P",
    requirement="RFC 9110 §10.1.1",
    anchor="YARP PostExpect100_BodyNotUploadedIfFailed; Envoy proxy_100_continue",
    needs=("expect",),
)
async def who_says_so(talk: Talk) -> None:
    """Who answers an Expect is as declared. End to end: it goes up, and a refusal comes down before a byte of
    the body was asked for. Answered by the proxy: 100 at once, and the upstream hears of no Expect.
    """
    x = await talk.exchange()
    await x.ask("POST", _EXPECT, "Content-Length: 5")
    if talk.manifest.expect == "end-to-end":
        up = await x.arrival()
        same(up.head, "Expect", "100-continue")
        await up.head_of("417 Expectation Failed", "Content-Length: 2", "Connection: close")
        await up.send("no")
        assert await _told(x) == 417
        ok(await x.response(), b"no", 417)
        assert not up.body.begun
        up.close()
        return
    assert await _told(x) == 100
    await x.client.send(b"hello")
    up = await x.arrival()
    absent(up.head, "Expect")
    assert await up.content() == b"hello"
    await up.answer()
    ok(await x.response())


@case(
    "INF-06-fault",
    requirement="RFC 9110 §10.1.1, §15.6",
    anchor="the upstream is away when the client asks whether to send",
)
async def upstream_is_away(talk: Talk) -> None:
    """A client that waits for its 100 while the upstream refuses connections gets its 502."""
    async with talk.origin.refusing():
        x = await talk.exchange()
        await x.ask("POST", _EXPECT, "Content-Length: 5")
        if await _told(x) == 100:
            await x.client.send(b"hello")
        gateway_failure(await x.response(), *talk.manifest.statuses("connection_refused", 502))


@case("INF-07-expect", requirement="RFC 9110 §10.1.1", anchor="RFC 9110 §10.1.1: MUST ignore in HTTP/1.0")
async def old_client(talk: Talk) -> None:
    """The Expect of an HTTP/1.0 client is ignored: no 100 is said to it, and its body arrives."""
    x = await talk.exchange()
    await x.ask("POST", _EXPECT, "Content-Length: 5", tail=b"hello", version="HTTP/1.0")
    await _origin(x)
    response = await x.response()
    ok(response)
    assert not response.interim, f"{[head.status for head in response.interim]} to an HTTP/1.0 client"


@case("INF-08", level="S", requirement="RFC 9110 §10.1.1", anchor="RFC 9110 §10.1.1: MAY respond with 417")
async def other_expectation(talk: Talk) -> None:
    """An expectation that the proxy does not know is not its to judge: it goes up as it came, or is 417."""
    for value in ("something-else", "100-continue, something=else"):
        x = await talk.exchange()
        await x.ask("POST", f"Expect: {value}", body=b"hello")
        up = await x.reaches()
        if isinstance(up, Response):
            assert up.status == 417, f"{value!r}: status {up.status}"
            continue
        same(up.head, "Expect", value)
        await up.answer()
        ok(await x.response())


@case(
    "INF-06-limit",
    level="S",
    requirement="RFC 9110 §10.1.1, §15.5.14",
    anchor="nginx client_max_body_size",
    settings="tight",
    needs=("max_body",),
)
async def too_large(talk: Talk) -> None:
    """A body over the proxy's limit is not asked for: 413 comes instead of 100."""
    assert talk.manifest.max_body is not None
    x = await talk.exchange()
    await x.ask("POST", _EXPECT, f"Content-Length: {talk.manifest.max_body + 1}")
    assert (told := await _told(x)) == 413, f"told {told}, not 413"
    gateway_failure(await x.response(), 413)
    assert x.expected.count == 0, "the upstream heard of it"
