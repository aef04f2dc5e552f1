"""One scenario in one cell: the load function of its shape, given what it needs.

Nothing is judged here; a load that cannot be asked of a cell is an absence with its reason.
"""

from __future__ import annotations

import asyncio
import gc
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import msgspec

from bench.load import (
    Address,
    Expected,
    Mismatch,
    fill_pool,
    quiet,
    request_bytes,
    run_aborts,
    run_burst,
    run_churn,
    run_closed,
    run_crowd,
    run_download,
    run_fanout,
    run_gate,
    run_holding,
    run_open,
    run_slow,
    run_streams,
    run_upload,
)
from bench.plan import schedule_seed
from bench.record import Absence, CellSpec, Result, RunRecord
from bench.shapes import (
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
from bench.usage import Memory, Meter, memory
from shared.harness.origin.payload import JSON_BODY, pattern
from shared.harness.process import Process, ProcessFailed

__all__ = ["Rig", "perform"]

_POOL_FULL = 0.98  # of the idle connections asked for; some close while others still open


class Rig:
    """The origin, the event loop of the load engine, who is pinned where, and who keeps which core awake."""

    def __init__(
        self, header: RunRecord, origin: Process, runner: asyncio.Runner, spinners: Mapping[int, Process]
    ) -> None:
        self.header = header
        self.origin = origin
        self.spinners = spinners
        self.runner = runner
        self.subject_cpus = frozenset(header.subject_cpus) or None
        self.rig_cpus = frozenset(header.rig_cpus) or None
        port = origin.wait_for(_origin_port, what="listening address")
        self.address = Address("127.0.0.1", port)
        self.url = f"http://127.0.0.1:{port}"

    def meter(self, subject: Process | None) -> Meter:
        """Return what reads a subject, None for the direct leg, and the rig itself."""
        spinners = {cpu: process.pid for cpu, process in self.spinners.items()}
        pid = subject.pid if subject else None
        return Meter(pid, rig=(os.getpid(), self.origin.pid), spinners=spinners)

    def check(self) -> None:
        """Raise ProcessFailed when a process is gone without which no figure means what the records say."""
        for process in (self.origin, *self.spinners.values()):
            if not process.running():
                raise ProcessFailed(f"the {process.name} died; its records end here")

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """This process on the rig's core, with no garbage collection while a window is timed."""
        all_cpus = os.sched_getaffinity(0) if self.rig_cpus else None
        gc.collect()
        gc.disable()
        try:
            if self.rig_cpus:
                os.sched_setaffinity(0, self.rig_cpus)
            yield
        finally:
            gc.enable()
            if all_cpus:
                os.sched_setaffinity(0, all_cpus)


def perform(
    rig: Rig, cell: CellSpec, scenario: Scenario, address: Address, meter: Meter, block: int
) -> Result:
    run = rig.runner.run
    match scenario:
        case Gate():
            name = f"{cell.id}-{block}"
            return run(run_gate(address, rig.address, scenario, proxies=_proxies(cell), name=name))
        case Closed():
            return run(_closed(rig, cell, scenario, address, meter))
        case Open():
            request = request_bytes(address, scenario.path)
            seed = schedule_seed(rig.header.seed, block)
            expected = _expected(scenario.path)
            return run(
                run_open(address, scenario, request=request, expected=expected, meter=meter, seed=seed)
            )
        case Streams():
            return run(run_streams(address, scenario, meter=meter))
        case Download():
            return run(run_download(address, scenario, meter=meter))
        case Burst():
            return run(run_burst(address, scenario, meter=meter))
        case Crowd():
            return run(run_crowd(address, scenario, meter=meter))
        case Fanout():
            seed = schedule_seed(rig.header.seed, block)
            return run(run_fanout(address, scenario, meter=meter, seed=seed))
        case Upload() | Aborts() | Slow():
            return run(_with_the_origin(rig, scenario, address, meter))
        case Holding():
            return run(run_holding(address, scenario, meter=meter, pid=meter.pid))


async def _with_the_origin(
    rig: Rig, scenario: Upload | Aborts | Slow, address: Address, meter: Meter
) -> Result:
    """Those that ask the origin itself what it saw of them."""
    match scenario:
        case Upload():
            return await run_upload(address, rig.address, scenario, meter=meter)
        case Aborts():
            return await run_aborts(address, rig.address, scenario, meter=meter)
        case Slow():
            return await run_slow(address, rig.address, scenario, meter=meter)


async def _closed(rig: Rig, cell: CellSpec, scenario: Closed, address: Address, meter: Meter) -> Result:
    idle = None
    if scenario.idle and cell.group != "direct":
        try:
            idle = await fill_pool(address, rig.address, scenario.idle)
        except (Mismatch, TimeoutError) as failure:
            return Absence("failed", f"its pool could not be filled: {failure!r}")
        if idle < _POOL_FULL * scenario.idle:
            return Absence("unsupported", f"its pool keeps {idle:,} of {scenario.idle:,} connections")
        await quiet(meter)
    run = run_churn if scenario.churn else run_closed
    method, body = ("POST", pattern(scenario.up)) if scenario.up else ("GET", b"")
    request = request_bytes(address, scenario.path, method=method, body=body, close=scenario.churn)
    expected = _expected(scenario.path, up=scenario.up)
    before = await _memory(scenario, meter)
    result = await run(address, scenario, request=request, expected=expected, meter=meter)
    after = await _memory(scenario, meter)
    grown = (before, after) if before and after else None
    return msgspec.structs.replace(result, idle=idle, memory=grown)


async def _memory(scenario: Closed, meter: Meter) -> Memory | None:
    if not scenario.paths or meter.pid is None:
        return None
    await quiet(meter)
    return memory(meter.pid)


def _expected(path: str, *, up: int = 0) -> Expected:
    if up:
        return Expected(200, b'{"bytes":%d}' % up)
    size = path.removeprefix("/bytes/")
    return Expected(200, JSON_BODY if size == path else pattern(int(size)))


def _proxies(cell: CellSpec) -> bool:
    return cell.takes_part("S5")


def _origin_port(log: str) -> int | None:
    found = re.search(r"^fast origin on http://[^:]+:(\d+)$", log, re.MULTILINE)
    return int(found[1]) if found else None
