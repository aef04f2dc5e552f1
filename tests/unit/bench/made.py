"""A run made up from known values, so that a report's every figure can be foretold."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import numpy as np

from bench.cells import QUICK_CELLS, direct
from bench.histogram import encode_histogram
from bench.record import (
    SCHEMA,
    CellRecord,
    ClosedResult,
    End,
    GateResult,
    OpenResult,
    Result,
    Run,
    RunRecord,
    StreamsResult,
)
from bench.scenarios import MORE, QUICK
from bench.usage import Memory, Span

BLOCKS = 6
RPS: Mapping[str, float] = {
    "direct": 100_000.0,
    "fastapi-handler-uvicorn-httptools-wire": 1500.0,
    "fastapi-handler-uvicorn-httptools-wire-twin": 1500.0,
    "litestar-handler-uvicorn-httptools-wire": 1650.0,
    "fastapi-handler-uvicorn-httptools-httpx2": 600.0,
    "litestar-handler-uvicorn-httptools-httpx2": 660.0,
    "recipe-fastapi": 500.0,
    "recipe-litestar": 500.0,
}


def made_span(seconds: float, cpu_s: float) -> Span:
    """A window on a quiet rig."""
    return Span(seconds=seconds, cpu_s=cpu_s, wait_s=0.0, rig_busy=0.1, steal_s=0.0)


def closed(rps: float) -> ClosedResult:
    """A closed-loop second that used one whole core."""
    return ClosedResult(round(rps), [10, 10, 10], made_span(1.0, 1.0))


def opened(base_ns: int, random: np.random.Generator) -> OpenResult:
    """120 responses around ``base_ns``."""
    values = [int(v) for v in random.normal(base_ns, base_ns / 20, size=120)]
    lag = encode_histogram([20_000] * 120)
    response = encode_histogram(values)
    first = encode_histogram([value * 3 // 4 for value in values])
    return OpenResult(120, 120, made_span(0.8, 0.12), response, response, lag, first=first)


def streams(cpu_us: float, base_ns: int, random: np.random.Generator) -> StreamsResult:
    """1,500 events at ``cpu_us`` each."""
    delay = encode_histogram([int(v) for v in random.normal(base_ns, base_ns / 10, size=1500)])
    first = encode_histogram([base_ns * 4] * 50)
    small = encode_histogram([1000] * 1500)
    return StreamsResult(
        opened=50,
        events=1500,
        expected=1500.0,
        deliveries=1500,
        stalls=0,
        span=made_span(0.6, 1500 * cpu_us / 1e6),
        ttfe=first,
        ttfe_lag=small,
        delay=delay,
        gap=small,
        origin_gap=small,
        raster=[(20_000 * number, 20_000 * number + base_ns // 1000) for number in range(30)],
    )


def made_header(blocks: int = BLOCKS) -> RunRecord:
    """The plan of the made-up run."""
    return RunRecord(
        schema=SCHEMA,
        started_at="2026-01-02 03:04:05 UTC",
        command="python -m bench run --quick --seed 1",
        seed=1,
        blocks=blocks,
        cells=[direct(), *(cell for cell in QUICK_CELLS if cell.id in RPS)],
        scenarios=list(QUICK),
        subject_cpus=[1],
        rig_cpus=[0],
        pinning="subject alone on one core, load engine and origin on another",
        environment={"cpu": "a <made-up> CPU"},
        packages={"fastapi": "0"},
        settings={"TANDEM_ACCESS_LOG": "on"},
    )


def made_run(
    *, blocks: int = BLOCKS, noise: float = 0.01, changes: Mapping[str, Result] | None = None
) -> Run:
    """A whole run. ``changes`` replaces results: {"cell/scenario": result}, in every block."""
    random = np.random.default_rng(5)
    header = made_header(blocks)
    cells = []
    for block in range(blocks):
        machine = 1 + 0.2 * block  # a drift that pairing has to take out
        for position, cell in enumerate(header.cells):
            rps = RPS[cell.id] * machine * float(np.exp(random.normal(0, noise)))
            slow = 40_000 if cell.id == "direct" else 1_000_000
            results: dict[str, Result] = {
                "S0": GateResult(["json"]),
                "S3": closed(rps),
                "S2": opened(slow, random),
                "S5": streams(1e5 / RPS[cell.id], slow // 4, random),
            }
            for name in results:
                results[name] = (changes or {}).get(f"{cell.id}/{name}", results[name])
            memory = None if cell.group == "direct" else Memory(60_000, 40_000)
            cells.append(
                CellRecord(
                    block,
                    position,
                    cell.id,
                    results,
                    started_s=0.4,
                    idle=memory,
                    after=memory,
                    answered_s=0.42,
                    import_s=0.3,
                )
            )
    return Run(header, cells, [], End("finished", 240.0))


def scaled(run: Run, **rates: float) -> Run:
    """The run read under two more loads: requests per second are so many times those of S3."""
    more = [scenario for scenario in MORE if scenario.id in rates]
    cells = []
    for record in run.cells:
        usual = record.results["S3"]
        assert isinstance(usual, ClosedResult)
        results = record.results | {
            name: msgspec.structs.replace(usual, completed=round(usual.completed * rate))
            for name, rate in rates.items()
        }
        cells.append(msgspec.structs.replace(record, results=results))
    header = msgspec.structs.replace(run.header, scenarios=[*run.header.scenarios, *more])
    return msgspec.structs.replace(run, header=header, cells=cells)
