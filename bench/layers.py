"""Where the CPU of a proxy goes, per layer: collapsed stacks in, percentages out.

    python -m bench.duel bare --rounds 1 --turns 1 --window 20      # names the process to look at, under load
    py-spy record --native -r 500 -d 8 -f raw -o stacks.txt -p PID
    python -m bench.layers stacks.txt

A sample counts for the innermost frame that belongs to a layer: what a layer calls in the interpreter, the
loop or the kernel is its own cost. The log's writing thread counts while it does not wait.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

__all__ = ["by_layer", "main"]

# The first row with a part of the file's path decides.
_LAYERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("engine", ("shared/upstream/",)),
    ("log, metrics", ("shared/observe.py", "shared/accesslog.py", "prometheus_client/")),
    ("core", ("shared/",)),
    ("server", ("uvicorn/", "hypercorn/")),
    ("framework", ("fastapi/", "starlette/", "litestar/", "_app/", "contextlib.py", "bench/baselines/")),
)
# For work, or with --native for the interpreter's lock.
_WAITS = ("wait (threading.py", "pthread_cond_")


def by_layer(stacks: Iterable[str]) -> Counter[str]:
    """Samples per layer, of lines `outermost;…;innermost count` in which a frame is `name (path:line)`."""
    found: Counter[str] = Counter()
    for line in stacks:
        stack, _, count = line.rpartition(" ")
        frames = stack.split(";")
        if not any(wait in frame for frame in frames for wait in _WAITS):
            found[next(filter(None, map(_layer, reversed(frames))), "loop")] += int(count)
    return found


def _layer(frame: str) -> str | None:
    return next((layer for layer, parts in _LAYERS if any(part in frame for part in parts)), None)


def main(arguments: list[str]) -> int:
    """One line per file."""
    for name in arguments:
        found = by_layer(Path(name).read_text("utf-8").splitlines())
        shares = (f"{layer} {count / found.total():.0%}" for layer, count in found.most_common())
        print(f"{name}: {', '.join(shares)} of {found.total()} samples")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
