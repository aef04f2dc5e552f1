"""More streams than places, and several requests at once: each fault is found by its metric at its size."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from bench.cells import choose, direct
from bench.check import cell_absence
from bench.figures import figure
from bench.histogram import encode_histogram, merge_histograms
from bench.load import Mismatch
from bench.load.crowd import run_crowd
from bench.load.fanout import Lines, run_fanout
from bench.load.response import Head, Response
from bench.metrics import metric
from bench.progress import Bar
from bench.queueing import in_turn, most_at_once
from bench.record import Absence, CellSpec, CrowdResult, OpenResult, Result, Run
from bench.report import write_html
from bench.run import run_plan
from bench.scenarios import Crowd, Fanout, Gate, Scenario, settings
from shared.harness.origin.fast import FastOrigin
from shared.harness.origin.payload import EVENT_SIZE, JSON_BODY, event
from tests.unit.aio import aio
from tests.unit.bench.made import made_header, made_run, made_span
from tests.unit.bench.origins import Get, answer, meter, origin, write
from tests.unit.bench.test_run import cell

CROWD = Crowd(
    id="S13", title="", streams=12, places=2, each_s=0.04, patience_s=0.3, ask_every_s=0.002, deadline_s=30.0
)
FANOUT = Fanout(
    id="S15",
    title="",
    path="/json",
    requests=5,
    chars=50,
    rate=50.0,
    window_s=0.3,
    arrivals="constant",
    drain_s=30.0,
)
TEXT = JSON_BODY[:50].decode()


class Places:
    """An origin with two places, and a queue before them; ``choose`` takes the next of it, or nobody."""

    def __init__(self, choose: Callable[[list[FastOrigin]], FastOrigin | None], longest: int = 100) -> None:
        self.choose = choose
        self.longest = longest
        self.free = CROWD.places
        self.refused = 0
        self.queue: list[FastOrigin] = []

    def get(self, connection: FastOrigin, target: bytes) -> None:
        if target == b"/json":
            write(connection, answer())
        elif self.free:
            self.serve(connection)
        elif len(self.queue) < self.longest:
            self.queue.append(connection)
        else:
            self.refused += 1
            write(connection, answer(b"full", status=b"503 Service Unavailable"))

    def serve(self, connection: FastOrigin) -> None:
        self.free -= 1
        write(connection, answer(event(0, time.monotonic_ns()), length=2 * EVENT_SIZE))
        asyncio.get_running_loop().call_later(CROWD.each_s, self.end, connection)

    def end(self, connection: FastOrigin) -> None:
        write(connection, event(1, time.monotonic_ns()))
        self.free += 1
        if self.queue and (chosen := self.choose(self.queue)) is not None:
            self.queue.remove(chosen)
            self.serve(chosen)


async def crowd(get: Get, scenario: Crowd = CROWD) -> CrowdResult:
    async with origin(get) as (address, _):
        return await run_crowd(address, scenario, meter=meter())


@aio
async def test_a_queue_served_in_turn_shows_its_waits_and_its_order() -> None:
    result = await crowd(Places(lambda queue: queue[0]).get)
    assert result.integrity.failures == {}
    assert (len(result.turns), result.refused) == (CROWD.streams, [])
    assert most_at_once(result.turns) == CROWD.places
    share = in_turn(result.turns)
    assert share is not None
    assert share > 0.9  # who is sent late on a busy machine may be read before who was sent first
    # the last two wait for five others, all of 40 ms, less what they asked later
    longest = max(begun - asked for asked, begun, _ in result.turns)
    assert longest >= 5 * 39_000 - CROWD.streams * 2_000


@aio
async def test_a_queue_served_from_its_end_shows_as_out_of_turn_though_nobody_waits_longer() -> None:
    result = await crowd(Places(lambda queue: queue[-1]).get)
    assert result.integrity.failures == {}
    share = in_turn(result.turns)
    assert share is not None
    assert share < 0.4  # who asks while others are served comes behind those, whatever the order


@aio
async def test_one_that_is_never_served_has_starved() -> None:
    last = Places(lambda queue: queue[1] if len(queue) > 1 else None)
    result = await crowd(last.get, msgspec.structs.replace(CROWD, deadline_s=3.0))
    assert len(result.turns) == CROWD.streams - 1
    assert result.integrity.failures == {"starved": 1}
    assert result.integrity.first.startswith("starved: 1 of 12 neither served nor refused")


@aio
async def test_refusals_are_counted_apart_and_only_by_the_status_that_is_promised() -> None:
    full = Places(lambda queue: queue[0], longest=3)
    result = await crowd(full.get)
    assert result.integrity.failures == {}
    assert len(result.refused) == full.refused > 0
    assert len(result.turns) == CROWD.streams - full.refused
    served = metric("served@S13").of(result)
    assert served == pytest.approx(100 * len(result.turns) / CROWD.streams)

    def wrong(connection: FastOrigin, target: bytes) -> None:
        write(connection, answer(status=b"200 OK" if target == b"/json" else b"500 Internal Server Error"))

    result = await crowd(wrong)
    assert result.integrity.failures == {"status": CROWD.streams}


@aio
async def test_a_stream_that_is_cut_short_or_changed_is_no_turn() -> None:
    def short(connection: FastOrigin, target: bytes) -> None:
        write(connection, answer() if target == b"/json" else answer(event(0, time.monotonic_ns())))

    result = await crowd(short)
    assert result.turns == []
    assert result.integrity.failures.keys() == {"content"}


def run(folder: Path, scenario: Scenario, *cells: CellSpec) -> Run:
    header = msgspec.structs.replace(
        made_header(1),
        cells=[direct(), *cells],
        scenarios=[Gate(id="S0", title=""), scenario],
        subject_cpus=[],
        rig_cpus=[],
        settings=settings([scenario]),
    )
    with Bar(Console(file=io.StringIO())) as bar:
        assert run_plan(header, folder, bar=bar) == "finished"
    return Run.read(folder / "records.jsonl")


def result_of(found: Run, name: str, scenario: Scenario) -> Result:
    (record,) = (record for record in found.cells if record.cell == name)
    assert record.failure == ""
    return record.results[scenario.id]


def test_a_proxy_with_few_places_is_found_to_have_them_and_one_with_many_has_no_figure(
    tmp_path: Path,
) -> None:
    short = msgspec.structs.replace(CROWD, streams=12, places=3, each_s=0.3, patience_s=0.75)
    assert settings([short]) == {"TANDEM_MAX_CONNECTIONS": "3", "TANDEM_POOL_TIMEOUT": "0.75"}
    many = cell("many", "bench.baselines.recipe_fastapi:app", "S13")  # a hundred places, whatever is asked
    found = run(tmp_path, short, cell("bare", "bench.baselines.bare:app", "S13"), many)
    few = result_of(found, "bare", short)
    assert isinstance(few, CrowdResult)
    assert few.integrity.failures == {}
    assert len(few.turns) + len(few.refused) == 12
    assert few.refused
    assert min(told - asked for asked, told in few.refused) >= 749_000
    assert most_at_once(few.turns) <= 3
    assert cell_absence(found, "bare", "S13") is None
    absence = cell_absence(found, "many", "S13")
    assert absence is not None
    assert absence.reason == "unsupported"
    assert "not held to 3" in absence.detail


def test_a_fan_out_is_asked_of_whoever_has_one_and_the_others_have_none(tmp_path: Path) -> None:
    names = ("fastapi-handler-uvicorn-httptools-wire", "client-per-request", "requests-threads")
    short = msgspec.structs.replace(FANOUT, rate=10.0, window_s=0.4)
    found = run(tmp_path, short, *choose(names), cell("bare", "bench.baselines.bare:app", "S15"))
    for name in names:
        result = result_of(found, name, short)
        assert isinstance(result, OpenResult)
        assert result.integrity.failures == {}
        assert result.completed == result.offered == 4
    without = Absence("unsupported", "it has no fan-out: it answers 404")
    assert result_of(found, "bare", short) == result_of(found, "direct", short) == without


def lines(**changes: object) -> list[dict[str, object]]:
    made: list[dict[str, object]] = [
        {"path": "/json", "index": index, "status": 200, "text": TEXT} for index in (3, 0, 1, 4, 2)
    ]
    made[1] |= changes
    return made


def fanned(records: list[dict[str, object]], status: int = 200) -> Response:
    body = msgspec.json.Encoder().encode_lines(records)
    return Response(Head(status, len(body), False, True, b"application/x-ndjson"), body)


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        (fanned(lines(text=TEXT[:49])), "content"),
        (fanned(lines(text=TEXT[:49] + "?")), "content"),
        (fanned(lines(status=502)), "content"),
        (fanned(lines(index=1)), "length"),
        (fanned(lines()[:4]), "length"),
        (fanned([*lines(), *lines()[:1]]), "length"),
        (fanned([{"path": "/json", "index": 0, "error": "connection_terminated", "detail": ""}]), "content"),
        (fanned(lines(), status=500), "status"),
    ],
)
def test_a_fan_out_that_is_not_whole_or_not_right_is_a_mismatch(response: Response, kind: str) -> None:
    with pytest.raises(Mismatch) as caught:
        Lines(FANOUT).check(response)
    assert caught.value.kind == kind


def test_a_fan_out_may_come_in_any_order() -> None:
    Lines(FANOUT).check(fanned(lines()))
    Lines(FANOUT).check(fanned(sorted(lines(), key=lambda line: str(line["index"]))))


@aio
async def test_what_a_fan_out_takes_longer_shows_in_its_response_time() -> None:
    def get(connection: FastOrigin, _: bytes) -> None:
        whole = answer(fanned(lines()).body)
        asyncio.get_running_loop().call_later(0.02, lambda: write(connection, whole))

    async with origin(get) as (address, _):
        result = await run_fanout(address, FANOUT, meter=meter(), seed=1)
    assert isinstance(result, OpenResult)
    assert result.integrity.failures == {}
    # a timer may fire late and never early; its clock counts whole milliseconds
    assert merge_histograms([result.response]).get_min_value() >= 19e6


def test_a_figure_of_nothing_is_below_resolution_and_never_a_zero() -> None:
    turns = [(0, 0, 100), (1, 1, 101), (3, 101, 201), (2, 102, 202)]  # of one pair of waiters none is in turn
    backwards = CrowdResult(4, 2, turns, [], encode_histogram([1000]), made_span(0.2, 0.1))
    usual = made_run(blocks=3)
    planned = [*usual.header.scenarios, CROWD]
    found = msgspec.structs.replace(
        usual,
        header=msgspec.structs.replace(usual.header, scenarios=planned),
        cells=[msgspec.structs.replace(one, results=one.results | {"S13": backwards}) for one in usual.cells],
    )
    name = "fastapi-handler-uvicorn-httptools-wire"
    assert metric("in-turn@S13").of(backwards) == 0.0
    absence = figure(found, name, metric("in-turn@S13")).absence
    assert absence is not None
    assert absence.reason == "below-resolution"
    assert figure(found, name, metric("served@S13")).middle is not None
    assert "When the pool is full" in write_html(found, {})
