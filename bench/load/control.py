"""Asks the fast origin about itself and tells it what to do, over a connection of its own."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

import msgspec

from bench.load.expect import Address, request_bytes

__all__ = [
    "Uploaded",
    "Watched",
    "forget_uploads",
    "forget_watched",
    "stats",
    "streams_closed",
    "tell",
    "uploads",
    "watched",
]


async def stats(origin: Address) -> dict[str, int]:
    """Return the origin's counters, the asking connection among them."""
    return msgspec.json.decode(await _ask(origin, request_bytes(origin, "/stats")), type=dict[str, int])


class Watched(msgspec.Struct, frozen=True):
    """The exchanges that the origin was asked to watch, by name. ``open``: bytes that are still to be
    accepted, of those whose connection is open; ``gone``: when the others were closed, by the clock that
    this process has, too, and bytes that never were accepted."""

    open: dict[str, int]
    gone: dict[str, tuple[int, int]]


async def watched(origin: Address) -> Watched:
    """Return what the origin knows of them."""
    answer = await _ask(origin, request_bytes(origin, "/watched"), end=b"}}")
    return msgspec.json.decode(answer, type=Watched)


async def forget_watched(origin: Address) -> None:
    """Let the origin forget them, and close those that are open and do not end by themselves."""
    await tell(origin, "/watched")


class Uploaded(NamedTuple):
    """What the origin got of one upload, and when it had its last byte, by the clock that both share."""

    size: int
    right: bool
    whole_ns: int


async def uploads(origin: Address) -> dict[str, Uploaded]:
    """Return what the origin got of each upload that it has whole, by name."""
    answer = await _ask(origin, request_bytes(origin, "/uploads"), end=b"}}")
    return msgspec.json.decode(answer, type=dict[str, dict[str, Uploaded]])["uploads"]


async def forget_uploads(origin: Address) -> None:
    """Let the origin forget them."""
    await tell(origin, "/uploads")


async def tell(origin: Address, path: str) -> None:
    """Make one POST, whatever the answer says."""
    await _ask(origin, request_bytes(origin, path, method="POST"))


async def _ask(origin: Address, request: bytes, *, end: bytes = b"}") -> bytes:
    reader, writer = await asyncio.open_connection(*origin)
    try:
        writer.write(request)
        await reader.readuntil(b"\r\n\r\n")
        return await reader.readuntil(end)
    finally:
        writer.close()


async def streams_closed(origin: Address, deadline_s: float = 2.0) -> int:
    """Ask the origin until its last stream is closed; how many were still open at the deadline."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + deadline_s
    while True:
        last = loop.time() >= deadline  # asked before the question: what this process was late is nobody's
        still_open = (await stats(origin))["open_streams"]
        if last or not still_open:
            return still_open
        await asyncio.sleep(0.01)
