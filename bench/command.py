"""The commands: each says in one line what it cannot do, and ends with a status that tells."""

from __future__ import annotations

import argparse
import sys

from rich.console import Console

from bench import folders
from bench.begin import INTERRUPTED, begin, write_report
from bench.cells import FACTORS
from bench.health import health, verdict_of
from bench.plan import LEAST_BLOCKS
from bench.report import show_comparison

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return its exit status (0 done, 1 bad result, 2 refused, 130 interrupted)."""
    options = _parser().parse_args(arguments)
    console = Console(highlight=False, markup=False)  # labels are other people's, brackets and all
    try:
        if options.command == "run":
            return begin(options, console)
        if options.command == "check":
            return _check(options, console)
        if options.command == "compare":
            return _compare(options, console)
        return _report(options, console)
    except ValueError as refusal:  # its message is the one line to print
        print(f"bench: {refusal}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Which framework, server and client; how sure."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="measure, then report (about four minutes)")
    run.add_argument("--quick", action="store_true", help="the plan of about four minutes: the usual one")
    run.add_argument(
        "--full", action="store_true", help="every factor and scenario: about half an hour, can be resumed"
    )
    run.add_argument(
        "--resume",
        nargs="?",
        const="",
        metavar="RUN",
        help="go on with a run that was cut off (default: the newest)",
    )
    run.add_argument(
        "--scenario",
        action="append",
        default=[],
        metavar="S",
        help="only this one (repeat for more; S3-idle-* for several)",
    )
    run.add_argument(
        "--subject", action="append", default=[], metavar="PART", help="only cells whose id holds PART"
    )
    run.add_argument(
        "--factor",
        action="append",
        default=[],
        metavar="NAME[=LEVEL,...]",
        help=f"cells that vary in {', '.join(FACTORS)}, all else held (repeat for more)",
    )
    run.add_argument(
        "--add",
        action="append",
        default=[],
        metavar="FILE",
        help="an app of your own, from a few lines of TOML: docs/benchmark.md (repeat for more)",
    )
    run.add_argument("--blocks", type=int, default=LEAST_BLOCKS, help=f"at least 3, default {LEAST_BLOCKS}")
    run.add_argument("--seed", type=int, help="of all orders and schedules; default: a new one, printed")
    run.add_argument(
        "--budget", type=float, metavar="S", help="seconds; 0: no limit; default 270, with --full 1800"
    )
    run.add_argument("--asleep", action="store_true", help="let idle cores sleep: do not keep them awake")
    run.add_argument(
        "--list",
        action="store_true",
        help="show cells and scenarios, or what the other options ask for; run nothing",
    )
    check = commands.add_parser("check", help="say whether a run's figures can be trusted")
    report = commands.add_parser("report", help="make its report again")
    for command in (check, report):
        command.add_argument("run", nargs="?", help="a folder of bench/results (default: the newest)")
    report.add_argument("--all", action="store_true", help="print every table, cell and reason, too")
    compare = commands.add_parser("compare", help="two runs side by side; 1 where they disagree")
    compare.add_argument("one", help="a folder of bench/results")
    compare.add_argument("other", help="another")
    return parser


def _check(options: argparse.Namespace, console: Console) -> int:
    found = health(folders.read(options.run))
    for one in found:
        console.print(f"{one.level:9} {one.name:18} {one.value:20} {one.meaning}", soft_wrap=True)
    return 1 if verdict_of(found) == "bad" else 0


def _compare(options: argparse.Namespace, console: Console) -> int:
    one, other = map(folders.read, (options.one, options.other))
    return 0 if show_comparison(one, other, console) else 1


def _report(options: argparse.Namespace, console: Console) -> int:
    write_report(folders.find(options.run), console, whole=options.all)
    return 0
