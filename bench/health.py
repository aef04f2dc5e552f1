"""The health of a run: what has to be right for its figures to mean anything, each a level and a value. Pure.

What is merely doubtful is flagged here and leaves figures as they are; what forbids one is in `bench.check`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from bench.agreement import Agreement, agreements
from bench.cells import DIRECT
from bench.check import HEADROOM_LEAST, cell_absence, headroom, quantile_ms
from bench.environment import SUBJECTS_CORE
from bench.record import Absence, CellRecord, CrowdResult, GateResult, OpenResult, Part, Run, Timed
from bench.stats import INTERVAL_BLOCKS, MARGIN
from bench.usage import Span

__all__ = ["Conditions", "Health", "Level", "complete_blocks", "conditions", "health", "verdict_of"]

_HEADROOM_FLAG = 2.0
_LAG_FLAG_MS = 1.0
_STEAL_FLAG = 0.02
_WAIT_FLAG = 0.02
_RIG_BUSY_FLAG = 0.7

_TIMES, _DASH = "\N{MULTIPLICATION SIGN}", "\N{EN DASH}"

Level = Literal["good", "doubtful", "bad"]


class Health(msgspec.Struct, frozen=True):
    """One thing that has to be right for the figures to mean anything."""

    name: str
    level: Level
    value: str
    meaning: str


def health(run: Run) -> list[Health]:
    """Return what the first screen says about the run itself, worst things included."""
    return [
        _pinning_health(run),
        _blocks_health(run),
        _headroom_health(run),
        _lag_health(run),
        _rig_health(run),
        _core_health(run),
        _steal_health(run),
        *_cross_health(run),
        _failure_health(run),
    ]


def verdict_of(found: Iterable[Health]) -> Level:
    """Return the worst level among them."""
    levels = {one.level for one in found}
    return "bad" if "bad" in levels else "doubtful" if "doubtful" in levels else "good"


def complete_blocks(run: Run) -> list[tuple[Part, int]]:
    """Return each part of the plan with how many of its blocks have every cell that was not left out."""
    there = {(record.part, record.block, record.cell) for record in run.cells}
    found = []
    for part in run.header.plan:
        out = {one.cell: one.from_block for one in run.dropped if one.part in ("", part.id)}
        complete = sum(
            all((part.id, n, cell) in there or n >= out.get(cell, part.blocks) for cell in part.cells)
            for n in range(part.blocks)
        )
        found.append((part, complete))
    return found


def _blocks_health(run: Run) -> Health:
    """One part that is whole enough has figures; the others' are typed absences."""
    counts = [(complete, part.blocks) for part, complete in complete_blocks(run)]
    complete, planned = min(counts)
    level: Level = "good" if complete >= INTERVAL_BLOCKS else "doubtful"
    if max(counts)[0] < INTERVAL_BLOCKS:
        level = "bad"
    of = " in some part" if len(set(counts)) > 1 else ""
    meaning = f"blocks that every cell was timed in{of}; below {INTERVAL_BLOCKS} there is no interval"
    return Health("Blocks complete", level, f"{complete} of {planned}", meaning)


def _pinning_health(run: Run) -> Health:
    pinned = bool(run.header.subject_cpus)
    level: Level = "good" if pinned else "doubtful"
    idle = (
        [f"{SUBJECTS_CORE} {run.header.environment[SUBJECTS_CORE]}"]
        if SUBJECTS_CORE in run.header.environment
        else []
    )
    meaning = "; ".join([run.header.pinning, *idle])
    return Health("Cores", level, "subject alone" if pinned else "shared", meaning)


def _headroom_health(run: Run) -> Health:
    rooms = {
        f"{cell.label}, {scenario.id}": room
        for scenario in run.header.scenarios
        for cell in run.header.cells
        if cell.group != "direct" and (room := headroom(run, cell.id, scenario.id)) is not None
    }
    if not rooms:
        return Health("Headroom", "doubtful", "unknown", "no cell has both a direct and a proxied rate")
    worst = min(rooms, key=lambda name: rooms[name])
    room = rooms[worst]
    level: Level = "good" if room >= _HEADROOM_FLAG else "doubtful" if room >= HEADROOM_LEAST else "bad"
    return Health(
        "Headroom",
        level,
        f"{room:.0f}{_TIMES}" if room >= 10 else f"{room:.1f}{_TIMES}",
        f"the rig alone is at least that much faster than any cell; closest is {worst}",
    )


def _lags(run: Run, cells: Iterable[str]) -> list[str]:
    return [
        result.lag
        for cell in cells
        for scenario in run.header.scenarios
        for result in run.by_block(cell, scenario.id).values()
        # past its knee a cell delays what is sent to it: that is the cell's, and said there
        if isinstance(result, OpenResult | CrowdResult) and cell_absence(run, cell, scenario.id) is None
    ]


def _lag_health(run: Run) -> Health:
    lags = _lags(run, (cell.id for cell in run.header.cells))
    if not lags:
        return Health("Send lag", "doubtful", "unknown", "no open-loop window was run")
    p99 = quantile_ms(lags, 99)
    return Health(
        "Send lag",
        "good" if p99 <= _LAG_FLAG_MS else "doubtful",
        f"p99 {p99:.2f} ms",
        "how late requests left, against their schedule",
    )


def _spans(run: Run, cells: Iterable[str]) -> list[Span]:
    wanted = set(cells)
    return [
        result.span
        for record in run.cells
        if record.cell in wanted
        for result in record.results.values()
        if isinstance(result, Timed)
    ]


def _rig_busy(spans: Iterable[Span]) -> float | None:
    return max((span.rig_busy for span in spans if span.rig_busy is not None), default=None)


def _rig_health(run: Run) -> Health:
    meaning = "load engine and origin together, in any cell's window"
    cells = [cell for cell in run.header.cells if cell.id != DIRECT]
    busy = {cell.label: most for cell in cells if (most := _rig_busy(_spans(run, [cell.id]))) is not None}
    if not busy:
        return Health("Rig's core", "doubtful", "unknown", f"{meaning}: this system does not tell")
    who, most = max(busy.items(), key=lambda one: one[1])
    level: Level = "good" if most < _RIG_BUSY_FLAG else "doubtful"
    return Health("Rig's core", level, f"{most:.0%} busy at most", f"{meaning}; most in {who}")


def _waits(spans: Iterable[Span]) -> float | None:
    told = [span for span in spans if span.wait_s is not None and span.cpu_s > 0]
    waited = sum(span.wait_s or 0.0 for span in told)
    return waited / (waited + sum(span.cpu_s for span in told)) if told else None


def _core_health(run: Run) -> Health:
    meaning = "time that subjects were ready to run and something else had their core"
    share = _waits(_spans(run, (cell.id for cell in run.header.cells)))
    if share is None:
        return Health("Waits for the core", "doubtful", "unknown", f"{meaning}: this system does not tell")
    level: Level = "good" if share <= _WAIT_FLAG else "doubtful"
    return Health("Waits for the core", level, f"{share:.1%}", meaning)


def _steal(spans: Iterable[Span]) -> float | None:
    told = [(span.steal_s, span.seconds) for span in spans if span.steal_s is not None]
    seconds = sum(of for _, of in told)
    return sum(stolen for stolen, _ in told) / seconds if seconds else None


def _steal_health(run: Run) -> Health:
    meaning = "CPU time that the hypervisor took away"
    share = _steal(_spans(run, (cell.id for cell in run.header.cells)))
    if share is None:
        return Health("Steal", "doubtful", "unknown", f"{meaning}: this system does not tell")
    level: Level = "good" if share <= _STEAL_FLAG else "doubtful"
    return Health("Steal", level, f"{share:.1%}", meaning)


class Conditions(msgspec.Struct, frozen=True):
    """Under which conditions one cell was timed. None: the system does not tell, or nothing was run that
    would. ``headroom``: the least, in any scenario; ``send_lag_ms``: p99; the others are shares of one."""

    cell: str
    headroom: float | None
    send_lag_ms: float | None
    waits: float | None
    steal: float | None
    rig_busy: float | None


def conditions(run: Run) -> list[Conditions]:
    """Return those of each cell that has been timed, the direct leg among them."""
    found = []
    for cell in run.header.cells:
        if not (spans := _spans(run, [cell.id])):
            continue
        every = (headroom(run, cell.id, scenario.id) for scenario in run.header.scenarios)
        rooms = [room for room in every if room is not None and cell.id != DIRECT]
        lags = _lags(run, [cell.id])
        lag = quantile_ms(lags, 99) if lags else None
        least = min(rooms, default=None)
        found.append(Conditions(cell.id, least, lag, _waits(spans), _steal(spans), _rig_busy(spans)))
    return found


def _cross_health(run: Run) -> list[Health]:
    found = agreements(run)
    if not found:
        return []
    said: dict[str, list[str]] = {}
    for one in found:
        said.setdefault(_cross_words(one), []).append(one.tool)
    parts = [f"{', '.join(tools)} {words}" for words, tools in said.items()]
    doubted = any(one.word != "agreed" for one in found if not one.missing)
    checked = next((f"{one.cell}, {one.scenario}" for one in found if one.estimate), "none")
    meaning = (
        f"requests/s by others over those by our engine, in one process ({checked}); "
        f"agreed where the whole interval is within {MARGIN:.0%}"
    )
    return [Health("Cross-check", "doubtful" if doubted else "good", "; ".join(parts), meaning)]


def _cross_words(one: Agreement) -> str:
    if one.estimate is not None:
        ends = f"{one.estimate.low:.2f}{_DASH}{one.estimate.high:.2f}"
        return f"{one.estimate.ratio:.2f}{_TIMES} ({ends}), {one.word}"
    if one.absence is None:
        return ""
    return f"not run: {one.absence.detail}" if one.absence.reason == "not-run" else one.absence.detail


def _failure_health(run: Run) -> Health:
    failed = {record.cell for record in run.cells if _has_failed(record)}
    if not failed:
        return Health(
            "Failures",
            "good",
            "no response was wrong",
            "every response had the right status, length and bytes",
        )
    # a baseline that fails is a finding about the baseline; anything else puts the run in doubt
    baselines = {cell.id for cell in run.header.cells if cell.group in ("baseline", "peer")}
    level: Level = "doubtful" if failed <= baselines else "bad"
    count = f"{len(failed)} cell" + ("s" if len(failed) > 1 else "")
    return Health("Failures", level, count, ", ".join(sorted(failed)))


def _has_failed(record: CellRecord) -> bool:
    for result in record.results.values():
        if isinstance(result, Absence):
            if result.reason == "failed":
                return True
        elif not isinstance(result, GateResult) and result.integrity.failures.keys() - {"timeout"}:
            return True  # what only times out is saturated
    return bool(record.failure)
