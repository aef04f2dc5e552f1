"""Descriptors and memory of a subject, read from outside of it while it works."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from statistics import median

import msgspec

from bench.soak.judge import Growth, growth
from bench.usage import memory, tree

__all__ = ["Sample", "grown", "sample"]

# Connections come and go, so their number varies by about its root: twice that is chance, and six at least.
_DESCRIPTORS, _ROOTS = 6.0, 2.0
_MEMORY_KIB, _MEMORY_SHARE = 4096.0, 0.05  # what a heap may gain by settling
# hypercorn keeps the socket of a client that has left as long as that of an idle one: 75 s in hypercorn.toml
_KEEPS_SOCKETS_S = 100.0


class Sample(msgspec.Struct, frozen=True, tag="sample"):
    """One reading: seconds since the beginning, exchanges so far, and what the process tree holds."""

    subject: str
    at_s: float
    exchanges: int
    descriptors: int
    private_kib: int
    upstream: int


def sample(subject: str, pid: int, *, at_s: float, exchanges: int, upstream: int) -> Sample | None:
    """Read now; None when the process has ended."""
    held = memory(pid)
    try:
        descriptors = sum(len(os.listdir(f"/proc/{member}/fd")) for member in tree(pid))
    except OSError:
        return None
    if held is None:
        return None
    return Sample(subject, at_s, exchanges, descriptors, held.private_kib, upstream)


def grown(samples: Sequence[Sample], profile: str) -> tuple[Growth | None, Growth | None]:
    """Return how much descriptors, and memory in KiB, have grown; None with too few samples.

    Descriptors are judged beside the connections to the origin, which the pool is free to keep or not.
    """
    settle_s = _KEEPS_SOCKETS_S if profile.startswith("hypercorn") else 0.0
    times = [one.at_s for one in samples]
    own = [float(one.descriptors - one.upstream) for one in samples]
    kib = [float(one.private_kib) for one in samples]
    least, usual = min(kib, default=0.0), max(median(own), 0.0) if own else 0.0
    return (
        growth(times, own, allowed=max(_DESCRIPTORS, _ROOTS * math.sqrt(usual)), settle_s=settle_s),
        growth(times, kib, allowed=max(_MEMORY_KIB, _MEMORY_SHARE * least), settle_s=settle_s),
    )
