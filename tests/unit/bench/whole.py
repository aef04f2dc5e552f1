"""A run of the full plan, made up: every cell and scenario of it, from costs that are known, with noise.

Its figures are nobody's; what it shows is how a report of that size is laid out.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import numpy as np

from bench.cells import DIRECT, direct
from bench.full import FULL, SCENARIOS, parts_of
from bench.histogram import encode_histogram
from bench.measured import (
    AbortsResult,
    Absence,
    BurstResult,
    ClosedResult,
    CrowdResult,
    DownloadResult,
    GateResult,
    HoldingResult,
    Left,
    OpenResult,
    Result,
    SlowReader,
    SlowResult,
    StreamsResult,
    UploadResult,
)
from bench.record import CellRecord, CellSpec, Dropped, End, Part, Run
from bench.shapes import (
    LEAVING,
    Aborts,
    Burst,
    Closed,
    Crowd,
    Download,
    Fanout,
    Gate,
    Holding,
    Open,
    Scenario,
    Slow,
    Streams,
    Upload,
)
from bench.usage import Memory
from tests.unit.bench.made import made_header, made_span, streams

__all__ = ["whole_run"]

_COST_US: Mapping[str, float] = {
    "fastapi": 70.0, "litestar": 40.0, "handler": 25.0, "mount": 0.0,
    "uvicorn-httptools": 10.0, "uvicorn-h11": 120.0, "hypercorn-h1": 170.0, "asyncio": 45.0,
    "wire": 40.0, "aiohttp": 150.0, "httpx2": 400.0, "httpx": 1500.0, "sketch": 12.0, "requests": 1900.0,
}  # fmt: skip
_OTHERS_US: Mapping[str, float] = {
    "direct": 8.0, "nginx": 16.0, "haproxy": 14.0, "caddy": 80.0, "asgiproxy": 200.0,
    "fastapi-proxy-lib": 3400.0, "client-per-request": 4100.0, "django": 2300.0,
}  # fmt: skip
FAILS = {"fastapi-proxy-lib": ("S5", Absence("failed", "block 1: gate: an event came only at the end"))}
_SHORT_OF = {"caddy": ("S3-idle-5000", Absence("unsupported", "it kept 250 of 5,000 idle connections"))}


def cost_us(cell: CellSpec) -> float:
    """Return what a request costs: what its parts do, or what is said of it as a whole."""
    if cell.id in _OTHERS_US:
        return _OTHERS_US[cell.id]
    parts = (cell.framework, cell.route, cell.profile, cell.loop, cell.engine)
    return sum(_COST_US.get(part, 0.0) for part in parts)


def whole_run(blocks: int = 3) -> Run:
    """Return it. One peer fails its gate in a part, one cannot do what a scenario asks, some are left out."""
    random = np.random.default_rng(7)
    cells = [direct(), *FULL]
    parts = parts_of(cells, SCENARIOS, own=(), blocks=blocks)
    why = "all cells would not fit into the time"
    dropped = [Dropped(name, 0, why, parts[0].id) for name in parts[0].cells[-6:]]
    out = {(one.cell, one.part) for one in dropped}
    specs = {cell.id: cell for cell in cells}
    records = [
        _record(block, position, part, specs[name], random)
        for block in range(blocks)
        for part in parts
        for position, name in enumerate(part.cells)
        if (name, part.id) not in out
    ]
    header = msgspec.structs.replace(
        made_header(blocks),
        command="python -m bench run --full --seed 1",
        cells=cells,
        scenarios=list(SCENARIOS),
        parts=parts,
    )
    return Run(header, records, dropped, End("finished", 1790.0))


def _record(block: int, position: int, part: Part, cell: CellSpec, random: np.random.Generator) -> CellRecord:
    machine = 1 + 0.05 * block  # a drift that pairing takes out
    cost = cost_us(cell) * machine * float(np.exp(random.normal(0, 0.01)))
    asked = {scenario.id: scenario for scenario in SCENARIOS}
    results = {
        name: _result(asked[name], cell, cost, random) for name in part.scenarios if cell.takes_part(name)
    }
    record = CellRecord(block, position, cell.id, results, part=part.id)
    if cell.id == DIRECT:
        return record
    kib = 40_000 + round(cost * 10)
    return msgspec.structs.replace(
        record,
        started_s=0.3 + cost / 1e4,
        answered_s=0.31 + cost / 1e4,
        import_s=0.2,
        idle=Memory(2 * kib, kib),
        after=Memory(3 * kib, kib + 4_000),
        streams_left=0 if "S5" in results else None,
    )


def _result(scenario: Scenario, cell: CellSpec, cost: float, random: np.random.Generator) -> Result:
    for known in (FAILS, _SHORT_OF):
        if known.get(cell.id, ("",))[0] == scenario.id:
            return known[cell.id][1]
    return _measured(scenario, cost, random, process=cell.id != DIRECT)


def _measured(scenario: Scenario, cost: float, random: np.random.Generator, *, process: bool) -> Result:
    """Return what a cell with that cost in µs gives under a scenario."""
    memory = Memory(80_000, 40_000) if process else None
    match scenario:
        case Gate():
            return GateResult(["json", "body", "upload", "events"])
        case Closed():
            grown = 1 + 0.0002 * scenario.connections + 0.4 * scenario.churn + 3e-5 * scenario.idle
            grown += 0.3 * scenario.path.startswith("/bytes")
            rps = round(1e6 / (cost * grown))
            kept = Memory(80_000, 40_000 + round(rps * (0.2 if scenario.paths > 1 else 0.02)))
            of_paths = (memory, kept) if memory and scenario.paths else None
            return ClosedResult(
                rps, [1, 1, 1], made_span(1.0, 1.0), idle=scenario.idle or None, asked=rps, memory=of_paths
            )
        case Open() | Fanout():
            upstream = scenario.requests if isinstance(scenario, Fanout) else 1
            return _opened(scenario.rate, scenario.window_s, upstream * cost, random)
        case Streams():
            return _streams(scenario, cost, random)
        case Download() | Upload():
            seconds = scenario.size * scenario.times / 2e8 * (0.02 + cost / 400)
            kind = UploadResult if isinstance(scenario, Upload) else DownloadResult
            return kind(scenario.times, scenario.size, made_span(seconds, seconds * 0.9))
        case Burst():
            whole = [int(v) for v in random.normal(4096 * cost * 60, 1e5, scenario.times)]
            spread = encode_histogram([value // 2 for value in whole])
            span = made_span(0.5, 4096 * scenario.times * cost / 2e7)
            return BurstResult(scenario.times, scenario.events, 900, span, encode_histogram(whole), spread)
        case Holding():
            many = Memory(90_000, 40_000 + round(scenario.many * (20 + cost / 20)))
            few = Memory(80_000, 40_000 + round(scenario.few * (20 + cost / 20)))
            span = made_span(1.0, 0.1)
            if not process:
                return HoldingResult(scenario.few, scenario.many, None, None, span)
            return HoldingResult(scenario.few, scenario.many, few, many, span)
        case Crowd():
            return _crowd(scenario, cost)
        case Slow():
            alone, beside = (_streams(scenario.healthy, cost * grown, random) for grown in (1.0, 1.4))
            taken = round(scenario.bytes_per_s)
            reader = SlowReader(taken, taken + 2_600_000 + round(cost * 1000), gone=False)
            rise = Memory(80_000, 40_000 + round(scenario.slow * cost)) if process else None
            return SlowResult(alone, beside, scenario.body, [reader] * scenario.slow, memory, rise)
        case Aborts():
            left = {point: _left(scenario.each, cost * (1 + at), random) for at, point in enumerate(LEAVING)}
            return AbortsResult(left, 0 if process else None, made_span(1.0, 0.1))
    raise TypeError(f"{scenario.id} is of no known kind")


def _opened(rate: float, seconds: float, cost: float, random: np.random.Generator) -> OpenResult:
    """Answers around what a queue at that rate makes of the cost; past the knee the requests wait."""
    count, busy = int(rate * seconds), rate * cost / 1e6
    middle_ns = (30 + cost / max(0.03, 1 - busy)) * 1e3
    answers = random.lognormal(np.log(middle_ns), 0.25, count).astype(int).tolist()
    lag = encode_histogram([60_000_000 if busy > 0.95 else 20_000] * count)
    response = encode_histogram(answers)
    completed = count if busy <= 0.95 else int(count * 0.95 / busy)
    return OpenResult(count, completed, made_span(seconds, count * cost / 1e6), response, response, lag)


def _streams(scenario: Streams, cost: float, random: np.random.Generator) -> StreamsResult:
    made = streams(cost / 9, int(40_000 + cost * 700), random)
    gap = encode_histogram([int(v) for v in np.abs(random.normal(0, 4_000 + cost * 60, 1500))])
    return msgspec.structs.replace(made, opened=scenario.streams, gap=gap)


def _left(clients: int, cost: float, random: np.random.Generator) -> Left:
    seen = encode_histogram([int(v) for v in np.abs(random.normal(cost * 900, cost * 90, clients))])
    return Left(clients, 0, seen)


def _crowd(scenario: Crowd, cost: float) -> CrowdResult:
    """Three rounds of places, one after the other; who comes later is refused."""
    each, patience = round(scenario.each_s * 1e6), round(scenario.patience_s * 1e6)
    served = 3 * scenario.places
    asked = [round(at * scenario.ask_every_s * 1e6) for at in range(scenario.streams)]
    turns = []
    for at in range(served):
        begun = asked[at % scenario.places] + (at // scenario.places) * (each + 4 * round(cost)) + round(cost)
        turns.append((asked[at], max(begun, asked[at] + round(cost)), max(begun, asked[at]) + each))
    refused = [(at, at + patience + round(cost)) for at in asked[served:]]
    lag = encode_histogram([20_000] * scenario.streams)
    return CrowdResult(scenario.streams, scenario.places, turns, refused, lag, made_span(1.0, 0.1))
