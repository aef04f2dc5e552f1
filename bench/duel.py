"""Few proxies side by side, for whoever makes one faster: CPU per request of each, as a ratio to the first.

    python -m bench.duel sketch bare                     # how near the core comes to the ceiling
    python -m bench.duel bare@/tmp/before bare           # one change, against another checkout
    python -m bench.duel sketch bare --up 10000000 --connections 1 --window 2          # uploads of 10 MB each

All legs stand beside each other on the subject's core, fresh in each round, and are driven in short windows
by turns (A B C, C B A, …): what else the machine does meets all of them. CPU is the process tree's own, so a
core that others use as well slows requests/s down and moves CPU less (through its caches; `least` is the best
window, the quietest moment). The unit of the interval is the round.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import os
import signal
import statistics
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from bench.environment import Pinning, choose_pinning
from bench.load import Address, Expected, request_bytes, run_closed
from bench.record import ClosedResult
from bench.scenarios import Closed
from bench.stats import compare
from bench.usage import Meter
from shared.harness.origin.fast import loop_factory
from shared.harness.origin.payload import JSON_BODY, pattern
from shared.harness.process import ROOT, Process, ProcessFailed
from shared.harness.servers import PROFILES, command, port
from shared.variables import ENGINES

__all__ = ["LEGS", "main"]

_ROUTES = ("mount", "handler")
LEGS: dict[str, tuple[str, str]] = {
    "static": ("bench.baselines.static:app", ""),
    "sketch": ("bench.baselines.sketch:app", ""),
    "bare": ("bench.baselines.bare:app", ""),
    **{
        f"{app}-{route}": (f"{app}_app.app:app", route)
        for app in ("fastapi", "litestar")
        for route in _ROUTES
    },
    **{
        f"sketch-{app}-{route}": (f"bench.baselines.sketch_{app}:app", route)
        for app in ("fastapi", "litestar")
        for route in _ROUTES
    },
}
"""Name -> what the server imports, and TANDEM_ROUTE."""


class _Leg(NamedTuple):
    process: Process
    address: Address


def main(arguments: list[str] | None = None) -> int:
    """Run the duel and print it; the exit status: 1 when a response was wrong, 2 refused."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if refusal := _refusal(options):
        parser.error(refusal)
    pinning = choose_pinning()
    shape = f"{options.rounds} rounds of {options.turns} windows, {options.connections} connections"
    print(f"{shape}; {pinning.words}")
    rounds: list[list[list[ClosedResult]]] = []
    try:
        for _ in range(options.rounds):
            rounds.append(_round(options, pinning))
            if sys.stderr.isatty():
                print(f"\rround {len(rounds)}", end="\r", file=sys.stderr)
    except ProcessFailed as failure:
        print(f"duel: {failure}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    wrong = [w.integrity.first for legs in rounds for leg in legs for w in leg if w.integrity.failures]
    if wrong:
        print(f"wrong: {wrong[0]}", file=sys.stderr)
        return 1
    _print(options.legs, rounds)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.duel", description=__doc__.split("\n")[0])
    parser.add_argument("legs", nargs="+", metavar="LEG[@CHECKOUT]", help=", ".join(LEGS))
    parser.add_argument("--engine", default=ENGINES[0], choices=ENGINES)
    parser.add_argument("--profile", default="uvicorn-httptools", choices=tuple(PROFILES))
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--path", default="/json", help="of the fast origin: /json or /bytes/<n>")
    parser.add_argument("--up", type=int, default=0, metavar="BYTES", help="POST a body of so many instead")
    parser.add_argument("--chunk", type=int, default=0, metavar="BYTES", help="which comes in such chunks")
    parser.add_argument("--rounds", type=int, default=5, help="each with fresh processes")
    parser.add_argument("--turns", type=int, default=4, help="windows of each leg in a round")
    parser.add_argument("--window", type=float, default=0.5, metavar="S")
    return parser


def _refusal(options: argparse.Namespace) -> str:
    """What cannot be had, in one line; nothing when all can."""
    for leg in options.legs:
        name, _, checkout = leg.partition("@")
        if name not in LEGS:
            return f"there is no leg {name!r}: {', '.join(LEGS)}"
        if checkout and not Path(checkout).is_dir():  # the server would take this tree in its place
            return f"{leg}: {checkout} is no folder"
    for option in ("connections", "rounds", "turns", "window"):
        if not 0 < getattr(options, option) < math.inf:
            return f"--{option} must be more than 0"
    if min(options.up, options.chunk) < 0:
        return "--up and --chunk must be 0 or more"
    return ""


def _round(options: argparse.Namespace, pinning: Pinning) -> list[list[ClosedResult]]:
    """One round: windows of each leg, in the order of options.legs."""
    with ExitStack() as stack:
        origin = stack.enter_context(
            _start([sys.executable, "-m", "shared.harness.origin.fast"], pinning.rig)
        )
        bound = origin.wait_for(lambda log: int(log.split(":")[-1]) if "\n" in log else None, what="address")
        legs = [_leg(stack, name, f"http://127.0.0.1:{bound}", options, pinning) for name in options.legs]
        if pinning.pinned:
            stack.callback(os.sched_setaffinity, 0, os.sched_getaffinity(0))
            os.sched_setaffinity(0, pinning.rig)
        runner = stack.enter_context(asyncio.Runner(loop_factory=loop_factory()))
        scenario = Closed(
            id="", title="", path=options.path, connections=options.connections, window_s=options.window
        )
        asking = {"method": "POST", "body": pattern(options.up), "chunk": options.chunk} if options.up else {}
        found: list[list[ClosedResult]] = [[] for _ in legs]
        pairs = list(zip(legs, found, strict=True))
        for turn in range(options.turns):
            for leg, windows in pairs if turn % 2 == 0 else reversed(pairs):
                meter = Meter(leg.process.pid, rig=(os.getpid(), origin.pid))
                request = request_bytes(leg.address, options.path, **asking)
                window = run_closed(
                    leg.address, scenario, request=request, expected=_expected(options), meter=meter
                )
                windows.append(runner.run(window))
        return found


def _leg(stack: ExitStack, leg: str, upstream: str, options: argparse.Namespace, pinning: Pinning) -> _Leg:
    name, _, checkout = leg.partition("@")
    app, route = LEGS[name]
    argv = command(app, profile=options.profile, host="127.0.0.1")
    env = {
        "TANDEM_UPSTREAM_URL": upstream,
        "TANDEM_ENGINE": options.engine,
        "TANDEM_ROUTE": route or "handler",
        "TANDEM_MAX_CONNECTIONS": "1000",
        "TANDEM_DRAIN_TIMEOUT": "1",
    }
    folder = Path(checkout).resolve() if checkout else ROOT
    process = stack.enter_context(_start(argv, pinning.subject, env, folder))
    bound = process.wait_for(lambda log: port(options.profile, log), what="listening address")
    if len(options.legs) == 1:
        print(f"{leg} is process {process.pid}", file=sys.stderr)  # for a profiler
    return _Leg(process, Address("127.0.0.1", bound))


def _start(
    argv: Sequence[str], cpus: frozenset[int], env: dict[str, str] | None = None, folder: Path = ROOT
) -> Process:
    return Process.start(argv, name=argv[2], env=env, cpus=cpus or None, folder=folder)


def _expected(options: argparse.Namespace) -> Expected:
    if options.up:
        return Expected(200, b'{"bytes":%d}' % options.up)
    size = options.path.removeprefix("/bytes/")
    return Expected(200, pattern(int(size)) if size != options.path else JSON_BODY)


def _print(legs: Sequence[str], rounds: Sequence[Sequence[Sequence[ClosedResult]]]) -> None:
    print(f"{'':32}{'µs CPU':>8}{'least':>8}{'req/s':>9}   work per CPU second, to {legs[0]}'s")
    costs = [[_cpu_us(windows) for windows in legs_of] for legs_of in zip(*rounds, strict=True)]
    for index, name in enumerate(legs):
        windows = [window for legs_of in rounds for window in legs_of[index]]
        rate = statistics.median(window.completed / window.span.seconds for window in windows)
        least = min(_cpu_us([window]) for window in windows if window.completed)
        text = f"{name:32}{statistics.median(costs[index]):8.1f}{least:8.1f}{rate:9.0f}"
        logs = [math.log(first / this) for first, this in zip(costs[0], costs[index], strict=True)]
        estimate = compare(logs) if index else None
        if estimate is not None:
            text += f"   {estimate.ratio:.3f} ({estimate.low:.3f} … {estimate.high:.3f})"
        print(text)


def _cpu_us(windows: Sequence[ClosedResult]) -> float:
    return 1e6 * sum(w.span.cpu_s for w in windows) / sum(w.completed for w in windows)


if __name__ == "__main__":
    sys.exit(main())
