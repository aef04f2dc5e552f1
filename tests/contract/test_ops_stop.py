"""OPS: being stopped. What is in flight gets its time, no more and no less, and nothing is left behind."""

import asyncio
import contextlib
import time

from shared.harness.origin.channel import LateError
from shared.harness.origin.http1 import IncompleteError
from tests.contract.case import case
from tests.contract.expect import never_whole, ok
from tests.contract.moves import digest, noise
from tests.contract.talk import LEAVE_S, Exchange, Talk
from tests.contract.wire import Client

_POLL_S = 0.02
_TWICE_S = 1.5  # sooner it might be one wish, told to a group of processes and by a parent to its workers
_COMPLAINTS = (
    "Traceback",
    "unclosed",  # ResourceWarning: the variant `stops` has Python's warnings shown
    "was destroyed but it is pending",
    "was never awaited",
    "was never retrieved",
)


async def refused(talk: Talk) -> None:
    """Return when nobody listens any more. A poll: no event tells that a listener has gone."""
    try:
        async with asyncio.timeout(LEAVE_S):
            while True:
                client = await Client.connect(talk.proxy.host, talk.proxy.port)
                client.close()
                await asyncio.sleep(_POLL_S)
    except ConnectionError:
        return
    except TimeoutError:
        raise LateError(f"waited {LEAVE_S:g} s for the listener to refuse connections") from None


async def closes(client: Client) -> bool:
    """Whether the proxy closes by itself; then so does the client."""
    try:
        await client.peer_closed(LEAVE_S)
    except LateError:
        return False
    finally:
        client.close()
    return True


def quiet(talk: Talk) -> None:
    """The process has not complained."""
    log = talk.process.log()
    found = [complaint for complaint in _COMPLAINTS if complaint in log]
    assert not found, f"the log has {found}: {log[-2000:]}"


async def events(talk: Talk) -> Exchange:
    """An exchange with an endless event stream, of which the client has seen the first event."""
    x = await talk.exchange()
    await x.ask("GET", "Accept: text/event-stream")
    up = await x.arrival()
    await up.head_of("200 OK", "Content-Type: text/event-stream", "Transfer-Encoding: chunked")
    await up.chunk(b"data: 1\n\n")
    assert await (await x.head()).some(9) == b"data: 1\n\n"
    return x


@case(
    "OPS-01",
    requirement="promise: a stop takes nothing from what is in flight",
    anchor="Envoy draining.rst; Traefik graceTimeOut; nginx proxy_noclose.t",
    needs=("drain_s",),
    alone=True,
)
async def in_flight(talk: Talk) -> None:
    """Told to stop, it listens no more; a download and an upload in flight end whole, and then the process
    ends, with status 0.
    """
    content, half = noise(1 << 20), 1 << 19
    down, up = await talk.exchange(), await talk.exchange()
    await down.ask()
    source = await down.arrival()
    await source.head_of("200 OK", f"Content-Length: {len(content)}")
    await source.send(content[:half])
    download = await down.head()
    await download.some(half)
    await up.ask("PUT", f"Content-Length: {len(content)}")
    await up.client.send(content[:half])
    sink = await up.arrival()
    await sink.some(half)

    talk.terminate()
    await refused(talk)

    await source.send(content[half:])
    source.release()
    await download.to_the_end()
    ok(download, None)
    assert digest(download.content) == digest(content), "the download is not what the upstream sent"
    await up.client.send(content[half:])
    await sink.content()
    await sink.answer("201 Created")
    uploaded = await up.response()
    ok(uploaded, status=201)
    assert sink.body.hash.hexdigest() == digest(content), "the upload is not what the client sent"
    talk.note("the response says that the connection closes", uploaded.head.all("Connection"))
    for name, x in (("download", down), ("upload", up)):
        talk.note(f"the connection closes behind the {name}", await closes(x.client))
    status = await talk.exit_status()
    assert status == 0, f"exit status {status} after a clean stop"


@case(
    "OPS-02",
    level="P",
    requirement="promise: the drain ends at its deadline",
    anchor="nginx worker_shutdown_timeout_proxy_upgrade.t; HAProxy hard-stop-after",
    settings="stops",
    needs=("drain_s", "streams"),
    alone=True,
    compare="verdict",  # how many events fit into the time is the clock's doing
    deadline_s=30.0,
)
async def at_the_deadline(talk: Talk) -> None:
    """What outlives the drain is ended at its deadline and not before: a stream is left incomplete, a request
    without an answer gets a gateway's failure or none, the upstream connections close, and the process ends
    without a complaint.
    """
    drain_s = talk.manifest.drain_s
    assert drain_s is not None
    stream = await events(talk)
    source = stream.arrivals[0]
    silent = await talk.exchange()
    await silent.ask()
    waiting = await silent.arrival()
    new, half = await talk.connect(), await talk.connect()
    await half.send("GET / HTTP/1.1\r\nHos")

    talk.terminate()
    began = time.monotonic()
    await refused(talk)
    for _ in range(5):
        await source.chunk(b"data: n\n\n")
        assert await stream.responses[0].some(9) == b"data: n\n\n"
        await asyncio.sleep(drain_s / 10)  # time is what the case is about
    await never_whole(stream.responses[0].body, drain_s + LEAVE_S)
    took_s = time.monotonic() - began
    assert took_s > drain_s - 0.1, f"cut after {took_s:.2f} s of a drain of {drain_s:g} s"
    with contextlib.suppress(IncompleteError, ConnectionError):
        answer = await silent.response()
        assert answer.status in (502, 503, 504), f"status {answer.status} for what the stop has ended"
    for up in (source, waiting):
        await up.peer_closed(LEAVE_S)
    for client in (stream.client, silent.client):
        await client.peer_closed(LEAVE_S)
        client.close()
    for name, client in (("has sent nothing", new), ("has sent half a head", half)):
        talk.note(f"a client that {name} is let go", await closes(client))
    talk.note("exit status", await talk.exit_status())
    quiet(talk)


@case(
    "OPS-03",
    requirement="promise: a stopped proxy has closed what it opened, once",
    anchor="ASGI lifespan",
    settings="stops",
    alone=True,
)
async def idle(talk: Talk) -> None:
    """Told to stop with nothing in flight, it closes kept connections, those of clients and those to the
    upstream, and ends with status 0 without a complaint.
    """
    x = await talk.exchange()
    ok((await x.trip())[1])
    pooled = [each for each in talk.origin.ledger.connections if each.open]

    talk.terminate()

    await x.client.peer_closed()
    x.client.close()
    ledger = talk.origin.ledger
    await ledger.until(lambda: not any(each.open for each in pooled), "the pool to be closed", LEAVE_S)
    talk.note("idle connections to the upstream end with", sorted({str(each.ended) for each in pooled}))
    status = await talk.exit_status()
    assert status == 0, f"exit status {status} after a clean stop"
    quiet(talk)


@case(
    "OPS-08",
    level="P",
    requirement="promise: who asks twice does not want to wait",
    anchor="HAProxy hard-stop; Docker and systemd send it before they kill",
    needs=("second_signal", "streams"),
    alone=True,
)
async def twice(talk: Talk) -> None:
    """A second signal ends the drain: what is in flight is cut at once, never ended as if it were whole."""
    stream = await events(talk)
    talk.terminate()
    await refused(talk)
    await asyncio.sleep(_TWICE_S)
    await stream.arrivals[0].chunk(b"data: 2\n\n")
    assert await stream.responses[0].some(9) == b"data: 2\n\n"
    talk.terminate()
    await never_whole(stream.responses[0].body, LEAVE_S)
    await stream.arrivals[0].peer_closed(LEAVE_S)
    await talk.exit_status()
    quiet(talk)
