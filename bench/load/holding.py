"""SSE streams held open, few and then many, with the subject's memory read at both."""

from __future__ import annotations

import asyncio

from bench.load.expect import Address, Connection, Failures, connect_all, request_bytes
from bench.load.response import Mismatch, Response, ResponseReader
from bench.measured import HoldingResult
from bench.scenarios import Holding
from bench.usage import Memory, Meter, memory, span

__all__ = ["run_holding"]

_DEADLINE_S = 30.0


class _Held(Connection):
    """A stream that counts once its first bytes are there; what they say is checked where it is timed."""

    def __init__(self, failures: Failures) -> None:
        super().__init__()
        self.failures = failures
        self.begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.reader = ResponseReader(on_body=lambda _: self._begin())

    def on_response(self, response: Response) -> None:
        raise Mismatch("truncated", f"the stream ended by itself, status {response.head.status}")

    def on_failure(self, failure: Mismatch) -> None:
        self.failures.add(failure)
        self._begin()

    def _begin(self) -> None:
        if not self.begun.done():
            self.begun.set_result(None)


async def run_holding(address: Address, scenario: Holding, *, meter: Meter, pid: int | None) -> HoldingResult:
    """Open ``few`` streams, read memory, open the others up to ``many``, read it again, close all.

    ``pid``: the subject's process; None for the direct leg. The first stream that ends fails it.
    """
    failures = Failures()
    streams: list[_Held] = []
    read: list[Memory | None] = []
    before = meter.read()
    try:
        async with asyncio.timeout(_DEADLINE_S):
            for count in (scenario.few, scenario.many):
                streams += await _open(address, scenario, count - len(streams), failures)
                await failures.wait(scenario.settle_s)
                if failures.counts:
                    break
                read.append(memory(pid) if pid is not None else None)
    except Mismatch as failure:
        failures.add(failure)
    except TimeoutError:
        failures.add(Mismatch("timeout", f"not all of {scenario.many} streams began"))
    finally:
        for stream in streams:
            stream.close()
    at_few, at_many = (*read, None, None)[:2]
    return HoldingResult(
        scenario.few, scenario.many, at_few, at_many, span(before, meter.read()), failures.integrity()
    )


async def _open(address: Address, scenario: Holding, count: int, failures: Failures) -> list[_Held]:
    streams = await connect_all(address, lambda _: _Held(failures), count)
    request = request_bytes(address, f"/sse?every_us={scenario.every_us}")
    for stream in streams:
        stream.send(request)
        await stream.begun  # one by one: a burst of openings would be memory of its own
        if failures.counts:
            break
    return streams
