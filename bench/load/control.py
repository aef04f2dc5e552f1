"""Asks the fast origin about itself and tells it what to do, over a connection of its own."""

from __future__ import annotations

import asyncio

import msgspec

from bench.load.expect import Address, request_bytes

__all__ = ["stats", "streams_closed", "tell"]


async def stats(origin: Address) -> dict[str, int]:
    """Return the origin's counters, the asking connection among them."""
    return msgspec.json.decode(await _ask(origin, request_bytes(origin, "/stats")), type=dict[str, int])


async def tell(origin: Address, path: str) -> None:
    """Make one POST, whatever the answer says."""
    await _ask(origin, request_bytes(origin, path, method="POST"))


async def _ask(origin: Address, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(*origin)
    try:
        writer.write(request)
        await reader.readuntil(b"\r\n\r\n")
        return await reader.readuntil(b"}")
    finally:
        writer.close()


async def streams_closed(origin: Address, deadline_s: float = 2.0) -> int:
    """Ask the origin until its last stream is closed; how many were still open at the deadline."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + deadline_s
    while (still_open := (await stats(origin))["open_streams"]) and loop.time() < deadline:
        await asyncio.sleep(0.01)
    return still_open
