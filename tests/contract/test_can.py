"""CAN: a client that leaves takes its exchange with it, and leaves nothing behind."""

import asyncio
import contextlib

from shared.harness.origin.channel import LateError, within
from shared.harness.origin.scripted import Arrival
from tests.contract.case import case
from tests.contract.expect import never_whole, ok
from tests.contract.moves import SLACK_S, answers, flood, stall_bound
from tests.contract.talk import Talk


@case(
    "CAN-01",
    requirement="promise: a leaver ends its exchange as soon as `leave_s` declares",
    anchor="Go TestReverseProxyCancellation; litellm #31499",
)
async def before_the_head(talk: Talk) -> None:
    """A client that leaves before the response head closes the upstream side, though nothing moves."""
    for leave in ("close", "reset"):
        x = await talk.exchange()
        await x.ask()
        up = await x.arrival()
        getattr(x.client, leave)()
        await up.peer_closed(talk.manifest.leave_s + SLACK_S)


@case(
    "CAN-01-body",
    requirement="promise: a leaver ends its exchange as soon as `leave_s` declares",
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
        await up.peer_closed(talk.manifest.leave_s + SLACK_S)


@case(
    "CAN-02",
    requirement="promise: a leaver ends its exchange as soon as `leave_s` declares",
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
        await within(talk.manifest.leave_s + SLACK_S, "the upstream to be cut off", streaming)


@case(
    "CAN-03",
    requirement="promise: a leaver ends its exchange as soon as `leave_s` declares",
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
        await up.peer_closed(talk.manifest.leave_s + SLACK_S)


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
        await never_whole(up.body, talk.manifest.leave_s + SLACK_S)


@case("CAN-05", level="O", requirement="RFC 9112 §9.6", anchor="HAProxy abortonclose", compare="verdict")
async def half_closed(talk: Talk) -> None:
    """Told: whether a client that has sent its request and its FIN, and reads on, is answered or given up."""
    x = await talk.exchange()
    await x.ask()
    up = await x.arrival()
    x.client.channel.finish()
    try:
        await up.peer_closed(1 + SLACK_S)
    except LateError:
        await up.answer()
        ok(await x.response())
        talk.note("half-close", "answered")
        return
    how = await x.client.peer_closed()
    talk.note("half-close", f"given up ({how})")


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
        await up.peer_closed(talk.manifest.leave_s + SLACK_S)
        y = await talk.exchange(script=answers)
        await y.ask()
        ok(await y.response())
        assert x.expected.count == 1, f"{x.expected.count} requests arrived for one"


@case(
    "CAN-10",
    requirement="promise: a leaver ends its exchange as soon as `leave_s` declares",
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
    await up.peer_closed(talk.manifest.leave_s + SLACK_S)
