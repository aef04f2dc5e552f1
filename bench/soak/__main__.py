"""python -m bench.soak: the command line."""

from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import signal
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
from rich.console import Console

from bench.cells import choose
from bench.record import CellSpec
from bench.soak.report import faults, progress, show
from bench.soak.run import PLACES, Plan, RigFault, Soaked, soak
from shared.harness.loop import loop_factory
from shared.harness.process import ROOT, ProcessFailed

__all__ = ["main"]

_USUAL = (
    "fastapi-handler-uvicorn-httptools-wire",
    "litestar-mount-uvicorn-httptools-wire",
    "fastapi-mount-hypercorn-h1-wire",
    "litestar-handler-hypercorn-h1-wire",
)
RESULTS = ROOT / "bench" / "results"
_LINES = 20  # of progress, where there is no terminal
_INTERRUPTED = 128 + signal.SIGINT


def main(arguments: Sequence[str] | None = None) -> int:
    """Soak; the exit status: 0 well, 1 a fault, 2 refused, 3 growth undecided, 130 stopped, nothing wrong."""
    options = _parser().parse_args(arguments)
    console = Console(highlight=False)
    try:
        cells = [_app(name) for name in options.app] + choose(options.subject)
    except ValueError as refusal:
        print(f"soak: {refusal}", file=sys.stderr)
        return 2
    if not 0 < options.clients < PLACES:
        print(
            f"soak: --clients must be from 1 to {PLACES - 1}, fewer than a pool has places", file=sys.stderr
        )
        return 2
    for option in ("seconds", "rate"):
        if not 0 < getattr(options, option) < float("inf"):
            print(f"soak: --{option} must be more than 0", file=sys.stderr)
            return 2
    seed = secrets.randbelow(1_000_000) if options.seed is None else options.seed
    plan = Plan(cells or choose(_USUAL), options.seconds, options.clients, options.rate, seed)
    console.print(
        f"[bold]Soak[/] · {len(plan.cells)} subjects · {plan.seconds:g} s · seed {seed} · "
        "Ctrl-C tells what is known"
    )
    began = time.monotonic()
    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            subjects, stopped = runner.run(_run(plan, console))
    except (ProcessFailed, RigFault) as failure:
        print(f"soak: {failure}", file=sys.stderr)
        return 2
    status = show(subjects, time.monotonic() - began, console)
    _write(plan, subjects, console)
    return _INTERRUPTED if stopped and status != 1 else status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.soak", description="Mixed traffic with faults and leavers."
    )
    parser.add_argument("--seconds", type=float, default=1800.0)
    parser.add_argument(
        "--subject",
        action="append",
        default=[],
        metavar="PART",
        help="as of python -m bench run (repeat for more)",
    )
    parser.add_argument(
        "--app", action="append", default=[], metavar="MODULE:NAME", help="any ASGI proxy, on uvicorn"
    )
    parser.add_argument("--clients", type=int, default=8, help="of each subject")
    parser.add_argument(
        "--rate", type=float, default=25.0, help="exchanges per second that each subject is asked for"
    )
    parser.add_argument("--seed", type=int, help="of what is asked; default: a new one, printed")
    return parser


def _app(name: str) -> CellSpec:
    return CellSpec(
        id=name.replace(":", "-"),
        label=name,
        group="baseline",
        app=name,
        profile="uvicorn-httptools",
        engine="wire",
    )


async def _run(plan: Plan, console: Console) -> tuple[list[Soaked], bool]:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    told_at = 0.0

    def tell(at_s: float, subjects: Sequence[Soaked]) -> None:
        nonlocal told_at
        text = progress(plan.seconds - at_s, subjects)
        if console.is_terminal:
            console.print(f"\r\x1b[K{text}", end="", markup=False, soft_wrap=True)
        elif at_s >= told_at:
            told_at += plan.seconds / _LINES
            console.print(text, markup=False, soft_wrap=True)

    subjects = await soak(plan, stop, tell)
    if console.is_terminal:
        console.print("\r\x1b[K", end="")
    return subjects, stop.is_set()


def _write(plan: Plan, subjects: Sequence[Soaked], console: Console) -> None:
    """Leave the plan, every sample and what was found beside the benchmark's runs."""
    folder = RESULTS / f"soak-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    folder.mkdir(parents=True)
    lines: list[object] = [plan]
    for one in subjects:
        lines += one.samples
        end = {"subject": one.cell.id, "ending": one.ending, "faults": faults(one)}
        lines.append(end | {"outcomes": one.tally.outcomes, "kinds": one.tally.kinds})
    (folder / "samples.jsonl").write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
    console.print(f"[dim]{os.path.relpath(folder / 'samples.jsonl')}[/]")


if __name__ == "__main__":
    sys.exit(main())
