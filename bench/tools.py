"""wrk and hey, where they are installed: load generators that share no line with our engine.

Each is one door: how it is called for one closed-loop window, and what its output says.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from typing import NamedTuple

__all__ = ["TOOLS", "Tool", "installed"]

_HEADERS = ("User-Agent: tandem-bench", "Accept: */*")  # as our engine sends


class Tool(NamedTuple):
    """``argv``: of (URL, connections, seconds). ``read``: requests/s from its output; raises ValueError, one
    line, when a single request was not answered 200, or when it says no rate."""

    argv: Callable[[str, int, int], list[str]]
    read: Callable[[str], float]
    version: Callable[[], str]


def installed() -> dict[str, str]:
    """Return the version of each; empty for one that is not installed."""
    return {name: tool.version() if shutil.which(name) else "" for name, tool in TOOLS.items()}


def _wrk(url: str, connections: int, seconds: int) -> list[str]:
    fields = [part for header in _HEADERS for part in ("-H", header)]
    return ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", *fields, url]


def _read_wrk(output: str) -> float:
    for wrong in (r"Socket errors: .*[1-9].*", r"Non-2xx or 3xx responses: .*"):
        if found := re.search(wrong, output):
            raise ValueError(found[0])
    return _rate(output)


def _wrk_version() -> str:
    # it tells its version with its usage, and that with status 1
    told = subprocess.run(["wrk", "-v"], capture_output=True, text=True, check=False, timeout=10)
    found = re.match(r"wrk (\S+)", told.stdout + told.stderr)
    return found[1].removeprefix("debian/") if found else "of no told version"


def _hey(url: str, connections: int, seconds: int) -> list[str]:
    fields = [part for header in _HEADERS for part in ("-H", header)]
    # one core of its own runtime: it is pinned to one, and more threads would only queue there
    return [
        "hey",
        "-z",
        f"{seconds}s",
        "-c",
        str(connections),
        "-cpus",
        "1",
        "-disable-compression",
        *fields,
        url,
    ]


def _read_hey(output: str) -> float:
    if errors := re.search(r"Error distribution:\s*(\S.*)", output):
        raise ValueError(errors[1].strip())
    statuses = set(re.findall(r"^\s*\[(\d+)\]\s+\d+ responses", output, re.MULTILINE))
    if statuses != {"200"}:
        raise ValueError(f"answered with status {', '.join(sorted(statuses)) or 'none'}")
    return _rate(output)


def _rate(output: str) -> float:
    found = re.search(r"Requests/sec:\s+([\d.]+)", output)
    if not found:
        raise ValueError("it says no rate")
    return float(found[1])


TOOLS: dict[str, Tool] = {
    "wrk": Tool(_wrk, _read_wrk, _wrk_version),
    "hey": Tool(_hey, _read_hey, lambda: "of no told version"),
}
