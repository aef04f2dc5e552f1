"""Slow readers: what takes all that it can get, and what lets others pay, is found at its size."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import sys

import msgspec
import pytest

from bench.histogram import merge_histograms
from bench.load import run_slow
from bench.metrics import metric
from bench.record import Absence, SlowResult
from bench.scenarios import Slow
from bench.usage import Meter
from shared.harness.origin.fast import FastOrigin
from shared.harness.origin.payload import PATTERN
from tests.unit.aio import aio
from tests.unit.bench.origins import STREAMS, answer, meter, origin, write
from tests.unit.bench.relay import Exchange, relay
from tests.unit.bench.undisturbed import undisturbed

SLOW = Slow(id="S8", title="", healthy=STREAMS, slow=3, bytes_per_s=32 * 1024, body=16_000_000)


def value(name: str, result: SlowResult) -> float | Absence:
    return metric(f"{name}@S8").of(result)


@aio
async def test_both_windows_are_recorded_and_what_is_held_back_is_held_by_the_origin() -> None:
    async with origin() as (address, state), relay(address) as front:
        result = await run_slow(front, address, SLOW, meter=meter())
        async with asyncio.timeout(5):
            while state.open_streams:
                await asyncio.sleep(0.005)
    assert result.integrity.failures == {}
    for window in (result.alone, result.beside):
        assert window.events > 0
        assert window.opened == STREAMS.streams
        assert merge_histograms([window.delay]).get_total_count() == window.events
    assert len(result.readers) == SLOW.slow
    for reader in result.readers:
        assert 0 < reader.taken < reader.accepted < SLOW.body
        assert not reader.gone
    held = value("kib-held", result)
    assert isinstance(held, float)
    assert held < SLOW.body / 1024


@pytest.mark.skipif(sys.platform != "linux", reason="reads memory from /proc")
@aio
async def test_what_swallows_a_body_holds_all_of_it_that_the_client_has_not_taken() -> None:
    """The relay, its buffers and what they grow by are in this very process."""
    with contextlib.suppress(AttributeError):  # not glibc
        ctypes.CDLL(None).malloc_trim(0)  # room that earlier tests have left would hide the growth
    here = Meter(os.getpid(), rig=())
    async with origin() as (address, _), relay(address, holds_back=False) as front:
        result = await run_slow(front, address, SLOW, meter=here)
    assert result.integrity.failures == {}
    assert [reader.accepted for reader in result.readers] == [SLOW.body] * SLOW.slow
    taken = sum(reader.taken for reader in result.readers) / SLOW.slow
    assert value("kib-held", result) == pytest.approx((SLOW.body - taken) / 1024)
    rise = value("kib-rise", result)
    assert isinstance(rise, float)
    # the kernel holds some of it
    assert 0.5 * SLOW.body / 1024 < rise


@aio
async def test_what_lets_healthy_streams_pay_for_slow_readers_shows_in_their_delay_alone() -> None:
    """While a slow reader is there, the relay hands everything on 30 ms late."""
    slow: set[Exchange] = set()

    class Late(Exchange):
        def from_client(self, data: bytes) -> bytes:
            if b" /bytes/" in data:
                slow.add(self)
            return data

        def from_origin(self, data: bytes) -> None:
            if slow:
                asyncio.get_running_loop().call_later(0.03, super().from_origin, data)
            else:
                super().from_origin(data)

    async with origin() as (address, _), relay(address, make=Late) as front:
        result = await run_slow(front, address, SLOW, meter=meter())
    assert result.integrity.failures == {}
    alone, beside = (merge_histograms([w.delay]) for w in (result.alone, result.beside))
    # a timer may fire late and never early; its clock counts whole milliseconds
    assert beside.get_value_at_percentile(0) >= 29e6
    assert alone.get_value_at_percentile(0) < beside.get_value_at_percentile(0)


@pytest.mark.parametrize(("streams", "enough"), [(2, False), (20, True)])
def test_a_p99_has_the_samples_it_needs_or_there_is_none(streams: int, enough: bool) -> None:
    healthy = msgspec.structs.replace(STREAMS, streams=streams)  # 50 events of each; p99 needs 368

    @aio
    async def run() -> None:
        async with origin() as (address, _):
            scenario = msgspec.structs.replace(SLOW, healthy=healthy)
            result = await undisturbed(
                lambda: run_slow(address, address, scenario, meter=meter()), late_s=0.1
            )
        for name in ("slow-p99", "alone-p99"):
            found = value(name, result)
            if enough:
                assert isinstance(found, float)
            else:
                assert isinstance(found, Absence)
                assert found.reason == "too-few-samples"

    run()


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (answer(b"?" + PATTERN[1:], length=SLOW.body), "content"),
        (answer(status=b"503 No"), "truncated"),
        (answer(b"x" * 10, status=b"503 No", length=20), "status"),
    ],
    ids=["wrong byte", "refused", "another status"],
)
def test_what_a_slow_reader_gets_is_checked(reply: bytes, kind: str) -> None:
    def lie(connection: FastOrigin, target: bytes) -> None:
        if target.startswith(b"/bytes"):
            write(connection, reply)
        else:
            FastOrigin.get(connection, target)

    @aio
    async def run() -> None:
        async with origin(lie) as (address, _):
            short = msgspec.structs.replace(SLOW, fill_s=0.3)
            result = await run_slow(address, address, short, meter=meter())
        assert set(result.integrity.failures) == {kind}

    run()


@aio
async def test_a_slow_reader_whose_upstream_is_closed_has_no_bound() -> None:
    async def cut(exchange: Exchange) -> None:
        await asyncio.sleep(0.15)
        assert exchange.upstream is not None
        exchange.upstream.abort()

    class Impatient(Exchange):
        def from_client(self, data: bytes) -> bytes:
            if b" /bytes/" in data:
                cuts.append(asyncio.ensure_future(cut(self)))
            return data

        def upstream_lost(self) -> None:
            pass  # the client is left with what there was

    cuts: list[asyncio.Future[None]] = []
    async with origin() as (address, _), relay(address, make=Impatient) as front:
        result = await run_slow(front, address, msgspec.structs.replace(SLOW, fill_s=0.3), meter=meter())
    assert [reader.gone for reader in result.readers] == [True] * SLOW.slow
    bound = value("kib-held", result)
    assert isinstance(bound, Absence)
    assert bound.reason == "failed"
