"""plan -> records: one fresh process per cell and block, the gate first, then each scenario, then memory.

    1 start origin, spinners  2 for each block, part and cell, in random order: start the cell's process
    3 first answer, gate (S0) 4 closed, open, streams, each between two readings of the clocks
    5 memory, stop            6 append the record; then the next
    7 after each block: one cell by wrk and hey, too, where they are installed

A cell that fails is a record with its reason and the run goes on. Ctrl-C ends the run where it stands: what
is recorded stays, every child is stopped. Here nothing is judged and nothing is averaged.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Iterable, Sequence, Set
from pathlib import Path

import msgspec

from bench.awake import keep_awake
from bench.cross import cross, crossed
from bench.importing import environment, import_s
from bench.interrupt import interruptible, untold
from bench.load import Address, first_answer, streams_closed
from bench.perform import Rig, perform
from bench.plan import Seconds, Step, estimate, steps, trim
from bench.progress import Bar
from bench.record import (
    Absence,
    CellRecord,
    CellSpec,
    Dropped,
    End,
    GateResult,
    HoldingResult,
    Part,
    RecordFile,
    Result,
    Run,
    RunRecord,
    SlowResult,
    StreamsResult,
)
from bench.shapes import Gate, Scenario
from bench.start import start
from bench.stored import RECORDS
from bench.usage import memory, peak_kib
from shared.harness.loop import loop_factory
from shared.harness.process import ROOT, Process, ProcessFailed

__all__ = ["SETTINGS", "START_STOP_S", "run_plan"]

SETTINGS = {"TANDEM_ACCESS_LOG": "on", "TANDEM_DRAIN_TIMEOUT": "1"}
"""Held constant in every cell. The product is timed as it ships, logging and counting; no baseline does
either.
"""

START_STOP_S = 0.3
"""What starting and stopping one process takes until the first block has shown it."""


def run_plan(
    header: RunRecord,
    folder: Path,
    *,
    dropped: Sequence[Dropped] = (),
    before: Run | None = None,
    bar: Bar,
) -> str:
    """Run everything ``header`` plans and append the records to ``folder``/records.jsonl.

    Returns the outcome that the end record holds: "finished", "interrupted", or why the rig gave up.
    With a budget, cells are left out after the first block when the rest would not fit. ``before``: what is
    there already, of a run that goes on. Raises ValueError when another process writes these records.
    """
    began = time.monotonic()
    rig_cpus = frozenset(header.rig_cpus) or None
    awake = header.awake if isinstance(header.awake, list) else []
    outcome = "finished"
    with RecordFile(folder / RECORDS) as records:
        if before is None:
            records.append(header)
            for one in dropped:
                records.append(one)
        try:
            with (
                interruptible() as check_interrupt,
                keep_awake(awake) as spinners,
                Process.start(
                    [sys.executable, "-m", "shared.harness.origin.fast"], name="fast origin", cpus=rig_cpus
                ) as origin,
                asyncio.Runner(loop_factory=loop_factory()) as runner,
            ):
                runner.get_loop().set_exception_handler(untold)
                _blocks(Rig(header, origin, runner, spinners), records, before, bar, check_interrupt)
        except KeyboardInterrupt:
            outcome = "interrupted"
        except ProcessFailed as failure:
            outcome = _one_line(failure)
        spent_s = _spent_s(before) if before else 0.0
        records.append(End(outcome=outcome, seconds=spent_s + time.monotonic() - began))
    return outcome


def _spent_s(before: Run) -> float:
    return before.end.seconds if before.end else sum(record.seconds for record in before.cells)


def _blocks(
    rig: Rig, records: RecordFile, before: Run | None, bar: Bar, check_interrupt: Callable[[], None]
) -> None:
    header = rig.header
    parts = header.plan
    by_id = {cell.id: cell for cell in header.cells}
    done = list(before.cells) if before else []
    there = {(record.part, record.block, record.cell) for record in done}
    asked = crossed(header)
    checked = {record.block for record in before.crosses} if before else set()
    seconds = estimate(parts, header.cells, header.scenarios, start_stop_s=START_STOP_S)
    bar.expect(_seconds(_due(header, parts, there, range(header.blocks)), seconds))
    for block in range(header.blocks):
        for step in _due(header, parts, there, [block]):

            def tell(what: str, cell: CellSpec = by_id[step.cell], block: int = block) -> None:
                bar.show(block, header.blocks, f"{cell.label} · {what}")

            record = _cell(rig, by_id[step.cell], step, tell)
            records.append(record)
            check_interrupt()
            done.append(record)
            bar.advance(_seconds([step], seconds))
            rig.check()
        if asked is not None and block not in checked:
            bar.show(block, header.blocks, f"{asked[0].label} · cross-check")
            records.append(cross(rig, *asked, block))
            check_interrupt()
        if block == 0:
            parts, left_out = trim(header, done)
            for dropped in left_out:
                if before is None or dropped not in before.dropped:
                    records.append(dropped)
            bar.expect(_seconds(_due(header, parts, there, range(1, header.blocks)), seconds))


def _due(
    header: RunRecord, parts: Sequence[Part], there: Set[tuple[str, int, str]], blocks: Iterable[int]
) -> list[Step]:
    """Return what these blocks still lack, in order."""
    whole = (step for block in blocks for step in steps(parts, seed=header.seed, block=block))
    return [step for step in whole if (step.part.id, step.block, step.cell) not in there]


def _seconds(due: Iterable[Step], of: Seconds) -> float:
    return sum(of[step.part.id, step.cell] for step in due)


def _cell(rig: Rig, cell: CellSpec, step: Step, tell: Callable[[str], None]) -> CellRecord:
    began = time.monotonic()
    record = CellRecord(step.block, step.position, cell.id, {}, part=step.part.id)
    asked = [scenario for scenario in rig.header.scenarios if scenario.id in step.part.scenarios]
    if cell.group == "direct":
        record = _measure(rig, cell, record, asked, rig.address, None, tell)
        return msgspec.structs.replace(record, seconds=time.monotonic() - began)
    tell("starting")
    settings = rig.header.settings | step.part.settings | environment(cell)
    try:
        with start(cell, rig.url, settings=settings, cpus=rig.subject_cpus) as running:
            started_s, address = time.monotonic() - began, Address(running.host, running.port)
            answered = rig.runner.run(first_answer(address))
            record = msgspec.structs.replace(
                record,
                started_s=started_s,
                answered_s=time.monotonic() - began if answered else None,
                import_s=import_s(running.process.log()),
                idle=memory(running.process.pid),
            )
            record = _measure(rig, cell, record, asked, address, running.process, tell)
    except ProcessFailed as failure:
        record = msgspec.structs.replace(record, failure=_one_line(failure))
    return msgspec.structs.replace(record, seconds=time.monotonic() - began)


def _measure(
    rig: Rig,
    cell: CellSpec,
    record: CellRecord,
    scenarios: Sequence[Scenario],
    address: Address,
    process: Process | None,
    tell: Callable[[str], None],
) -> CellRecord:
    results: dict[str, Result] = {}
    failure = ""
    meter = rig.meter(process)
    for scenario in scenarios:
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
    streamed = any(
        isinstance(result, StreamsResult | HoldingResult | SlowResult) for result in results.values()
    )
    streams_left = rig.runner.run(streams_closed(rig.address)) if streamed else None
    return msgspec.structs.replace(
        record,
        results=results,
        after=memory(process.pid) if process is not None and process.running() else None,
        peak_kib=peak_kib(process.pid) if process is not None and process.running() else None,
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
