"""plan -> records: one fresh process per cell and block, the gate first, then each scenario, then memory.

    1 start the origin        2 for each block, in its random order: start the cell's process
    3 gate (S0)               4 closed, open, streams, each between two readings of the clocks
    5 memory, stop            6 append the record; then the next

A cell that fails is a record with its reason and the run goes on. Ctrl-C ends the run where it stands: what
is recorded stays, every child is stopped. Here nothing is judged and nothing is averaged.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from bench.interrupt import interruptible
from bench.load import Address, streams_closed
from bench.perform import Rig, perform
from bench.plan import fit, order
from bench.progress import Bar
from bench.record import (
    Absence,
    CellRecord,
    CellSpec,
    Dropped,
    End,
    GateResult,
    HoldingResult,
    RecordFile,
    Result,
    RunRecord,
    StreamsResult,
)
from bench.shapes import Gate
from bench.start import start
from bench.usage import Meter, memory
from shared.harness.origin.fast import loop_factory
from shared.harness.process import ROOT, Process, ProcessFailed

__all__ = ["SETTINGS", "START_STOP_S", "run_plan"]

SETTINGS = {"TANDEM_ACCESS_LOG": "on", "TANDEM_DRAIN_TIMEOUT": "1"}
"""Held constant in every cell. The product is timed as it ships, logging and counting; no baseline does
either.
"""

START_STOP_S = 0.6
"""What starting and stopping one process takes until the first block has shown it."""


def run_plan(
    header: RunRecord, folder: Path, *, dropped: Sequence[Dropped] = (), bar: Bar, budget_s: float | None
) -> str:
    """Run everything ``header`` plans and append the records to ``folder``/records.jsonl.

    Returns the outcome that the end record holds: "finished", "interrupted", or why the rig gave up.
    With a budget, cells are left out after the first block when the rest would not fit.
    """
    began = time.monotonic()
    rig_cpus = frozenset(header.rig_cpus) or None
    outcome = "finished"
    with RecordFile(folder / "records.jsonl") as records:
        records.append(header)
        for cell in dropped:
            records.append(cell)
        try:
            with (
                interruptible() as check_interrupt,
                Process.start(
                    [sys.executable, "-m", "shared.harness.origin.fast"], name="fast origin", cpus=rig_cpus
                ) as origin,
                asyncio.Runner(loop_factory=loop_factory()) as runner,
            ):
                _blocks(Rig(header, origin, runner), records, bar, budget_s, check_interrupt)
        except KeyboardInterrupt:
            outcome = "interrupted"
        except ProcessFailed as failure:
            outcome = _one_line(failure)
        records.append(End(outcome=outcome, seconds=time.monotonic() - began))
    return outcome


def _blocks(
    rig: Rig, records: RecordFile, bar: Bar, budget_s: float | None, check_interrupt: Callable[[], None]
) -> None:
    header = rig.header
    cells = list(header.cells)
    began = time.monotonic()
    for block in range(header.blocks):
        took: dict[str, float] = {}
        by_id = {cell.id: cell for cell in cells}
        for position, name in enumerate(order(list(by_id), seed=header.seed, block=block)):
            start = time.monotonic()
            cell = by_id[name]

            def tell(what: str, cell: CellSpec = cell, block: int = block) -> None:
                bar.show(block, header.blocks, f"{cell.label} · {what}")

            records.append(_cell(rig, cell, block, position, tell))
            check_interrupt()
            bar.advance()
            took[name] = time.monotonic() - start
            if not rig.origin.running():
                raise ProcessFailed("the fast origin died; its records end here")
        if block == 0 and budget_s is not None:
            left_s = budget_s - (time.monotonic() - began)
            seconds = [took[cell.id] for cell in cells]
            cells, left_out = fit(cells, seconds, blocks=header.blocks - 1, budget_s=left_s)
            for cell in left_out:
                why = "the first block showed that all cells would not fit into the time"
                records.append(Dropped(cell=cell.id, from_block=1, why=why))
            bar.shorten(len(by_id) + len(cells) * (header.blocks - 1))


def _cell(rig: Rig, cell: CellSpec, block: int, position: int, tell: Callable[[str], None]) -> CellRecord:
    record = CellRecord(block=block, position=position, cell=cell.id, results={})
    if cell.group == "direct":
        return _measure(rig, cell, record, rig.address, None, tell)
    tell("starting")
    began = time.monotonic()
    try:
        with start(cell, rig.url, settings=rig.header.settings, cpus=rig.subject_cpus) as running:
            record = msgspec.structs.replace(
                record, started_s=time.monotonic() - began, idle=memory(running.process.pid)
            )
            return _measure(rig, cell, record, Address(running.host, running.port), running.process, tell)
    except ProcessFailed as failure:
        return msgspec.structs.replace(record, failure=_one_line(failure))


def _measure(
    rig: Rig,
    cell: CellSpec,
    record: CellRecord,
    address: Address,
    process: Process | None,
    tell: Callable[[str], None],
) -> CellRecord:
    results: dict[str, Result] = {}
    failure = ""
    meter = Meter(process.pid if process else None, rig=(os.getpid(), rig.origin.pid))
    for scenario in rig.header.scenarios:
        if not isinstance(scenario, Gate) and not cell.takes_part(scenario.id):
            continue
        if failure:
            results[scenario.id] = Absence("failed", failure)
            continue
        tell(scenario.id)
        with rig.quiet():
            result = perform(rig, cell, scenario, address, meter, record.block)
        results[scenario.id] = result
        if process is not None and not process.running():
            failure = f"{cell.id} died during {scenario.id}: {_last_line(process.log())}"
            results[scenario.id] = Absence("failed", failure)
        elif isinstance(result, GateResult) and result.failed:
            failure = f"gate: {result.failed}: {result.detail}"
    streamed = any(isinstance(result, StreamsResult | HoldingResult) for result in results.values())
    streams_left = rig.runner.run(streams_closed(rig.address)) if streamed else None
    return msgspec.structs.replace(
        record,
        results=results,
        after=memory(process.pid) if process is not None and process.running() else None,
        streams_left=streams_left,
        failure=failure,
    )


def _one_line(failure: ProcessFailed) -> str:
    lines = str(failure).splitlines()
    # a traceback's last line says what is wrong; where the project lies is nobody's business
    text = lines[0] if len(lines) == 1 else f"{lines[0].removesuffix('; its log ends:')}: {lines[-1].strip()}"
    return text.replace(str(ROOT), ".")


def _last_line(log: str) -> str:
    lines = log.strip().splitlines()
    return lines[-1].replace(str(ROOT), ".") if lines else "its log is empty"
