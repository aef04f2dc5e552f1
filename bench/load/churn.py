"""Connection churn: the closed loop, each request on a connection of its own that the subject has to close.

The client waits for that close: RFC 9112 section 9.6 has the server begin it, and a connection that is not
given back costs a subject as much as one that is served.
"""

from __future__ import annotations

import asyncio
from itertools import repeat

from bench.load.closed import Tally, timed
from bench.load.expect import Address, Connection, Expected
from bench.load.response import Mismatch, Response
from bench.measured import ClosedResult
from bench.scenarios import Closed
from bench.usage import Meter

__all__ = ["run_churn"]

_PATIENCE_S = 2.0


class _Once(Connection):
    """One connection for one request; ``over`` once both sides have closed it."""

    persistent = False

    def __init__(self, tally: Tally) -> None:
        super().__init__()
        self.tally = tally
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.send(next(self.tally.requests))

    def on_response(self, response: Response) -> None:
        self.tally.expected.check(response)
        self.tally.completed += 1

    def on_failure(self, failure: Mismatch) -> None:
        self.tally.failures.add(failure)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if not self.over.done():
            self.over.set_result(None)


async def run_churn(
    address: Address,
    scenario: Closed,
    *,
    request: bytes,
    expected: Expected,
    meter: Meter,
    patience_s: float = _PATIENCE_S,
) -> ClosedResult:
    """As `run_closed`, with a new connection for each request: ``request`` says Connection: close.

    Each is to be answered and closed within ``patience_s``.
    """
    tally = Tally(repeat(request), expected)
    lanes = [asyncio.ensure_future(_lane(address, tally, patience_s)) for _ in range(scenario.connections)]
    try:
        result = await timed(tally, scenario, meter)
        tally.going = False
        await asyncio.wait(lanes, timeout=patience_s)
    finally:
        for lane in lanes:
            lane.cancel()
        await asyncio.gather(*lanes, return_exceptions=True)
    return tally.whole(result)


async def _lane(address: Address, tally: Tally, patience_s: float) -> None:
    loop = asyncio.get_running_loop()
    while tally.going and not tally.failures.counts:
        once = None
        try:
            async with asyncio.timeout(patience_s):
                _, once = await loop.create_connection(lambda: _Once(tally), *address)
                await once.over
        except TimeoutError:
            if once is None or once.busy:
                failure = Mismatch("timeout", f"a new connection had no answer within {patience_s:g} s")
            else:
                failure = Mismatch("connection", "stays open after the answer that was to be its last")
            tally.failures.add(failure)
        except OSError as error:
            tally.failures.add(Mismatch("connection", f"cannot connect: {error.strerror or error}"))
        finally:
            if once is not None:
                once.close()
