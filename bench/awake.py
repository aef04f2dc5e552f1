"""A core that stays awake while cells are timed: where that can be had, and the process that does it.

A core with nothing to do halts, and is slow for a moment after it wakes; how slow is the host's affair and
changes from one minute to the next. At a few thousand events/s a subject wakes for nearly each of them. A
process that spins at SCHED_IDLE on the subject's core takes that out. Not on the rig's: whoever wakes load
engine or origin pays for it where that core is awake, which is the subject (docs/decisions/0022).
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.environment import Pinning
from bench.measured import Absence
from bench.spin import AWAKE
from shared.harness.process import Process, ProcessFailed

__all__ = ["choose_awake", "keep_awake", "quota", "share_a_core", "words"]

_ASLEEP = Absence("not-asked", "--asleep was given")


def choose_awake(pinning: Pinning, *, asleep: bool) -> list[int] | Absence:
    """Return the cores that can be kept awake here, those of the subject; or why none can be."""
    if asleep:
        return _ASLEEP
    if sys.platform != "linux":
        return Absence("unsupported", "only Linux knows SCHED_IDLE")
    if not pinning.pinned:
        return Absence("unsupported", "no core is the subject's alone")
    if share_a_core(pinning.subject | pinning.rig):
        return Absence("unsupported", "it and the rig's are threads of one, and spinning would slow the rig")
    if quota():
        return Absence("unsupported", "this system allows so much CPU time and no more, and spinning uses it")
    cpus = sorted(pinning.subject)
    try:
        with keep_awake(cpus):
            return cpus
    except ProcessFailed as failure:
        return Absence("failed", str(failure).splitlines()[-1].strip())


def words(awake: list[int] | Absence) -> str:
    """Say it for people, to be read after `bench.environment.SUBJECTS_CORE`."""
    if isinstance(awake, Absence):
        return f"may sleep: {awake.detail}"
    return "stays awake: a process spins on it at SCHED_IDLE"


@contextmanager
def keep_awake(cpus: Sequence[int]) -> Iterator[dict[int, Process]]:
    """Keep these cores awake; yield core -> the process that does. They end with this one, however it ends.

    Raises ProcessFailed where the system refuses.
    """
    with ExitStack() as stack:
        found = {
            cpu: stack.enter_context(
                Process.start(
                    [sys.executable, "-m", "bench.spin"], name=f"spinner on core {cpu}", cpus=frozenset({cpu})
                )
            )
            for cpu in cpus
        }
        for process in found.values():
            process.wait_for(lambda log: AWAKE in log or None, what="word that it spins")
        yield found


def share_a_core(cpus: Collection[int], *, system: Path = Path("/sys/devices/system/cpu")) -> bool:
    """Return whether two of them are hardware threads of one core."""
    cores = [_read(system / f"cpu{cpu}/topology/thread_siblings_list") or f"core {cpu}" for cpu in cpus]
    return len(set(cores)) < len(cores)


def quota(*, proc: Path = Path("/proc/self/cgroup"), root: Path = Path("/sys/fs/cgroup")) -> bool:
    """Return whether a group of processes that this one is in is held to so much CPU time per period (cpu.max
    of cgroups(7), cpu.cfs_quota_us before)."""
    for line in _read(proc).splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        top, file = (root / "cpu", "cpu.cfs_quota_us") if controllers else (root, "cpu.max")
        names = path.strip("/").split("/")
        groups = (top.joinpath(*names[:depth]) for depth in range(len(names) + 1))
        if any(_read(group / file).split(" ")[0] not in ("", "max", "-1") for group in groups):
            return True
    return False


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
