"""The commands: each says in one line what it cannot do, and ends with a status that tells."""

from __future__ import annotations

import argparse
import os
import secrets
import shlex
import signal
import sys
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path

from rich.console import Console

from bench.cells import EXTRA, FACTORS, QUICK_CELLS, choose, direct, vary
from bench.check import health, verdict_of
from bench.environment import carriers, choose_pinning, fingerprint, packages
from bench.own import cell_of, own_scores
from bench.plan import LEAST_BLOCKS, cell_seconds, fit
from bench.progress import Bar
from bench.record import SCHEMA, CellSpec, Dropped, Run, RunRecord
from bench.report import show_comparison, write_html, write_terminal
from bench.run import SETTINGS, START_STOP_S, run_plan
from bench.scenarios import MORE, QUICK, Gate, Scenario, settings
from bench.score import scores
from bench.start import lacks
from bench.stored import RECORDS, records_in
from shared.harness.process import ROOT

__all__ = ["main"]

_RESULTS = ROOT / "bench" / "results"
_QUICK_BUDGET_S = 270.0
_TOLERANCE = 1.15  # of the budget: the estimate is made before anything has run
_INTERRUPTED = 128 + signal.SIGINT


class _Refused(Exception):
    """A wish that cannot be met; the message is the one line to print."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return its exit status (0 done, 1 bad result, 2 refused, 130 interrupted)."""
    options = _parser().parse_args(arguments)
    console = Console(highlight=False)
    try:
        if options.command == "run":
            return _run(options, console)
        if options.command == "check":
            return _check(options, console)
        if options.command == "compare":
            return _compare(options, console)
        return _report(options, console)
    except (_Refused, ValueError) as refusal:
        print(f"bench: {refusal}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return _INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Which framework, server and client; how sure."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="measure, then report (about four minutes)")
    run.add_argument(
        "--quick", action="store_true", help="the plan of about four minutes; so far the only one"
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
        "--budget", type=float, default=_QUICK_BUDGET_S, metavar="S", help="seconds; 0: no limit"
    )
    run.add_argument("--list", action="store_true", help="show cells and scenarios, run nothing")
    for name, text in (
        ("check", "say whether a run's figures can be trusted"),
        ("report", "make its report again"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("run", nargs="?", help="a folder of bench/results (default: the newest)")
    compare = commands.add_parser("compare", help="two runs side by side; 1 where they disagree")
    compare.add_argument("one", help="a folder of bench/results")
    compare.add_argument("other", help="another")
    return parser


def _run(options: argparse.Namespace, console: Console) -> int:
    if options.list:
        return _list(console)
    if options.blocks < 3:
        raise _Refused("--blocks must be at least 3: fewer give no interval")
    named = choose(options.subject)
    named += [cell for cell in (vary(options.factor) if options.factor else ()) if cell not in named]
    if own := _own(options.add):
        named = [*own, *(named or QUICK_CELLS)]
    absent = {cell: why for cell in named if (why := lacks(cell))}
    if named and len(absent) == len(named):
        raise _Refused("; ".join(f"{cell.id}: {why}" for cell, why in absent.items()))
    cells = [direct(), *([cell for cell in named if cell not in absent] or QUICK_CELLS)]
    scenarios = _scenarios(options.scenario)
    budget_s = options.budget or None

    def scenario_seconds(cell: CellSpec) -> float:
        return cell_seconds(cell, scenarios, start_stop_s=START_STOP_S)

    seconds = list(map(scenario_seconds, cells))
    planned_s = sum(seconds) * options.blocks
    left_out: list[CellSpec] = []
    if budget_s is not None:
        cells, left_out = fit(cells, seconds, blocks=options.blocks, budget_s=budget_s * _TOLERANCE)
        planned_s = sum(map(scenario_seconds, cells)) * options.blocks
        if planned_s > budget_s * _TOLERANCE:
            raise _Refused(
                f"even {len(cells) - 1} cells in {options.blocks} blocks take about {planned_s:.0f} s, more "
                f"than the {budget_s:.0f} s allowed: give --budget {planned_s * 1.1:.0f} or fewer --blocks"
            )
    header = _header(options, cells, scenarios)
    dropped = [Dropped(cell.id, 0, "all cells would not fit into the time") for cell in left_out]
    dropped += [Dropped(cell.id, 0, why) for cell, why in absent.items()]
    folder = _new_folder()
    console.print(
        f"[bold]Tandem benchmark[/] · {len(cells) - 1} cells, {options.blocks} blocks, fresh processes · "
        f"seed {header.seed} · about {planned_s / 60:.0f} min · Ctrl-C reports what is done"
    )
    console.print(f"[dim]{header.pinning}[/]")
    if left_out:
        console.print(f"[yellow]left out, for lack of time: {', '.join(cell.id for cell in left_out)}[/]")
    with Bar(console, total_s=planned_s, steps=len(cells) * options.blocks) as bar:
        outcome = run_plan(header, folder, dropped=dropped, bar=bar, budget_s=budget_s)
    _write(folder / RECORDS, console)
    if outcome == "interrupted":
        return _INTERRUPTED
    if outcome != "finished":
        raise _Refused(outcome)
    return 0


def _header(options: argparse.Namespace, cells: list[CellSpec], scenarios: tuple[Scenario, ...]) -> RunRecord:
    seed = secrets.randbelow(1_000_000) if options.seed is None else options.seed
    pinning = choose_pinning()
    words = ["python -m bench run --quick", f"--seed {seed}"]
    words += [f"--blocks {options.blocks}"] if options.blocks != LEAST_BLOCKS else []
    words += [f"--scenario {name}" for name in options.scenario]
    words += [f"--subject {part}" for part in options.subject]
    words += [f"--factor {name}" for name in options.factor]
    words += [f"--add {shlex.quote(name)}" for name in options.add]
    return RunRecord(
        schema=SCHEMA,
        started_at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
        command=" ".join(words),
        seed=seed,
        blocks=options.blocks,
        cells=cells,
        scenarios=list(scenarios),
        subject_cpus=sorted(pinning.subject),
        rig_cpus=sorted(pinning.rig),
        pinning=pinning.words,
        environment=fingerprint(),
        packages=packages(),
        settings=SETTINGS | settings(scenarios),
        scores=scores(cell.id for cell in cells) | own_scores(cells),
    )


def _own(files: list[str]) -> list[CellSpec]:
    found: list[CellSpec] = []
    for file in files:
        cell = cell_of(Path(file))
        if any(cell.id == other.id for other in (direct(), *QUICK_CELLS, *EXTRA, *found)):
            raise _Refused(f"{file}: there is a cell {cell.id} already, give yours another name")
        found.append(cell)
    return found


def _scenarios(wanted: list[str]) -> tuple[Scenario, ...]:
    known = [scenario for scenario in (*QUICK, *MORE) if not isinstance(scenario, Gate)]
    for name in wanted:
        if not any(fnmatchcase(scenario.id, name) for scenario in known):
            ids = ", ".join(scenario.id for scenario in known)
            raise _Refused(f"there is no scenario {name!r} yet; there are {ids} (S0 always runs)")
    if not wanted:
        return QUICK
    chosen = [s for s in known if any(fnmatchcase(s.id, name) for name in wanted)]
    return (*(s for s in QUICK if isinstance(s, Gate)), *chosen)


def _list(console: Console) -> int:
    for title, scenarios in (
        ("Scenarios of the quick plan[/]", QUICK),
        ("More scenarios[/], by --scenario", MORE),
    ):
        console.print(f"[bold]{title}")
        for scenario in scenarios:
            console.print(f"  {scenario.id:13} {scenario.words}", soft_wrap=True)
    for title, cells in (
        ("Cells of the quick plan[/], the first to be kept first", QUICK_CELLS),
        ("More cells[/], by --subject", EXTRA),
    ):
        console.print(f"[bold]{title}")
        for cell in cells:
            why = f" [yellow]{lacks(cell)}[/]" if lacks(cell) else ""
            console.print(f"  {cell.id:44} {cell.label}{why}", soft_wrap=True)
    console.print("[bold]Factors[/], by --factor; any combination is a cell")
    for factor, levels in FACTORS.items():
        console.print(f"  {factor:13} {', '.join(levels)}")
    return 0


def _check(options: argparse.Namespace, console: Console) -> int:
    found = health(Run.read(_records(options.run)))
    for one in found:
        console.print(f"{one.level:9} {one.name:18} {one.value:20} {one.meaning}", soft_wrap=True)
    return 1 if verdict_of(found) == "bad" else 0


def _compare(options: argparse.Namespace, console: Console) -> int:
    one, other = (Run.read(_records(name)) for name in (options.one, options.other))
    return 0 if show_comparison(one, other, console) else 1


def _report(options: argparse.Namespace, console: Console) -> int:
    _write(_records(options.run), console)
    return 0


def _write(records: Path, console: Console) -> None:
    run = Run.read(records)
    write_terminal(run, console, carriers())
    page = records.with_name("report.html")
    page.write_text(write_html(run, carriers()), encoding="utf-8")
    console.print(
        f"\nThe whole report, with charts and tables: [bold]{os.path.relpath(page)}[/]", soft_wrap=True
    )


def _new_folder() -> Path:
    folder = _RESULTS / datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    folder.mkdir(parents=True)
    return folder


def _records(name: str | None) -> Path:
    if name is not None:
        for folder in (Path(name), _RESULTS / name):
            if found := records_in(folder):
                return found
        raise _Refused(f"{name} is no run: no records.jsonl in it; bench/results holds the runs")
    runs = sorted(_RESULTS.glob(f"*/{RECORDS}"))  # the committed sample is packed, and never the newest
    if not runs:
        raise _Refused("there is no run yet: make bench makes one")
    return runs[-1]
