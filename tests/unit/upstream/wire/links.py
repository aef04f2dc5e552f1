"""A pool of connections that only know whether they were closed, and a clock that somebody sets."""

import asyncio
from typing import Any

from shared.upstream.wire.pool import Pool

__all__ = ["LONG_S", "Clock", "Link", "pool_of"]

LONG_S = 1000.0


class Link:
    """A connection that only knows whether it was closed."""

    def __init__(self) -> None:
        self.closed = False

    def abort(self) -> None:
        assert not self.closed, "closed twice"
        self.closed = True


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def pool_of(
    maximum: int = 2, keep: int = 2, expiry_s: float = LONG_S, wait_s: float = LONG_S, clock: Any = None
) -> Pool[Link]:
    loop = asyncio.get_running_loop()
    return Pool(loop, maximum=maximum, keep=keep, expiry_s=expiry_s, wait_s=wait_s, clock=clock)
