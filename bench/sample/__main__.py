"""`python -m bench.sample [RUN]` keeps a run as the sample, where one is named, and fills the papers from it;
`--check` compares."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bench.record import Run
from bench.report.view import view
from bench.sample.keep import SAMPLE, keep
from bench.sample.pages import written
from bench.stored import PACKED
from shared.harness.process import ROOT

__all__ = ["main"]

_COMMAND = ".venv/bin/python -m bench.sample"


def main(arguments: list[str] | None = None) -> int:
    """Write, or say what is stale; return the exit status (0 done, 1 stale, 2 refused)."""
    parser = argparse.ArgumentParser(prog="python -m bench.sample", description=__doc__)
    parser.add_argument("run", nargs="?", help="a folder of bench/results; without one the sample stays")
    parser.add_argument("--check", action="store_true", help="write nothing, say what is stale")
    options = parser.parse_args(arguments)
    if options.run and options.check:
        parser.error("a run to keep, or --check, not both")
    try:
        if options.run:
            keep(_folder(options.run))
            for path in sorted(SAMPLE.iterdir()):
                print(f"{path.relative_to(ROOT)}, {path.stat().st_size / 1e6:.1f} MB")
        pages = written(view(Run.read(SAMPLE / PACKED)))
    except (ValueError, OSError) as refusal:
        print(f"bench.sample: {refusal}", file=sys.stderr)
        return 2
    stale = [path for path, text in pages.items() if _now(ROOT / path) != text]
    if options.check:
        for path in stale:
            print(f"{path} is stale: `{_COMMAND}` makes it anew")
        return 1 if stale else 0
    for path in stale:
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / path).write_text(pages[path], encoding="utf-8")
        print(path)
    return 0


def _folder(name: str) -> Path:
    return Path(name) if Path(name).is_dir() else SAMPLE.parent / name


def _now(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


if __name__ == "__main__":
    sys.exit(main())
