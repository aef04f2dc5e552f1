"""Expectations that more than one case has; each failure says what was seen."""

import hashlib
import pathlib
import random

from shared.harness.origin.channel import WAIT_S, Channel, LateError, within
from shared.harness.origin.http1 import Body, Head, IncompleteError
from shared.harness.origin.scripted import Arrival, Script
from tests.contract.talk import FRONT, Exchange, Talk
from tests.contract.wire import Client, Response

__all__ = [
    "SMUGGLED",
    "absent",
    "closed_for_good",
    "digest",
    "flood",
    "gateway_failure",
    "hangs_up",
    "never_whole",
    "next_is_its_own",
    "noise",
    "ok",
    "refused",
    "refused_or",
    "same",
    "stall_bound",
]


SMUGGLED = f"GET /SMUGGLED HTTP/1.1\r\nHost: {FRONT}\r\n\r\n".encode()
"""A request that is content. At the origin it would be a stray, which fails every case (`Talk.settle`)."""


def ok(response: Response, content: bytes | None = b"ok", status: int = 200) -> None:
    """That status, complete, with that content (None: any)."""
    assert response.status == status, f"status {response.status}, not {status}: {response.content[:300]!r}"
    assert response.complete, f"the response was cut ({response.body.cut}) after {response.body.size} bytes"
    if content is not None:
        assert response.content == content, f"content {response.content[:200]!r}, not {content[:200]!r}"


def absent(head: Head, *names: str) -> None:
    """None of these fields is there."""
    for name in names:
        assert not head.all(name), f"{name} is there: {head.all(name)}"


def same(head: Head, name: str, *values: bytes | str) -> None:
    """Exactly these lines of that name, in this order."""
    wanted = [value.encode("latin-1") if isinstance(value, str) else value for value in values]
    assert head.all(name) == wanted, f"{name} is {head.all(name)}, not {wanted}"


def gateway_failure(response: Response, *statuses: int) -> None:
    """One of these statuses, complete, and telling nothing that is none of the client's business."""
    assert response.status in statuses, (
        f"status {response.status}, not {' or '.join(map(str, statuses))}: {response.content[:300]!r}"
    )
    assert response.complete, f"the {response.status} was cut ({response.body.cut})"
    everything = response.head.raw + response.content
    for secret in (b"127.0.0.1", b"upstream.invalid", b"Traceback", b"httpx", b"httpcore", b".py"):
        assert secret not in everything, f"{secret!r} is told to the client: {everything[:400]!r}"


def hangs_up(how: str, *pieces: str | bytes) -> Script:
    """The upstream sends these bytes, then closes ("close") or resets ("reset").

    A script, so that it does the same each time: a proxy may send a safe request again when a connection that
    was kept open fails under it (RFC 9112 §9.3.1), as nginx and Caddy do.
    """

    async def script(up: Arrival) -> None:
        await up.send(*pieces)
        getattr(up, how)()

    return script


async def closed_for_good(client: Client) -> None:
    """The proxy closes, and has nothing more to say on this connection: no answer to what was content."""
    rest = bytes(client.reader.buffer)
    before = client.channel.received
    await client.peer_closed()
    assert not rest, f"{rest[:200]!r} came after the response"
    assert client.channel.received == before, "something came after the response"


async def never_whole(body: Body, deadline_s: float = WAIT_S) -> None:
    """The connection ends, soon, before the framing says that the body does."""
    try:
        await within(deadline_s, "the message to be cut", body.swallow())
    except IncompleteError:
        return
    raise AssertionError(f"a message that was cut short ended as if it were whole, after {body.size} bytes")


async def refused(
    x: Exchange, *statuses: int, told: str = "", cut: bool = False, closed: bool = True
) -> None:
    """The client gets one of these statuses, or is hung up on without a word; then nothing more comes.

    told: what was sent, for the failure. cut: part of the request may have arrived, but never all; which
    error then says so is nobody's rule (RFC 9112 §8). closed: the connection has to be closed, because nobody
    can tell where the next request would begin.
    """
    try:
        up = await x.reaches()
        if isinstance(up, Arrival):
            assert cut, f"{told}: the request arrived"
            await never_whole(up.body)
            up.close()
            up = await x.response()
        assert up.status in statuses or (cut and up.status >= 400), f"{told}: status {up.status}"
        if closed:
            await closed_for_good(x.client)
    except IncompleteError:
        cut_short = bytes(x.client.reader.buffer)
        assert not cut_short, f"{told}: the answer was cut: {cut_short!r}"


async def refused_or(x: Exchange, content: bytes, *statuses: int, told: str = "") -> bool:
    """The request arrives with that content and is answered (True), or it is refused, with 400 unless
    statuses are given.
    """
    up = await x.reaches()
    try:
        if isinstance(up, Arrival):
            came = await up.content()
            assert came == content, f"{told}: content {came!r}, not {content!r}"
            await up.answer()
            ok(await x.response())
            return True
    except IncompleteError:  # what streams may have gone on before the fault was seen
        up = await x.response()
    assert up.status in (statuses or (400,)), f"{told}: status {up.status}"
    return False


async def next_is_its_own(talk: Talk, x: Exchange) -> None:
    """The client's connection carries the next request, with its own answer, or is closed without a word."""
    y = await talk.exchange(x.client)
    try:
        await y.ask()
        up = await y.reaches()
    except (ConnectionError, IncompleteError):
        assert not x.client.reader.buffer, f"{bytes(x.client.reader.buffer)!r} came after the answer"
        return
    assert isinstance(up, Arrival), f"status {up.status}"
    await up.answer(body=y.path.encode())
    ok(await y.response(), y.path.encode())


def stall_bound() -> int:
    """Bytes that may go in before a proxy whose other side does not read has to stop taking: 10 MiB of its
    own.

    The rest is the kernel's: what its buffers of the proxy's two sockets grow to when a machine is busy
    (tcp(7)).
    """
    kernel = 0
    for name in ("tcp_rmem", "tcp_wmem"):
        try:
            kernel += int(pathlib.Path("/proc/sys/net/ipv4", name).read_text().split()[2])
        except OSError:
            kernel += 6 << 20
    return kernel + (10 << 20)


async def flood(channel: Channel, bound: int) -> int:
    """Send until the other side has stopped taking, or has taken more than `bound`; bytes it has taken."""
    piece, begun, pause_s = bytes(1 << 16), channel.sent, 0.2
    while (before := channel.sent) - begun <= bound:
        try:
            await within(pause_s, "more to be taken", channel.send(piece))
        except LateError:
            # No event tells a stall, only that time passes; the kernel lets a trickle through even then.
            if channel.sent - before < len(piece) // 2:
                break
    return channel.sent - begun


def noise(size: int, seed: int = 0) -> bytes:
    """Random bytes, the same for the same seed: a misplaced or doubled piece cannot pass unnoticed."""
    return random.Random(seed).randbytes(size)


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
