"""What more than one case sends or does: bytes, scripts, and ways to wait. Expectations are in expect.py."""

import contextlib
import hashlib
import pathlib
import random

from shared.harness.origin.channel import Channel, LateError, within
from shared.harness.origin.http1 import IncompleteError
from shared.harness.origin.scripted import Arrival, Script
from tests.contract.talk import FRONT, Exchange, Talk
from tests.contract.wire import Response

__all__ = [
    "HOARD",
    "MIB",
    "POISON",
    "SLACK_S",
    "SMUGGLED",
    "answers",
    "begun",
    "digest",
    "flood",
    "hangs_up",
    "noise",
    "pass_through",
    "stall_bound",
]

MIB = 1 << 20

HOARD = 64 * MIB
"""Bytes: more than kernel buffers and any head together."""

SLACK_S = 1.5
"""Seconds beyond a deadline: a busy machine is no fault of the proxy's."""

SMUGGLED = f"GET /SMUGGLED HTTP/1.1\r\nHost: {FRONT}\r\n\r\n".encode()
"""A request that is content. At the origin it would be a stray, which fails every case (leak.py)."""

POISON = "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nSMUGGLED"
"""An answer that is content, or stands where none is due."""


async def answers(up: Arrival) -> None:
    """A script: 200, `ok`."""
    await up.answer()


def hangs_up(how: str, *pieces: str | bytes) -> Script:
    """The upstream sends these bytes, then closes ("close") or resets ("reset").

    A script, so that it does the same each time: a proxy may send a safe request again when a connection that
    was kept open fails under it (RFC 9112 §9.3.1), as nginx and Caddy do.
    """

    async def script(up: Arrival) -> None:
        await up.send(*pieces)
        getattr(up, how)()

    return script


async def begun(talk: Talk, *pieces: str | bytes, got: bytes) -> tuple[Exchange, Response]:
    """A response that has begun: the upstream has sent these bytes, and the client has `got` of the body."""
    x = await talk.exchange()
    await x.ask()
    up = await x.arrival()
    await up.send(*pieces)
    response = await x.head()
    assert response.status == 200
    assert await response.some(len(got)) == got
    return x, response


async def pass_through(talk: Talk) -> None:
    """Return when the proxy has handled whatever its sockets held before: it answers what it reads in order.

    The request has two Host fields, and not the same, so a proxy refuses it itself and needs no connection
    for it. (Two that are the same HAProxy takes for one.) One that does not is FRM-13's to judge.
    """
    for _ in range(2):
        x = await talk.exchange(script=answers)
        with contextlib.suppress(ConnectionError, IncompleteError):
            await x.ask("GET", "Host: elsewhere.test")
            await x.response()


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
