"""CPU and memory of a process tree, read from outside of it.

CPU time is read from each process's CPU clock (clock_getcpuclockid(3)): the same counter of the scheduler
that /proc/<pid>/task/*/schedstat prints, but up to date at the moment of reading (schedstat lags a running
thread by up to a tick: 4 ms were measured, 1 % of a short window) and counting threads that have ended.
schedstat supplies what no clock does: how long the tree waited for a core. Memory is from smaps_rollup.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated

import msgspec

__all__ = ["Memory", "Meter", "Span", "Usage", "descriptors", "memory", "peak_kib", "span", "tree"]

_CPUCLOCK_SCHED = 2  # kernel: include/linux/posix-timers_types.h
_TICKS_PER_S = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


class Spun(msgspec.Struct, frozen=True):
    """Of a core that is kept awake: the CPU time of what does that, and what the host has stolen from it."""

    cpu_ns: int
    steal_s: float


class Usage(msgspec.Struct, frozen=True):
    """Counters at one moment; meaningful as a difference of two. None: the system does not tell."""

    at_ns: int
    cpu_ns: int
    wait_ns: int | None
    rig_cpu_ns: int | None
    steal_s: float | None
    spun: tuple[Spun, ...] = ()


class Span(msgspec.Struct, frozen=True):
    """What was used between two moments. ``cpu_s`` and ``wait_s`` are the subject's tree; ``rig_busy`` is
    the load engine's and origin's CPU over the elapsed time (1.0 = one core full). ``steal_s``: of it what
    fell on other times than those when a core was merely kept awake. None: the system does not tell, as macOS
    does not."""

    seconds: Annotated[float, msgspec.Meta(ge=0)]
    cpu_s: float
    wait_s: float | None
    rig_busy: float | None
    steal_s: float | None


class Memory(msgspec.Struct, frozen=True):
    """KiB of a process tree: resident, and private to it (what its end would free)."""

    rss_kib: int
    private_kib: int


class Meter:
    """Reads a subject's tree (``pid``; None: nothing is in between) and the rig's own processes.
    ``spinners``: core -> the process that keeps it awake, which is in no figure (`bench.awake`)."""

    def __init__(
        self, pid: int | None, *, rig: tuple[int, ...], spinners: Mapping[int, int] | None = None
    ) -> None:
        self.pid = pid
        self._rig = rig
        self._spinners = spinners or {}

    def read(self) -> Usage:
        """Read all counters now."""
        pids = tree(self.pid) if self.pid is not None else ()
        return Usage(
            at_ns=time.monotonic_ns(),
            cpu_ns=sum(used or 0 for used in map(_cpu_ns, pids)),
            wait_ns=_wait_ns(pids),
            rig_cpu_ns=_sum(map(_cpu_ns, self._rig)),
            steal_s=_steal_s("cpu"),
            spun=tuple(
                Spun(_cpu_ns(pid) or 0, _steal_s(f"cpu{core}") or 0.0) for core, pid in self._spinners.items()
            ),
        )


def span(before: Usage, after: Usage) -> Span:
    """Return what was used from ``before`` to ``after``."""
    seconds = (after.at_ns - before.at_ns) / 1e9
    waited_ns = _less(after.wait_ns, before.wait_ns)
    busy_ns = _less(after.rig_cpu_ns, before.rig_cpu_ns)
    return Span(
        seconds=seconds,
        cpu_s=(after.cpu_ns - before.cpu_ns) / 1e9,
        wait_s=None if waited_ns is None else waited_ns / 1e9,
        rig_busy=None if busy_ns is None else busy_ns / 1e9 / seconds,
        steal_s=_stolen_s(before, after),
    )


def _stolen_s(before: Usage, after: Usage) -> float | None:
    """A core that is kept awake is never idle, and the host may take any of its time: what it took there is
    shared out by who had the core how long."""
    stolen_s = _less(after.steal_s, before.steal_s)
    if stolen_s is None:
        return None
    elapsed_ns = after.at_ns - before.at_ns
    return stolen_s - sum(
        (late.steal_s - early.steal_s) * min(1.0, (late.cpu_ns - early.cpu_ns) / elapsed_ns)
        for early, late in zip(before.spun, after.spun, strict=True)
    )


def _less(after: float | None, before: float | None) -> float | None:
    return None if after is None or before is None else after - before


def _sum(values: Iterable[int | None]) -> int | None:
    known = list(values)
    return None if None in known else sum(value or 0 for value in known)


def tree(pid: int) -> tuple[int, ...]:
    """Return ``pid`` and its descendants that live now."""
    found = [pid]
    for parent in found:  # grows while it is walked
        for children in Path(f"/proc/{parent}/task").glob("*/children"):
            found += map(int, _read(children).split())
    return tuple(found)


def memory(pid: int) -> Memory | None:
    """Return the tree's memory; None where the system has no smaps_rollup."""
    rss = private = 0
    for member in tree(pid):
        text = _read(Path(f"/proc/{member}/smaps_rollup"))
        if not text and member == pid:
            return None
        for line in text.splitlines():
            name, _, value = line.partition(":")
            if name == "Rss":
                rss += int(value.split()[0])
            elif name in ("Private_Clean", "Private_Dirty"):
                private += int(value.split()[0])
    return Memory(rss_kib=rss, private_kib=private)


def peak_kib(pid: int) -> int | None:
    """Return the most that each process of the tree ever had resident (VmHWM), summed: of one process its
    peak, of several no less than theirs. None where the system does not tell."""
    lines = [line for member in tree(pid) for line in _read(Path(f"/proc/{member}/status")).splitlines()]
    peaks = [int(line.split()[1]) for line in lines if line.startswith("VmHWM:")]
    return sum(peaks) if peaks else None


def descriptors(pid: int) -> int | None:
    """Return how many descriptors the tree holds; None where the system does not show it."""
    try:
        return sum(len(os.listdir(f"/proc/{member}/fd")) for member in tree(pid))
    except OSError:
        return None


def _cpu_ns(pid: int) -> int | None:
    if pid == os.getpid():
        return time.process_time_ns()
    if sys.platform != "linux":
        return None
    try:
        return time.clock_gettime_ns((~pid << 3) | _CPUCLOCK_SCHED)
    except OSError:  # it has ended; the load engine sees that by itself
        return 0


def _wait_ns(pids: tuple[int, ...]) -> int | None:
    waited = [
        int(fields[1])
        for pid in pids
        for path in Path(f"/proc/{pid}/task").glob("*/schedstat")
        if len(fields := _read(path).split()) == 3
    ]
    return sum(waited) if waited else None


def _steal_s(name: str) -> float | None:
    for line in _read(Path("/proc/stat")).splitlines():
        fields = line.split()
        if fields[0] == name and len(fields) > 8:
            return int(fields[8]) / _TICKS_PER_S
    return None


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
