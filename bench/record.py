"""The records of a run: one JSON line each, appended as it happens; all later stages read nothing else.

    run       once, first: the plan, the scenarios, the environment, the command that repeats it
    cell      one per part, block and cell: the gate, each scenario's result, memory; why it failed
    dropped   a cell that was left out, and why
    cross     one per block where wrk or hey is installed: one cell's capacity by them and by our engine
    end       where a sitting ended: finished or interrupted; a run that was resumed goes on after it

What is measured is in `bench.measured`.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Literal, Self

import msgspec

from bench.damage import damage
from bench.measured import (
    AbortsResult,
    Absence,
    BurstResult,
    ClosedResult,
    CrowdResult,
    DownloadResult,
    GateResult,
    HoldingResult,
    Integrity,
    OpenResult,
    Result,
    SlowResult,
    StreamsResult,
    Timed,
)
from bench.score import Score
from bench.shapes import Scenario
from bench.stored import RECORDS, unpacked
from bench.usage import Memory

__all__ = [
    "SCHEMA",
    "AbortsResult",
    "Absence",
    "BurstResult",
    "CellRecord",
    "CellSpec",
    "ClosedResult",
    "CrossRecord",
    "CrowdResult",
    "DownloadResult",
    "Dropped",
    "End",
    "GateResult",
    "HoldingResult",
    "Integrity",
    "OpenResult",
    "Part",
    "Record",
    "RecordFile",
    "Result",
    "Run",
    "RunRecord",
    "SlowResult",
    "StreamsResult",
    "Timed",
    "read_records",
]

SCHEMA = 1


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


class Part(msgspec.Struct, frozen=True):
    """Cells that meet the same scenarios, one process each in each of so many blocks. But for the gate a
    scenario is in one part of a run only: cells are compared within their block. ``settings``: beside those
    of the run. ``least``: so many cells stay, however short the time."""

    id: str
    title: str
    cells: list[str]
    scenarios: list[str]
    blocks: int
    settings: dict[str, str] = {}
    least: int = 5


class RunRecord(msgspec.Struct, frozen=True, tag="run"):
    """What was planned, on what, and how to repeat it. ``parts``: none where every cell meets every scenario
    in every block; otherwise ``blocks`` are those of the longest. ``budget_s``: None for no limit. ``tools``:
    the load generators of others that check ours, with their versions, empty for one not installed.
    ``awake``: the cores that were kept awake, or why none; None in a record from before that was done."""

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
    parts: list[Part] = []
    budget_s: float | None = None
    tools: dict[str, str] | None = None
    awake: list[int] | Absence | None = None

    @property
    def plan(self) -> list[Part]:
        """The parts, in order; one of everything where none are told apart."""
        cells, scenarios = [cell.id for cell in self.cells], [scenario.id for scenario in self.scenarios]
        return self.parts or [Part("", "", cells, scenarios, self.blocks)]

    def part_of(self, scenario: str) -> Part | None:
        """Return the part that a scenario is in; for the gate the first."""
        return next((part for part in self.plan if scenario in part.scenarios), None)


class CellRecord(msgspec.Struct, frozen=True, tag="cell"):
    """One process in one block of one part: the unit of replication. From before it was begun: ``started_s``
    until it listened, ``answered_s`` until its first right answer was here, ``seconds`` until it was gone.
    ``import_s``: of that, importing its app. ``idle``: memory after the first answer, ``after``: after all
    load, ``peak_kib``: the most that ever was resident until then."""

    block: int
    position: int
    cell: str
    results: dict[str, Result]
    started_s: float | None = None
    idle: Memory | None = None
    after: Memory | None = None
    streams_left: int | None = None
    failure: str = ""
    part: str = ""
    seconds: float = 0.0
    answered_s: float | None = None
    import_s: float | None = None
    peak_kib: int | None = None


class CrossRecord(msgspec.Struct, frozen=True, tag="cross"):
    """Requests/s of one cell in one block by who asked, "engine" being ours; why one has no rate."""

    block: int
    cell: str
    scenario: str
    rates: dict[str, float]
    failures: dict[str, str] = {}


class Dropped(msgspec.Struct, frozen=True, tag="dropped"):
    """A cell that is left out of a part from ``from_block`` on."""

    cell: str
    from_block: int
    why: str
    part: str = ""


class End(msgspec.Struct, frozen=True, tag="end"):
    """How the run ended: ``outcome`` is finished or interrupted, or why it could not go on. ``seconds``: what
    it took, without the pauses between sittings."""

    outcome: str
    seconds: float


Record = RunRecord | CellRecord | CrossRecord | Dropped | End


class RecordFile:
    """Appends records, each on the disk's side of a crash before the next is measured. Raises ValueError when
    another process is at it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("ab")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            raise ValueError(f"{path.parent.name}: another process is writing its records") from None
        if path.stat().st_size:  # a crash may have cut the last line short: it goes, what follows is whole
            self._file.truncate(path.read_bytes().rfind(b"\n") + 1)

    def append(self, record: Record) -> None:
        """Write one line and push it out of this process."""
        self._file.write(msgspec.json.encode(record) + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _named(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def read_records(path: Path) -> Iterator[Record]:
    """Yield the records of a file; a last line that a crash cut short is left out.

    Raises ValueError, one line with file and line number, for anything else that is no record.
    """
    decoder = msgspec.json.Decoder(Record)
    *lines, _ = unpacked(path).split(b"\n")  # what has no end was cut short, as `RecordFile` says of it
    for number, line in enumerate(lines, 1):
        if not line:
            continue
        try:
            record = decoder.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise ValueError(
                f"{_named(path)}, line {number}: not a record of this benchmark: {error}"
            ) from None
        if isinstance(record, RunRecord) and record.schema != SCHEMA:
            raise ValueError(f"{_named(path)} has schema {record.schema}; this version reads {SCHEMA}")
        yield record


class Run(msgspec.Struct, frozen=True, dict=True):
    """A whole run, read back. ``file``: what its records are called."""

    header: RunRecord
    cells: list[CellRecord]
    dropped: list[Dropped]
    end: End | None
    file: str = RECORDS
    crosses: list[CrossRecord] = []

    @classmethod
    def read(cls, path: Path) -> Run:
        """Read a file of records. Raises ValueError when it does not begin with a run record, or holds what
        is not its run's or not whole."""
        records = list(read_records(path))
        if not records or not isinstance(records[0], RunRecord):
            raise ValueError(f"{_named(path)} does not begin with a run record")
        if any(isinstance(record, RunRecord) for record in records[1:]):
            raise ValueError(f"{_named(path)} holds the records of more than one run")
        cells = [record for record in records if isinstance(record, CellRecord)]
        if wrong := damage(records[0], cells):
            raise ValueError(f"{_named(path)}: {wrong}")
        last = records[-1]
        return cls(
            header=records[0],
            cells=cells,
            dropped=[record for record in records if isinstance(record, Dropped)],
            end=last if isinstance(last, End) else None,
            file=path.name,
            crosses=[record for record in records if isinstance(record, CrossRecord)],
        )

    def processes(self, cell: str, part: Part | None) -> list[CellRecord]:
        """Return what was recorded of a cell in a part of the plan, in the order in which it was run."""
        return self._processes.get((cell, part.id), []) if part is not None else []

    @cached_property
    def _processes(self) -> dict[tuple[str, str], list[CellRecord]]:
        found: dict[tuple[str, str], list[CellRecord]] = {}
        for one in self.cells:
            found.setdefault((one.cell, one.part), []).append(one)
        return found

    def by_block(self, cell: str, scenario: str) -> Mapping[int, Result]:
        """Return the results of a cell in a scenario, by block; of the gate, which every part has, the first
        part's."""
        whole = self.processes(cell, self.header.part_of(scenario))
        return {record.block: record.results[scenario] for record in whole if scenario in record.results}
