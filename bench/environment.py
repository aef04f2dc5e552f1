"""The machine and the software of a run, as far as they can change a figure; no path and no name of it."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import subprocess
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

import msgspec

from shared.harness.peers import PEERS
from shared.harness.process import ROOT

__all__ = ["SUBJECTS_CORE", "Pinning", "carriers", "choose_pinning", "fingerprint", "packages", "switches"]

SUBJECTS_CORE = "the subject's core"
"""What a run's environment calls it, to say how `bench.awake` left it."""

_CARRIERS = (
    "fastapi", "starlette", "litestar", "uvicorn", "hypercorn", "httptools", "h11", "uvloop", "anyio",
    "httpx", "httpcore", "httpx2", "httpcore2", "aiohttp", "asgiproxy", "fastapi-proxy-lib", "django",
    "msgspec", "prometheus-client", "pydantic", "numpy", "hdrhistogram",
)  # fmt: skip

_SWITCHES = re.compile(
    r"PYTHON_?(ASYNCIODEBUG|DEVMODE|DONTWRITEBYTECODE|GIL|JIT|MALLOC|NODEBUGRANGES|OPTIMIZE|PROFILEIMPORTTIME"
    r"|TRACEMALLOC|WARNINGS)|AIOHTTP_NO_EXTENSIONS|GLIBC_TUNABLES|LD_PRELOAD|MALLOC_.*"
)


class Pinning(msgspec.Struct, frozen=True):
    """Who runs where: empty sets mean not pinned. ``words`` is what the first screen says."""

    subject: frozenset[int]
    rig: frozenset[int]
    words: str

    @property
    def pinned(self) -> bool:
        """Whether subject and rig have a core each."""
        return bool(self.subject)


def choose_pinning() -> Pinning:
    """Return the pinning that this machine allows: the subject on its last core, the rig on its first."""
    if not hasattr(os, "sched_getaffinity"):
        return Pinning(frozenset(), frozenset(), "not pinned: this system cannot; figures are noisier")
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        return Pinning(
            frozenset(),
            frozenset(),
            "one core only: subject, load engine and origin share it, so every figure includes the rig",
        )
    try:
        os.sched_setaffinity(0, {cpus[0]})
        os.sched_setaffinity(0, cpus)
    except OSError:
        return Pinning(frozenset(), frozenset(), "not pinned: the system refused; figures are noisier")
    words = "subject alone on one core, load engine and origin on another"
    return Pinning(frozenset({cpus[-1]}), frozenset({cpus[0]}), words)


def fingerprint() -> dict[str, str]:
    """Return what to compare before comparing two runs; values are for people."""
    git = _git()
    return {
        "cpu": _cpu_model(),
        "cores": str(os.cpu_count() or 0),
        "virtual machine": "yes" if " hypervisor" in _read("/proc/cpuinfo") else "no or unknown",
        "kernel": f"{platform.system()} {_release()}",
        "governor": _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor") or "not shown",
        "clock source": _read("/sys/devices/system/clocksource/clocksource0/current_clocksource")
        or "not shown",
        "load average at start": _read("/proc/loadavg").split(" ")[0] or "not shown",
        "python": " ".join(
            (platform.python_implementation(), platform.python_version(), platform.python_compiler())
        ),
        "gil": "off" if not getattr(sys, "_is_gil_enabled", lambda: True)() else "on",
        "switches": switches(os.environ),
        "commit": git[0],
        "tree": git[1],
        "cpu time": "CPU clock of each process of the subject's tree",
    }


def switches(environment: Mapping[str, str]) -> str:
    """Return the variables that change how fast an interpreter, its allocator or an engine is, "none" for
    none: what every process here inherits from the shell. Of a path its last part."""
    told = (
        f"{name}={value.rpartition('/')[2]}"
        for name, value in sorted(environment.items())
        if _SWITCHES.fullmatch(name) and value
    )
    return ", ".join(told) or "none"


def packages() -> dict[str, str]:
    """Return the version of every package that is installed, and of the peers that are."""
    found = {one.name.lower().replace("_", "-"): one.version for one in metadata.distributions()}
    peers = {name: version for name, peer in PEERS.items() if (version := peer.version())}
    return dict(sorted((found | peers).items()))


def carriers() -> dict[str, str]:
    """Return the versions of the packages that carry a request or a figure; "none" where one is missing.

    When one of these has changed, a report's figures are no longer those of what is installed.
    """
    installed = packages()
    return {name: installed.get(name, "none") for name in _CARRIERS}


def _cpu_model() -> str:
    for line in _read("/proc/cpuinfo").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _release() -> str:
    # what follows the number is whoever built it
    number = re.match(r"[\d.]+", platform.release())
    return number[0] if number else platform.release()


def _git() -> tuple[str, str]:
    def ask(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, check=True, timeout=10)
        return done.stdout.decode(errors="replace").strip()

    try:
        commit, changed = ask("rev-parse", "--short=12", "HEAD"), ask("status", "--porcelain")
        # which change it is, so that a run is never resumed on another
        digest = hashlib.sha256((changed + ask("diff", "HEAD")).encode()).hexdigest()[:12] if changed else ""
    except (OSError, subprocess.SubprocessError):
        return "not a git checkout", "unknown"
    return commit, f"changed since the commit ({digest})" if changed else "as committed"


def _read(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""
