"""A connection for each request, a path for each request: each is what it says, and finds its fault."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path
from typing import NamedTuple

import msgspec
from rich.console import Console

from bench.cells import direct
from bench.load import Address, Expected, request_bytes, run_churn, run_closed
from bench.metrics import metric
from bench.progress import Bar
from bench.record import ClosedResult, Run
from bench.run import run_plan
from bench.scenarios import Closed
from shared.harness.origin.fast import FastOrigin
from shared.harness.origin.payload import JSON_BODY
from tests.unit.aio import aio
from tests.unit.bench.caching import PATH_BYTES
from tests.unit.bench.made import made_header
from tests.unit.bench.origins import CLOSED, answer, closed, meter, origin, write
from tests.unit.bench.test_run import cell
from tests.unit.bench.undisturbed import undisturbed

EXPECTED = Expected(200, JSON_BODY)
NEW = msgspec.structs.replace(CLOSED, churn=True)
PATHS = msgspec.structs.replace(CLOSED, path="/json/%07d", paths=1_000_000)


async def churned(address: Address, patience_s: float = 30.0) -> ClosedResult:
    request = request_bytes(address, "/json", close=True)
    return await run_churn(
        address, NEW, request=request, expected=EXPECTED, meter=meter(), patience_s=patience_s
    )


async def asked(address: Address, scenario: Closed) -> ClosedResult:
    request = request_bytes(address, scenario.path)
    return await run_closed(address, scenario, request=request, expected=EXPECTED, meter=meter())


@aio
async def test_churn_asks_once_on_each_connection_and_leaves_none_open() -> None:
    clients: list[FastOrigin] = []

    def get(connection: FastOrigin, _: bytes) -> None:
        clients.append(connection)
        write(connection, answer())

    async with origin(get) as (address, state):
        result = await churned(address)
        assert state.connections == 0
    assert result.integrity.failures == {}
    assert result.completed > 0
    assert len(set(clients)) == len(clients) == result.asked


@aio
async def test_what_a_connection_costs_shows_under_churn_and_not_beside_it() -> None:
    """20 ms before a connection's first answer: four lanes can have no more than 200 answers a second."""
    known: set[FastOrigin] = set()

    def get(connection: FastOrigin, _: bytes) -> None:
        if connection in known:
            write(connection, answer())
            return
        known.add(connection)
        last, connection._close = connection._close, False
        asyncio.get_running_loop().call_later(0.02, late, connection, last)

    def late(connection: FastOrigin, last: bool) -> None:
        write(connection, answer())
        if last and connection.transport is not None:
            connection.transport.close()

    async with origin(get) as (address, _):
        kept = await undisturbed(lambda: closed(address), late_s=0.05)
        new = await churned(address)
    assert new.integrity.failures == {}
    # a timer never fires early, but its clock counts whole milliseconds
    most = NEW.connections / 0.019 * new.span.seconds + NEW.connections
    assert 0 < new.completed <= most
    assert kept.completed / kept.span.seconds > 2 * new.completed / new.span.seconds


@aio
async def test_a_server_that_keeps_a_connection_it_was_asked_to_close_fails() -> None:
    def get(connection: FastOrigin, _: bytes) -> None:
        connection._close = False
        write(connection, answer())

    async with origin(get) as (address, _):
        result = await churned(address, patience_s=2.5)
    assert result.integrity.failures.keys() == {"connection"}
    assert "stays open" in result.integrity.first


@aio
async def test_a_server_that_does_not_answer_a_new_connection_is_a_timeout() -> None:
    def get(connection: FastOrigin, _: bytes) -> None:
        connection._close = False

    async with origin(get) as (address, _):
        result = await churned(address, patience_s=2.5)
    assert result.integrity.failures.keys() == {"timeout"}
    assert result.completed == 0


@aio
async def test_many_paths_are_each_asked_for_once_and_one_path_always() -> None:
    targets: list[bytes] = []

    def get(connection: FastOrigin, target: bytes) -> None:
        targets.append(target)
        write(connection, answer())

    async with origin(get) as (address, _):
        many = await asked(address, PATHS)
        assert many.integrity.failures == {}
        assert sorted(targets) == [b"/json/%07d" % number for number in range(len(targets))]
        targets.clear()
        await asked(address, msgspec.structs.replace(PATHS, paths=1))
        assert set(targets) == {b"/json/0000000"}
        targets.clear()
        few = await asked(address, msgspec.structs.replace(PATHS, paths=3))
        assert len(set(targets)) == 3
        assert few.asked == len(targets) > 3


def test_a_route_cache_without_a_bound_shows_as_the_bytes_that_it_keeps_of_each_path(tmp_path: Path) -> None:
    short = Closed(id="S14-one", title="", path="/json/%07d", connections=4, window_s=0.3, paths=1)
    short = msgspec.structs.replace(short, warm_slice_s=0.05, warm_most=3)
    many = msgspec.structs.replace(short, id="S14-many", paths=1_000_000)
    header = msgspec.structs.replace(
        made_header(1),
        cells=[direct(), cell("leaky", "tests.unit.bench.caching:app", "S14-one", "S14-many")],
        scenarios=[short, many],
        subject_cpus=[],
        rig_cpus=[],
    )
    with Bar(Console(file=io.StringIO())) as bar:
        assert run_plan(header, tmp_path, bar=bar) == "finished"
    (record,) = (one for one in Run.read(tmp_path / "records.jsonl").cells if one.cell == "leaky")
    assert record.failure == ""
    many_kept, one_kept = (
        _kept(record.results[name], f"kept-request@{name}") for name in ("S14-many", "S14-one")
    )
    stored = PATH_BYTES * many_kept.asked
    assert 0.95 * stored < many_kept.grown < 1.05 * stored + USUAL
    assert one_kept.grown < USUAL


class Kept(NamedTuple):
    """Requests, and by how many bytes the process grew meanwhile."""

    asked: int
    grown: float


USUAL = 2 << 20
"""Bytes by which any process grows that begins to answer, however many requests."""


def _kept(result: object, name: str) -> Kept:
    assert isinstance(result, ClosedResult)
    assert result.asked
    each = metric(name).of(result)
    return Kept(result.asked, each * result.asked if isinstance(each, float) else 0.0)
