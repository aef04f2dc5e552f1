"""Fills a subject's pool: many requests at once, which the origin holds until it has them all."""

from __future__ import annotations

import asyncio
import time

from bench.load.control import stats, tell
from bench.load.expect import Address, Connection, Expected, connect_all, request_bytes
from bench.load.response import Mismatch, Response
from bench.usage import Meter, span
from shared.harness.origin.payload import JSON_BODY

__all__ = ["fill_pool", "quiet"]

_PATIENCE_S = 4.0  # under the five seconds after which a proxy refuses what waits for a place
_EXPECTED = Expected(200, JSON_BODY)
_LOOK_S = 0.05
_QUIET_SHARE = 0.1


class _Held(Connection):
    def __init__(self) -> None:
        super().__init__()
        self.answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def on_response(self, response: Response) -> None:
        _EXPECTED.check(response)
        self._end()

    def on_failure(self, failure: Mismatch) -> None:
        self._end()  # the count of what lies idle afterwards tells

    def _end(self) -> None:
        if not self.answered.done():
            self.answered.set_result(None)


async def fill_pool(
    address: Address,
    origin: Address,
    count: int,
    *,
    patience_s: float = _PATIENCE_S,
    deadline_s: float = 60.0,
) -> int:
    """Make the subject open ``count`` connections to the origin and keep them; how many it has then.

    Fewer when its pool takes fewer: once no more come for ``patience_s``, those that did are let go.
    Raises Mismatch when a connection to the subject is refused, TimeoutError at the deadline.
    """
    request = request_bytes(address, "/hold")
    async with asyncio.timeout(deadline_s):
        clients = await connect_all(address, lambda _: _Held(), count, deadline_s=deadline_s)
        try:
            for client in clients:
                client.send(request)
            held, grew_at = 0, time.monotonic()
            while held < count and time.monotonic() - grew_at < patience_s:
                await asyncio.sleep(0.02)
                now = (await stats(origin))["held"]
                if now > held:
                    held, grew_at = now, time.monotonic()
            while not all(client.answered.done() for client in clients):
                await tell(origin, "/hold")  # those that waited for a place come now
                await asyncio.sleep(0.02)
        finally:
            for client in clients:
                client.close()
    return (await stats(origin))["connections"] - 1  # without the one that asks


async def quiet(meter: Meter, *, deadline_s: float = 5.0) -> None:
    """Return once the subject does next to nothing, or at the deadline: thousands of clients that have just
    gone are work that a window must not find."""
    deadline = time.monotonic() + deadline_s
    while time.monotonic() < deadline:
        before = meter.read()
        await asyncio.sleep(_LOOK_S)
        used = span(before, meter.read())
        if used.cpu_s < _QUIET_SHARE * used.seconds:
            return
