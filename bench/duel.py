"""Few proxies side by side, for whoever makes one faster: CPU per request of each, as a ratio to the first.

    python -m bench.duel sketch bare                     # how near the core comes to the ceiling
    python -m bench.duel bare@/tmp/before bare           # one change, against another checkout
    python -m bench.duel sketch bare --up 10000000 --connections 1 --window 2          # uploads of 10 MB each
    python -m bench.duel asgiproxy bare --streams 200 --every 5000                      # 40,000 SSE events/s

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
from typing import NamedTuple, TypeAlias

from bench.awake import choose_awake, keep_awake, words
from bench.environment import SUBJECTS_CORE, Pinning, choose_pinning
from bench.load import Address, Expected, request_bytes, run_closed, run_streams
from bench.record import ClosedResult, StreamsResult
from bench.scenarios import Closed, Streams
from bench.stats import compare
from bench.usage import Meter
from shared.harness.loop import loop_factory
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
    "asgiproxy": ("bench.baselines.asgiproxy:app", ""),
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


_Window: TypeAlias = ClosedResult | StreamsResult


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
    load = f"{options.streams} streams" if options.streams else f"{options.connections} connections"
    awake = choose_awake(pinning, asleep=False)
    print(f"{options.rounds} rounds of {options.turns} windows, {load}; {pinning.words}")
    print(f"{SUBJECTS_CORE} {words(awake)}")
    rounds: list[list[list[_Window]]] = []
    try:
        with keep_awake(awake if isinstance(awake, list) else []):
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
    _print(options, rounds)
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
    parser.add_argument("--streams", type=int, default=0, metavar="N", help="so many SSE streams instead")
    parser.add_argument("--every", type=int, default=20_000, metavar="US", help="from event to event of each")
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
    for option in ("connections", "every", "rounds", "turns", "window"):
        if not 0 < getattr(options, option) < math.inf:
            return f"--{option} must be more than 0"
    if min(options.up, options.chunk, options.streams) < 0:
        return "--up, --chunk and --streams must be 0 or more"
    return ""


def _round(options: argparse.Namespace, pinning: Pinning) -> list[list[_Window]]:
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
        found: list[list[_Window]] = [[] for _ in legs]
        pairs = list(zip(legs, found, strict=True))
        for turn in range(options.turns):
            for leg, windows in pairs if turn % 2 == 0 else reversed(pairs):
                meter = Meter(leg.process.pid, rig=(os.getpid(), origin.pid))
                windows.append(runner.run(_window(options, leg.address, meter)))
        return found


async def _window(options: argparse.Namespace, address: Address, meter: Meter) -> _Window:
    if options.streams:
        streams = Streams(
            id="", title="", streams=options.streams, every_us=options.every, window_s=options.window
        )
        return await run_streams(address, streams, meter=meter)
    asking = {"method": "POST", "body": pattern(options.up), "chunk": options.chunk} if options.up else {}
    closed = Closed(
        id="", title="", path=options.path, connections=options.connections, window_s=options.window
    )
    request = request_bytes(address, options.path, **asking)
    return await run_closed(address, closed, request=request, expected=_expected(options), meter=meter)


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


def _print(options: argparse.Namespace, rounds: Sequence[Sequence[Sequence[_Window]]]) -> None:
    unit = "events/s" if options.streams else "req/s"
    first_leg = options.legs[0]
    print(f"{'':32}{'µs CPU':>8}{'least':>8}{unit:>9}   work per CPU second, to {first_leg}'s")
    costs = [[_cpu_us(windows) for windows in legs_of] for legs_of in zip(*rounds, strict=True)]
    for index, name in enumerate(options.legs):
        windows = [window for legs_of in rounds for window in legs_of[index]]
        rate = statistics.median(_work(window) / window.span.seconds for window in windows)
        least = min(_cpu_us([window]) for window in windows if _work(window))
        text = f"{name:32}{statistics.median(costs[index]):8.1f}{least:8.1f}{rate:9.0f}"
        logs = [math.log(first / this) for first, this in zip(costs[0], costs[index], strict=True)]
        estimate = compare(logs) if index else None
        if estimate is not None:
            text += f"   {estimate.ratio:.3f} ({estimate.low:.3f} … {estimate.high:.3f})"
        print(text)


def _work(window: _Window) -> int:
    return window.events if isinstance(window, StreamsResult) else window.completed


def _cpu_us(windows: Sequence[_Window]) -> float:
    return 1e6 * sum(w.span.cpu_s for w in windows) / sum(map(_work, windows))


if __name__ == "__main__":
    sys.exit(main())
