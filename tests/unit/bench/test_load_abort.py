"""Clients that leave: what is never let go, let go late, or kept is found, and counted to the one."""

from __future__ import annotations

import asyncio
import os
import sys

import msgspec
import pytest

from bench.histogram import merge_histograms
from bench.load import Address, run_aborts
from bench.metrics import metric
from bench.record import AbortsResult, Absence
from bench.scenarios import Aborts
from bench.shapes import LEAVING
from bench.usage import Meter
from shared.harness.origin.fast import FastOrigin
from shared.harness.origin.payload import event
from shared.harness.servers import start_server
from tests.unit.aio import aio
from tests.unit.bench.origins import answer, meter, origin, write
from tests.unit.bench.relay import Exchange, let_go, relay

ABORTS = Aborts(id="S9", title="", each=6, together=3, patience_s=5.0)
DEAF = msgspec.structs.replace(ABORTS, patience_s=0.1)


def never(result: AbortsResult) -> dict[str, int]:
    return {name: left.never for name, left in result.points.items()}


@aio
async def test_every_client_leaves_at_every_point_and_the_origin_sees_each_close() -> None:
    async with origin() as (address, state), relay(address) as front:
        result = await run_aborts(front, address, ABORTS, meter=meter())
    assert result.integrity.failures == {}
    assert never(result) == dict.fromkeys(LEAVING, 0)
    for left in result.points.values():
        assert (left.clients, left.absence) == (ABORTS.each, None)
        assert merge_histograms([left.seen]).get_total_count() == ABORTS.each
    assert state.open_streams == 0
    assert not state.held


@pytest.mark.parametrize("share", [1, 2, 3])
def test_what_a_relay_does_not_let_go_is_counted_to_the_one(share: int) -> None:
    """One of so many clients that leave is not noticed."""

    @aio
    async def run() -> None:
        count = 0

        def deaf(exchange: Exchange) -> None:
            nonlocal count
            count += 1
            if count % share:
                let_go(exchange)

        async with origin() as (address, _), relay(address, left=deaf) as front:
            result = await run_aborts(front, address, DEAF, meter=meter())
        assert result.integrity.failures == {}
        assert never(result) == dict.fromkeys(LEAVING, ABORTS.each // share)
        for name in ("gone-first", "gone-head", "gone-stream", "gone-blocked"):
            value = metric(f"{name}@S9").of(result)
            assert isinstance(value, Absence)
            assert value.reason == "failed"
            assert f"{ABORTS.each // share} of {ABORTS.each}" in value.detail

    run()


@aio
async def test_what_is_let_go_late_is_late_by_that_much() -> None:
    def late(exchange: Exchange) -> None:
        asyncio.get_running_loop().call_later(0.05, let_go, exchange)

    async with origin() as (address, _), relay(address, left=late) as front:
        result = await run_aborts(front, address, ABORTS, meter=meter())
    assert never(result) == dict.fromkeys(LEAVING, 0)
    for left in result.points.values():
        # a timer may fire late and never early; its clock counts whole milliseconds
        assert merge_histograms([left.seen]).get_value_at_percentile(0) >= 49e6


@aio
async def test_who_cannot_come_any_more_hides_nobody_who_was_never_let_go() -> None:
    """A relay with four places, each taken for good by a client that left: the fifth waits in vain."""
    taken = 0

    class Crowded(Exchange):
        def from_client(self, data: bytes) -> bytes:
            nonlocal taken
            taken += b" /hold" in data
            return b"" if b" /hold" in data and taken > 4 else data

    async with origin() as (address, _), relay(address, left=lambda _: None, make=Crowded) as front:
        scenario = msgspec.structs.replace(DEAF, together=2, arrival_s=3.0)
        result = await run_aborts(front, address, scenario, meter=meter())
    left = result.points[LEAVING[0]]
    assert (left.clients, left.never) == (4, 4)
    assert left.absence is not None
    value = metric("gone-first@S9").of(result)
    assert isinstance(value, Absence)
    assert "4 of 4" in value.detail


@pytest.mark.parametrize("closes", [False, True], ids=["the upstream stays", "the upstream is closed"])
def test_where_everything_is_swallowed_nobody_can_leave_a_blocked_exchange(closes: bool) -> None:
    small = msgspec.structs.replace(ABORTS, body=8_000_000)

    class Swallowing(Exchange):
        swallowed = 0

        def from_origin(self, data: bytes) -> None:
            super().from_origin(data)
            self.swallowed += len(data)
            if closes and self.swallowed > small.body and self.upstream is not None:
                self.upstream.abort()

        def upstream_lost(self) -> None:
            pass

    @aio
    async def run() -> None:
        async with origin() as (address, _), relay(address, holds_back=False, make=Swallowing) as front:
            result = await run_aborts(front, address, small, meter=meter())
        blocked = result.points["blocked on a slow reader"]
        assert blocked.absence is not None
        assert "nobody read" in blocked.absence.detail
        assert all(left.absence is None for name, left in result.points.items() if name != LEAVING[-1])
        assert isinstance(metric("gone-blocked@S9").of(result), Absence)

    run()


@aio
async def test_an_upstream_that_is_closed_before_the_client_leaves_is_no_time_of_zero() -> None:
    closing: list[asyncio.TimerHandle] = []

    class Early(Exchange):
        stepped = False

        def from_client(self, data: bytes) -> bytes:
            self.stepped = b" /step/" in data
            return data

        def from_origin(self, data: bytes) -> None:
            super().from_origin(data)
            if self.stepped and self.upstream is not None:
                closing.append(asyncio.get_running_loop().call_later(0.005, self.upstream.abort))

        def upstream_lost(self) -> None:
            pass

    # the clients leave one after the other, the last of them well after its upstream was closed
    short = msgspec.structs.replace(ABORTS, together=6)
    async with origin() as (address, _), relay(address, make=Early) as front:
        result = await run_aborts(front, address, short, meter=meter())
    value = metric("gone-head@S9").of(result)
    assert isinstance(value, Absence)
    assert "before its client left" in value.detail


@aio
async def test_what_comes_before_a_client_leaves_is_checked() -> None:
    def lie(connection: FastOrigin, target: bytes) -> None:
        if target.startswith(b"/sse"):
            write(connection, answer(event(0, 1) + event(2, 1), length=10_000))
        else:
            FastOrigin.get(connection, target)

    async with origin(lie) as (address, _):
        result = await run_aborts(address, address, ABORTS, meter=meter())
    assert result.integrity.failures == {"content": 1}
    assert "event 2 where 1 was due" in result.integrity.first


@aio
async def test_a_point_that_nobody_comes_to_is_an_absence_and_not_a_time() -> None:
    def silent(connection: FastOrigin, target: bytes) -> None:
        if not target.startswith(b"/step"):
            FastOrigin.get(connection, target)

    async with origin(silent) as (address, _):
        short = msgspec.structs.replace(ABORTS, arrival_s=3.0)
        result = await run_aborts(address, address, short, meter=meter())
    value = metric("gone-head@S9").of(result)
    assert isinstance(value, Absence)
    assert value.reason == "unsupported"
    assert isinstance(metric("gone-stream@S9").of(result), float)


@pytest.mark.skipif(sys.platform != "linux", reason="reads another process's descriptors")
@aio
async def test_descriptors_that_are_kept_are_counted() -> None:
    """A proxy in a process of its own that keeps one for each exchange."""
    kept = {}
    async with origin() as (address, _):
        for name in ("bench.baselines.bare:app", "tests.unit.bench.leaky:descriptors"):
            env = {
                "TANDEM_UPSTREAM_URL": f"http://127.0.0.1:{address.port}",
                "TANDEM_ENGINE": "wire",
                "TANDEM_MAX_CONNECTIONS": "100",
            }
            with await asyncio.to_thread(start_server, name, profile="uvicorn-httptools", env=env) as running:
                result = await run_aborts(
                    Address(running.host, running.port),
                    address,
                    ABORTS,
                    meter=Meter(running.process.pid, rig=(os.getpid(),)),
                )
            assert never(result) == dict.fromkeys(LEAVING, 0)
            kept[name] = result.kept
    whole, leaky = kept.values()
    assert whole is not None
    assert leaky is not None
    assert leaky - whole == len(LEAVING) * ABORTS.each
