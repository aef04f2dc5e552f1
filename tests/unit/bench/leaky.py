"""Proxies with one fault each, over the real core: what a soak has to find. Each is an ASGI app."""

from __future__ import annotations

import asyncio
import itertools
import os
from typing import Any

from bench.baselines.bare import app as bare

__all__ = ["deaf", "descriptors", "garbled", "memory"]

_kept: list[bytearray] = []
_numbers = itertools.count()


async def descriptors(scope: Any, receive: Any, send: Any) -> None:
    """One descriptor for each exchange, never given back."""
    if scope["type"] == "http":
        os.dup(0)
    await bare(scope, receive, send)


async def memory(scope: Any, receive: Any, send: Any) -> None:
    """Half a MiB for each exchange."""
    if scope["type"] == "http":
        _kept.append(bytearray(os.urandom(1 << 19)))
    await bare(scope, receive, send)


async def deaf(scope: Any, receive: Any, send: Any) -> None:
    """Never hears that a client has gone."""

    async def hear() -> Any:
        message = await receive()
        if message["type"] == "http.disconnect":
            await asyncio.Event().wait()
        return message

    await bare(scope, receive if scope["type"] == "lifespan" else hear, send)


async def garbled(scope: Any, receive: Any, send: Any) -> None:
    """One bit of every fiftieth exchange's first piece is turned."""
    turned = next(_numbers) % 50 == 49

    async def garble(message: Any) -> None:
        nonlocal turned
        if turned and message.get("body"):
            turned = False
            body = bytearray(message["body"])
            body[-1] ^= 1
            message = {**message, "body": bytes(body)}
        await send(message)

    await bare(scope, receive, garble if scope["type"] == "http" else send)
