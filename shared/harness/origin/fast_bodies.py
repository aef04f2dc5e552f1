"""What the fast origin answers at length: large bodies, bursts, streams; each to one connection of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING

from shared.harness.origin.payload import PATTERN, event, tiny_event

if TYPE_CHECKING:
    from shared.harness.origin.fast import FastOrigin

__all__ = ["HIGH_WATER", "paced", "send_body", "send_burst", "stay", "stepped"]

HIGH_WATER = 256 * 1024
"""Bytes of a connection's buffer beyond which nothing is added to it."""

_SSE_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-store\r\n"
    b"transfer-encoding: chunked\r\n\r\n"
)


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def send_body(to: FastOrigin, size: int) -> None:
    """Send ``size`` bytes of the pattern, never more at once than the connection's buffer takes."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\ncontent-length: %d\r\n\r\n"
    if size <= len(PATTERN):
        to.write(head % size + PATTERN[:size])
        return
    to.write(head % size)
    to.unsent = size

    def push() -> None:
        while to.unsent and to.transport is not None:
            piece = PATTERN if to.unsent >= len(PATTERN) else PATTERN[: to.unsent]
            to.unsent -= len(piece)
            to.transport.write(piece)
            if to.transport.get_write_buffer_size() > HIGH_WATER:
                return  # resume_writing() calls again
        to.resume = None

    to.resume = push
    push()


@cache
def _burst(count: int) -> bytes:
    return _SSE_HEAD + b"".join(_chunk(tiny_event(number)) for number in range(count)) + b"0\r\n\r\n"


def send_burst(to: FastOrigin, count: int) -> None:
    """Send ``count`` tiny events with nothing between them but the framing: each is a chunk."""
    to.write(_burst(count))


def paced(to: FastOrigin, asked: Mapping[str, Sequence[str]]) -> None:
    """Send events on the time grid that ``asked`` gives, until the connection is gone."""
    every_ns = int(asked.get("every_us", ["20000"])[0]) * 1000
    phase_ns = int(asked.get("phase_us", ["0"])[0]) * 1000
    if every_ns < 1_000_000 or phase_ns < 0:
        raise ValueError("every_us must be at least 1000, phase_us at least 0")
    loop = asyncio.get_running_loop()
    number = 0
    now_ns = time.monotonic_ns()
    due_ns = ((now_ns - phase_ns) // every_ns + 1) * every_ns + phase_ns
    timer: asyncio.TimerHandle | None = None

    def tick() -> None:
        nonlocal number, due_ns, timer
        now_ns = time.monotonic_ns()
        to.write(_chunk(event(number, now_ns)))
        number += 1
        due_ns += every_ns
        # a tick that comes late is not made up for by a burst: the stream then simply has a gap,
        # which the stamps show as the origin's own
        while due_ns <= now_ns:
            due_ns += every_ns
        timer = loop.call_later((due_ns - now_ns) / 1e9, tick)

    to.open_stream(lambda: timer.cancel() if timer is not None else None)
    to.write(_SSE_HEAD + _chunk(event(number, now_ns)))
    number = 1
    timer = loop.call_later((due_ns - now_ns) / 1e9, tick)


def stay(to: FastOrigin, seconds: float) -> None:
    """Send one event at once, a second one so much later, and end there."""

    def last() -> None:
        end()
        to.write(_chunk(event(1, time.monotonic_ns())) + _chunk(b""))

    timer = asyncio.get_running_loop().call_later(seconds, last)
    end = to.open_stream(timer.cancel)
    to.write(_SSE_HEAD + _chunk(event(0, time.monotonic_ns())))


def stepped(to: FastOrigin, path: bytes) -> None:
    """Send the head, then one event whenever the origin's state is told to for that path."""
    number = 0
    steps: dict[bytes, Callable[[], None]] = to.state.steps

    def release() -> None:
        nonlocal number
        to.write(_chunk(event(number, time.monotonic_ns())))
        number += 1

    steps[path] = release
    to.open_stream(lambda: steps.pop(path, None) and None)
    to.write(_SSE_HEAD)
