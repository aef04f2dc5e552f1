"""Large bodies, held streams, a pool filled: counted only when every byte is right, over real sockets."""

from __future__ import annotations

import asyncio
import os
import re
import sys

import pytest

from bench.load import Address, fill_pool, run_download, run_holding
from bench.metrics import metric
from bench.record import Absence, HoldingResult
from bench.scenarios import Download, Holding
from bench.usage import Memory, Span
from shared.harness.origin.fast import FastOrigin
from shared.harness.origin.payload import pattern
from shared.harness.process import Process
from shared.harness.servers import start_server
from tests.unit.aio import aio
from tests.unit.bench.origins import answer, meter, origin, write

SIZE = 3_000_000
DOWNLOAD = Download(id="S7-100m", title="", size=SIZE, times=2)
HOLDING = Holding(id="S5-memory", title="", few=2, many=6, every_us=1_000_000, settle_s=0.01)


@aio
async def test_a_download_is_counted_when_every_byte_is_right() -> None:
    async with origin() as (address, state):
        result = await run_download(address, DOWNLOAD, meter=meter())
    assert result.integrity.failures == {}
    assert (result.completed, result.size) == (2, SIZE)
    assert state.requests == 3  # the first warms up


def _flipped() -> bytes:
    body = bytearray(pattern(SIZE))
    body[SIZE - 7] ^= 1
    return bytes(body)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (answer(_flipped()), "content"),
        (answer(pattern(SIZE - 1)), "length"),
        (answer(pattern(SIZE), status=b"503 No"), "status"),
        (answer(pattern(SIZE)) + b"x", "framing"),
    ],
    ids=["one bit", "one byte short", "another status", "a byte more"],
)
@aio
async def test_a_download_that_is_not_the_origins_is_a_failure(reply: bytes, kind: str) -> None:
    def lie(connection: FastOrigin, _: bytes) -> None:
        write(connection, reply)

    async with origin(lie) as (address, _):
        result = await run_download(address, DOWNLOAD, meter=meter())
    assert result.completed == 0
    assert result.integrity.failures == {kind: 1}


@aio
async def test_a_download_that_is_cut_is_a_failure() -> None:
    def cut(connection: FastOrigin, _: bytes) -> None:
        write(connection, answer(pattern(5), length=SIZE))
        assert connection.transport is not None
        connection.transport.close()

    async with origin(cut) as (address, _):
        result = await run_download(address, DOWNLOAD, meter=meter())
    assert result.integrity.failures == {"truncated": 1}


@pytest.mark.skipif(sys.platform != "linux", reason="reads another process's memory")
@aio
async def test_streams_are_held_open_and_memory_is_read_at_both_counts() -> None:
    async with origin() as (address, state):
        result = await run_holding(address, HOLDING, meter=meter(), pid=os.getpid())
        async with asyncio.timeout(5):
            while state.open_streams:
                await asyncio.sleep(0.005)
    assert result.integrity.failures == {}
    assert state.requests == HOLDING.many
    assert result.at_few is not None
    assert result.at_many is not None


@aio
async def test_a_held_stream_that_ends_is_a_failure() -> None:
    def end(connection: FastOrigin, _: bytes) -> None:
        write(connection, answer())

    async with origin(end) as (address, _):
        result = await run_holding(address, HOLDING, meter=meter(), pid=None)
    assert result.integrity.failures == {"truncated": 1}


@pytest.mark.parametrize(("grew", "expected"), [(4500, 5.0), (0, None), (-200, None)])
def test_memory_per_stream_is_the_slope_between_the_two_counts(grew: int, expected: float | None) -> None:
    usual = Span(seconds=1, cpu_s=0, wait_s=0, rig_busy=0, steal_s=0)
    result = HoldingResult(100, 1000, Memory(50_000, 40_000), Memory(60_000, 40_000 + grew), usual)
    value = metric("kib-stream@S5-memory").of(result)
    if expected is None:
        assert isinstance(value, Absence)
        assert value.reason == "below-resolution"
    else:
        assert value == expected


@pytest.mark.parametrize(("places", "idle"), [(30, 20), (5, 5)], ids=["all of them", "as many as it keeps"])
@aio
async def test_a_pool_is_filled_with_as_many_as_the_subject_keeps(places: int, idle: int) -> None:
    def started() -> Process:
        return Process.start([sys.executable, "-m", "shared.harness.origin.fast"], name="fast origin")

    def port(log: str) -> int | None:
        found = re.search(r":(\d+)$", log, re.MULTILINE)
        return int(found[1]) if found else None

    with await asyncio.to_thread(started) as process:
        address = Address("127.0.0.1", await asyncio.to_thread(process.wait_for, port, what="port"))
        env = {
            "TANDEM_UPSTREAM_URL": f"http://127.0.0.1:{address.port}",
            "TANDEM_ENGINE": "wire",
            "TANDEM_MAX_CONNECTIONS": str(places),
            "TANDEM_KEEPALIVE_EXPIRY": "600",
        }
        with await asyncio.to_thread(
            start_server, "bench.baselines.bare:app", profile="uvicorn-httptools", env=env
        ) as running:
            subject = Address(running.host, running.port)
            assert await fill_pool(subject, address, 20, patience_s=2.5) == idle
