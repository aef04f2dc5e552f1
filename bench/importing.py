"""How long a process took to import its app, told by itself: no other process is begun for it."""

from __future__ import annotations

import os
import re
from pathlib import Path

from bench.hook.sitecustomize import VARIABLE
from bench.record import CellSpec

__all__ = ["environment", "import_s"]

_HOOK = Path(__file__).with_name("hook")


def environment(cell: CellSpec) -> dict[str, str]:
    """Return what a cell's process is given so that it tells; nothing for what imports no app of ours."""
    if not cell.profile:
        return {}
    path = filter(None, [str(_HOOK), os.environ.get("PYTHONPATH")])
    return {VARIABLE: cell.app.partition(":")[0], "PYTHONPATH": os.pathsep.join(path)}


def import_s(log: str) -> float | None:
    """Return what a process has told of its import; None where it has told nothing."""
    found = re.search(r"^bench: \S+ imported in ([\d.]+) s$", log, re.MULTILINE)
    return float(found[1]) if found else None
