"""Large downloads, one after the other on one connection, each byte compared as it comes."""

from __future__ import annotations

import asyncio

from bench.load.expect import Address, Connection, Failures, connect_all, request_bytes
from bench.load.response import Mismatch, Response, ResponseReader
from bench.measured import DownloadResult
from bench.scenarios import Download
from bench.usage import Meter, span
from shared.harness.origin.payload import is_pattern

__all__ = ["run_download"]

_DEADLINE_S = 60.0


class _Downloading(Connection):
    def __init__(self, size: int, failures: Failures) -> None:
        super().__init__()
        self.size = size
        self.failures = failures
        self.taken = 0
        self.whole: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.reader = ResponseReader(on_body=self._body)

    async def fetch(self, request: bytes) -> None:
        self.taken = 0
        self.whole = asyncio.get_running_loop().create_future()
        self.send(request)
        await self.whole

    def _body(self, piece: bytes) -> None:
        if not is_pattern(piece, self.taken):
            raise Mismatch("content", f"wrong within {len(piece)} bytes after byte {self.taken}")
        self.taken += len(piece)

    def on_response(self, response: Response) -> None:
        if response.head.status != 200:
            raise Mismatch("status", f"{response.head.status} instead of 200")
        if self.taken != self.size:
            raise Mismatch("length", f"{self.taken} bytes instead of {self.size}")
        self.whole.set_result(None)

    def on_failure(self, failure: Mismatch) -> None:
        self.failures.add(failure)
        if not self.whole.done():
            self.whole.set_result(None)


async def run_download(address: Address, scenario: Download, *, meter: Meter) -> DownloadResult:
    """Fetch once to warm up, then ``scenario.times`` times between two readings. A failure ends it."""
    failures = Failures()
    request = request_bytes(address, f"/bytes/{scenario.size}")
    before = after = meter.read()
    completed = 0
    connections: list[_Downloading] = []
    try:
        connections = await connect_all(address, lambda _: _Downloading(scenario.size, failures), 1)
        async with asyncio.timeout(_DEADLINE_S):
            await connections[0].fetch(request)
            before = meter.read()
            while completed < scenario.times and not failures.counts:
                await connections[0].fetch(request)
                completed += not failures.counts
            after = meter.read()
    except Mismatch as failure:
        failures.add(failure)
    except TimeoutError:
        failures.add(Mismatch("timeout", f"{completed} of {scenario.times} came within {_DEADLINE_S:g} s"))
    finally:
        for connection in connections:
            connection.close()
    used = span(before, after if after is not before else meter.read())
    return DownloadResult(completed, scenario.size, used, failures.integrity())
