"""The cross-check: capacity of one cell by our engine and by wrk and hey, in one process, in each block.

Our engine goes first and last and counts as the mean of both, so that what drifts meanwhile falls on neither
side. All are pinned to the rig's core, beside the origin; while another is at work our engine is asleep.
"""

from __future__ import annotations

from bench.agreement import OURS, loops
from bench.load import Address
from bench.perform import Rig, perform
from bench.record import CellSpec, ClosedResult, CrossRecord, RunRecord
from bench.shapes import Closed
from bench.start import start
from bench.tools import TOOLS
from bench.usage import Meter
from shared.harness.process import Process, ProcessFailed

__all__ = ["cross", "crossed"]

_SECONDS = 1  # as long as our own window, about; neither takes a fraction
_DEADLINE_S = 30.0


def crossed(header: RunRecord) -> tuple[CellSpec, Closed] | None:
    """Return the cell and the closed loop that are cross-checked: the first of each; None without a tool."""
    asked = loops(header)
    if not asked or not header.tools or not any(header.tools.values()):
        return None
    part = header.part_of(asked[0].id)
    cells = [
        cell
        for cell in header.cells
        if part is not None
        and cell.id in part.cells
        and cell.group != "direct"
        and cell.takes_part(asked[0].id)
    ]
    cells.sort(key=lambda cell: cell.group != "product")
    return (cells[0], asked[0]) if cells else None


def cross(rig: Rig, cell: CellSpec, scenario: Closed, block: int) -> CrossRecord:
    """Run it once. What fails is told in the record, by who failed."""
    rates: dict[str, float] = {}
    failures: dict[str, str] = {}
    part = rig.header.part_of(scenario.id)
    settings = rig.header.settings | (part.settings if part else {})
    tools = [name for name, version in (rig.header.tools or {}).items() if version]
    try:
        with start(cell, rig.url, settings=settings, cpus=rig.subject_cpus) as running:
            address = Address(running.host, running.port)
            meter = Meter(running.process.pid, rig=())
            ours = [_ours(rig, cell, scenario, address, meter, block)]
            for name in tools:
                try:
                    rates[name] = _theirs(
                        rig, name, f"http://{address.host}:{address.port}{scenario.path}", scenario
                    )
                except ValueError as wrong:
                    failures[name] = str(wrong)
            ours.append(_ours(rig, cell, scenario, address, meter, block))
            rates[OURS] = sum(ours) / len(ours)
    except (ProcessFailed, ValueError) as failure:
        failures[OURS] = str(failure).splitlines()[0]
    return CrossRecord(block, cell.id, scenario.id, rates, failures)


def _ours(rig: Rig, cell: CellSpec, scenario: Closed, address: Address, meter: Meter, block: int) -> float:
    with rig.quiet():
        result = perform(rig, cell, scenario, address, meter, block)
    if not isinstance(result, ClosedResult) or result.integrity.failures:
        raise ValueError(f"{cell.id}: not every response was right")
    return result.completed / result.span.seconds


def _theirs(rig: Rig, name: str, url: str, scenario: Closed) -> float:
    tool = TOOLS[name]
    argv = tool.argv(url, scenario.connections, _SECONDS)
    with Process.start(argv, name=name, cpus=rig.rig_cpus) as process:
        process.wait(deadline_s=_DEADLINE_S)
        return tool.read(process.log())
