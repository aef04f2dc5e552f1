"""Origins in the test's own loop, honest or with a fault, and each load against one of them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from bench.load import (
    Address,
    Expected,
    request_bytes,
    run_closed,
    run_open,
)
from bench.record import ClosedResult, OpenResult
from bench.scenarios import Closed, Gate, Open, Streams
from bench.usage import Meter
from shared.harness.origin.fast import FastOrigin, OriginState
from shared.harness.origin.payload import JSON_BODY

__all__ = [
    "CLOSED",
    "GATE",
    "OPEN",
    "STREAMS",
    "Get",
    "answer",
    "closed",
    "meter",
    "opened",
    "origin",
    "write",
]

CLOSED = Closed(id="S3", title="", path="/json", connections=4, window_s=0.1, warm_slice_s=0.02, warm_most=4)
OPEN = Open(
    id="S2", title="", path="/json", rate=400, window_s=0.25, arrivals="constant", connections=8, drain_s=30.0
)
STREAMS = Streams(
    id="S5", title="", streams=5, every_us=5000, window_s=0.25, open_every_s=0.002, settle_s=0.02
)
GATE = Gate(id="S0", title="", deadline_s=30.0)

Get = Callable[[FastOrigin, bytes], None]


@asynccontextmanager
async def origin(get: Get | None = None) -> AsyncIterator[tuple[Address, OriginState]]:
    """A fast origin in this loop; ``get`` replaces how it answers GETs."""
    state = OriginState()

    class Origin(FastOrigin):
        def get(self, target: bytes) -> None:
            if get is None:
                super().get(target)
            else:
                get(self, target)

    server = await asyncio.get_running_loop().create_server(lambda: Origin(state), "127.0.0.1", 0)
    try:
        yield Address("127.0.0.1", server.sockets[0].getsockname()[1]), state
    finally:
        server.close()
        await server.wait_closed()


def meter() -> Meter:
    return Meter(None, rig=(os.getpid(),))


async def closed(address: Address) -> ClosedResult:
    request = request_bytes(address, "/json")
    return await run_closed(
        address, CLOSED, request=request, expected=Expected(200, JSON_BODY), meter=meter()
    )


async def opened(address: Address, scenario: Open = OPEN) -> OpenResult:
    request = request_bytes(address, scenario.path)
    expected = Expected(200, JSON_BODY)
    return await run_open(address, scenario, request=request, expected=expected, meter=meter(), seed=1)


def write(connection: FastOrigin, data: bytes) -> None:
    assert connection.transport is not None
    connection.transport.write(data)


def answer(body: bytes = JSON_BODY, *, status: bytes = b"200 OK", length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    return b"HTTP/1.1 %s\r\ncontent-length: %d\r\n\r\n%s" % (status, size, body)
