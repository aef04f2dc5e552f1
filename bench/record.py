"""The records of a run: one JSON line each, appended as it happens; all later stages read nothing else.

    run       once, first: the plan, the scenarios, the environment, the command that repeats it
    cell      one per cell and block: the gate, each scenario's result, memory; a failure with its reason
    dropped   a cell that was left out, and why
    end       once, last: finished or interrupted

A figure that could not be had is an `Absence` with a typed reason, never a zero. Times within histograms are
nanoseconds.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, Self

import msgspec

from bench.scenarios import Scenario
from bench.score import Score
from bench.usage import Memory, Span

__all__ = [
    "SCHEMA",
    "Absence",
    "CellRecord",
    "CellSpec",
    "ClosedResult",
    "DownloadResult",
    "Dropped",
    "End",
    "GateResult",
    "HoldingResult",
    "Integrity",
    "OpenResult",
    "Reason",
    "Record",
    "RecordFile",
    "Result",
    "Run",
    "RunRecord",
    "StreamsResult",
    "Timed",
    "read_records",
]

SCHEMA = 1

Reason = Literal[
    "below-resolution",  # there may be a difference, smaller than this run can see
    "rig-bound",  # the rig was nearly as slow as the cell: the figure would be the rig's
    "saturated",  # the cell did not carry the offered load
    "unsupported",  # this cell, or this machine, cannot do that
    "failed",  # gate or integrity failed, or the subject died
    "too-few-samples",
    "not-run",  # interrupted, or dropped from the plan
]


class Absence(msgspec.Struct, frozen=True, tag="absence"):
    """A figure that is missing, and why."""

    reason: Reason
    detail: str


class Integrity(msgspec.Struct, frozen=True):
    """What did not come out right: counts by kind, and the first in words. Empty when all was right."""

    failures: dict[str, int] = {}
    first: str = ""


class GateResult(msgspec.Struct, frozen=True, tag="gate"):
    """The checks that passed, in order, and the one that failed, if any."""

    passed: list[str]
    failed: str = ""
    detail: str = ""


class ClosedResult(msgspec.Struct, frozen=True, tag="closed"):
    """A closed-loop window: valid completions, and those of each warm-up slice before it. ``idle``: how many
    connections to the origin lay idle when it began, where the scenario asks for some."""

    completed: int
    warmup: list[int]
    span: Span
    integrity: Integrity = Integrity()
    idle: int | None = None


class OpenResult(msgspec.Struct, frozen=True, tag="open"):
    """An open-loop window. ``response`` counts from the intended start, ``service`` from the actual send;
    ``lag`` is the difference. Encoded histograms."""

    offered: int
    completed: int
    span: Span
    response: str
    service: str
    lag: str
    integrity: Integrity = Integrity()


class StreamsResult(msgspec.Struct, frozen=True, tag="streams"):
    """A steady window over open SSE streams. ``ttfe``: intended start to first content event, one sample a
    stream. ``delay``: arrival minus the origin's stamp. ``gap``: how far each arrival gap is from the
    origin's gap; ``origin_gap``: the latter's distance from the pacing. Encoded histograms. ``raster``: the
    window's events of one stream, each the origin's stamp and its arrival, in µs from the first stamp."""

    opened: int
    events: int
    expected: float
    deliveries: int
    stalls: int
    span: Span
    ttfe: str
    ttfe_lag: str
    delay: str
    gap: str
    origin_gap: str
    raster: list[tuple[int, int]] = []
    integrity: Integrity = Integrity()


class DownloadResult(msgspec.Struct, frozen=True, tag="download"):
    """Large bodies that came whole, one after the other: how many, and their bytes in all."""

    completed: int
    size: int
    span: Span
    integrity: Integrity = Integrity()


class HoldingResult(msgspec.Struct, frozen=True, tag="holding"):
    """Memory of the subject's tree with few streams open, then with many; None: there is no process."""

    few: int
    many: int
    at_few: Memory | None
    at_many: Memory | None
    span: Span
    integrity: Integrity = Integrity()


Timed = ClosedResult | OpenResult | StreamsResult | DownloadResult | HoldingResult
Result = GateResult | Timed | Absence


class CellSpec(msgspec.Struct, frozen=True):
    """One cell of the plan. ``twin_of`` names the cell that this one repeats (A/A). ``app`` is what the
    server is given, or the file that describes an app of one's own; empty for the direct leg and for a
    program that is a peer. ``scenarios``: those it takes part in; empty for all."""

    id: str
    label: str
    group: Literal["product", "baseline", "peer", "direct"]
    app: str
    framework: str = ""
    route: str = ""
    profile: str = ""
    loop: str = "uvloop"
    engine: str = ""
    twin_of: str = ""
    scenarios: tuple[str, ...] = ()

    def takes_part(self, scenario: str) -> bool:
        """Return whether the cell runs that scenario."""
        return not self.scenarios or scenario in self.scenarios


class RunRecord(msgspec.Struct, frozen=True, tag="run"):
    """What was planned, on what, and how to repeat it."""

    schema: int
    started_at: str
    command: str
    seed: int
    blocks: int
    cells: list[CellSpec]
    scenarios: list[Scenario]
    subject_cpus: list[int]
    rig_cpus: list[int]
    pinning: str
    environment: dict[str, str]
    packages: dict[str, str]
    settings: dict[str, str]
    scores: dict[str, Score] = {}


class CellRecord(msgspec.Struct, frozen=True, tag="cell"):
    """One process in one block: the unit of replication."""

    block: int
    position: int
    cell: str
    results: dict[str, Result]
    started_s: float | None = None
    idle: Memory | None = None
    after: Memory | None = None
    streams_left: int | None = None
    failure: str = ""


class Dropped(msgspec.Struct, frozen=True, tag="dropped"):
    """A cell that is left out from ``from_block`` on."""

    cell: str
    from_block: int
    why: str


class End(msgspec.Struct, frozen=True, tag="end"):
    """How the run ended: ``outcome`` is finished or interrupted, or why it could not go on."""

    outcome: str
    seconds: float


Record = RunRecord | CellRecord | Dropped | End


class RecordFile:
    """Appends records, each on the disk's side of a crash before the next is measured."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("ab")

    def append(self, record: Record) -> None:
        """Write one line and push it out of this process."""
        self._file.write(msgspec.json.encode(record) + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def read_records(path: Path) -> Iterator[Record]:
    """Yield the records of a file; a last line that a crash cut short is left out.

    Raises ValueError, one line with file and line number, for anything else that is no record.
    """
    decoder = msgspec.json.Decoder(Record)
    lines = path.read_bytes().split(b"\n")
    for number, line in enumerate(lines, 1):
        if not line:
            continue
        try:
            record = decoder.decode(line)
        except msgspec.MsgspecError as error:
            if number == len(lines):
                return
            raise ValueError(f"{path.name}, line {number}: not a record of this benchmark: {error}") from None
        if isinstance(record, RunRecord) and record.schema != SCHEMA:
            raise ValueError(f"{path.name} has schema {record.schema}; this version reads {SCHEMA}")
        yield record


class Run(msgspec.Struct, frozen=True):
    """A whole run, read back."""

    header: RunRecord
    cells: list[CellRecord]
    dropped: list[Dropped]
    end: End | None

    @classmethod
    def read(cls, path: Path) -> Run:
        """Read a records.jsonl. Raises ValueError when it does not begin with a run record."""
        records = list(read_records(path))
        if not records or not isinstance(records[0], RunRecord):
            raise ValueError(f"{path.name} does not begin with a run record")
        ends = [record for record in records if isinstance(record, End)]
        return cls(
            header=records[0],
            cells=[record for record in records if isinstance(record, CellRecord)],
            dropped=[record for record in records if isinstance(record, Dropped)],
            end=ends[-1] if ends else None,
        )

    def by_block(self, cell: str, scenario: str) -> Mapping[int, Result]:
        """Return the results of a cell in a scenario, by block."""
        return {
            record.block: record.results[scenario]
            for record in self.cells
            if record.cell == cell and scenario in record.results
        }
