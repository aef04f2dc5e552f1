"""python -m bench run | check | report: the benchmark's command line."""

from __future__ import annotations

import sys

from bench.command import main

__all__: list[str] = []

if __name__ == "__main__":
    sys.exit(main())
