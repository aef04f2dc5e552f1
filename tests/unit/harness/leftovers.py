"""Tells whether processes are really gone, for tests about ending them."""

from __future__ import annotations

import time
from pathlib import Path

__all__ = ["group_members", "wait_until_gone"]

_DEADLINE_S = 30.0


def wait_until_gone(pid: int) -> None:
    """Return once the process has ended. A zombie counts as ended: in a container nobody may ever reap it."""
    deadline = time.monotonic() + _DEADLINE_S
    while _state(Path(f"/proc/{pid}")) not in ("gone", "Z"):
        assert time.monotonic() < deadline, f"process {pid} still runs"
        time.sleep(0.01)


def group_members(group: int) -> list[int]:
    """The processes of a process group that still run."""
    return [
        int(path.name)
        for path in Path("/proc").glob("[0-9]*")
        if _state(path) not in ("gone", "Z") and _stat(path)[2:3] == [str(group)]
    ]


def _state(path: Path) -> str:
    return (_stat(path) or ["gone"])[0]


def _stat(path: Path) -> list[str]:
    try:
        # proc(5): the name in parentheses may hold anything, the fields after it are state, parent, group, …
        return (path / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
