"""`python -m bench run`: plan, measure, report; or go on with a run that was cut off."""

from __future__ import annotations

import argparse
import os
import secrets
import shlex
import signal
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from rich.console import Console
from rich.markup import escape

from bench import folders
from bench.awake import choose_awake
from bench.awake import words as awake_words
from bench.cells import choose, direct
from bench.environment import SUBJECTS_CORE, carriers, choose_pinning, fingerprint, packages
from bench.listing import show_list, show_plan
from bench.own import cell_of, own_digests, own_scores
from bench.plan import LEAST_BLOCKS, estimate, seconds_of
from bench.progress import Bar
from bench.record import SCHEMA, Absence, CellSpec, Dropped, Run, RunRecord
from bench.report.page import page
from bench.report.terminal import show
from bench.report.view import view
from bench.report.words import duration
from bench.resume import differs
from bench.run import SETTINGS, START_STOP_S, run_plan
from bench.scenarios import MORE, QUICK, settings
from bench.score import scores
from bench.stored import RECORDS
from bench.tools import installed
from bench.wishes import Plan, plan

__all__ = ["INTERRUPTED", "begin", "write_report"]

INTERRUPTED = 128 + signal.SIGINT


def begin(options: argparse.Namespace, console: Console) -> int:
    """Do what the options of `run` ask for; return the exit status. Raises ValueError for what cannot be."""
    if options.list:
        asked = (options.full, options.scenario, options.subject, options.factor, options.add)
        show_plan(plan(options), console) if any(asked) else show_list(console)
        return 0
    if options.resume is not None:
        return _resume(options, console)
    planned = plan(options)
    header = _header(options, planned)
    folder = folders.make()
    blocks = f"{header.blocks} blocks" + (f" of {len(header.parts)} parts" if header.parts else "")
    console.print(
        f"[bold]Tandem benchmark[/] · {len(header.cells) - 1} cells, {blocks}, fresh processes · "
        f"seed {header.seed} · about {duration(planned.seconds)} · Ctrl-C reports what is done",
        markup=True,
    )
    if short := [dropped for dropped in planned.dropped if "time" in dropped.why]:
        counts = Counter(one.part for one in short)
        of_parts = [f"{count} cells of {part}" for part, count in counts.items() if part]
        named = ", ".join([*of_parts, *(one.cell for one in short if not one.part)])
        console.print(f"left out, for lack of time: {named}", style="yellow")
    return _measure(header, folder, console, dropped=planned.dropped)


def _resume(options: argparse.Namespace, console: Console) -> int:
    """Go on at the first cell of the first block that is not in the records."""
    others = ("quick", "full", "scenario", "subject", "factor", "add", "seed", "budget", "asleep")
    if any(getattr(options, name) for name in others) or options.blocks != LEAST_BLOCKS:
        raise ValueError("--resume goes on with the plan of its run: give it alone")
    records = folders.find(options.resume or None)
    folder = records.parent
    if records.name != RECORDS:
        raise ValueError(f"{folder.name} is packed: a run goes on where it was made")
    before = Run.read(records)
    if before.end is not None and before.end.outcome == "finished":
        raise ValueError(f"{folder.name} has finished: there is nothing to go on with")
    if why := differs(before.header, _the_same_now(before.header)):
        raise ValueError(f"{folder.name} cannot go on, its figures would not be of one thing: {why}")
    header = before.header
    seconds = estimate(header.plan, header.cells, header.scenarios, start_stop_s=START_STOP_S)
    spent_s = sum(seconds[record.part, record.cell] for record in before.cells)
    left_s = seconds_of(header.plan, seconds) - spent_s
    console.print(
        f"[bold]Tandem benchmark[/] · {escape(folder.name)} goes on after {len(before.cells)} processes · "
        f"seed {header.seed} · about {duration(left_s)} · Ctrl-C reports what is done",
        markup=True,
    )
    return _measure(header, folder, console, before=before)


def _measure(
    header: RunRecord,
    folder: Path,
    console: Console,
    *,
    dropped: list[Dropped] | None = None,
    before: Run | None = None,
) -> int:
    console.print(f"{header.pinning}; {SUBJECTS_CORE} {header.environment[SUBJECTS_CORE]}", style="dim")
    with Bar(console) as bar:
        outcome = run_plan(header, folder, dropped=dropped or [], before=before, bar=bar)
    write_report(folder / RECORDS, console)
    if outcome == "interrupted":
        console.print(f"To go on with it: python -m bench run --resume {folder.name}", soft_wrap=True)
        return INTERRUPTED
    if outcome != "finished":
        raise ValueError(outcome)
    return 0


def _header(options: argparse.Namespace, planned: Plan) -> RunRecord:
    seed = secrets.randbelow(1_000_000) if options.seed is None else options.seed
    pinning = choose_pinning()
    words = [f"python -m bench run --{'full' if options.full else 'quick'}", f"--seed {seed}"]
    words += [f"--blocks {options.blocks}"] if options.blocks != LEAST_BLOCKS else []
    words += [f"--budget {options.budget:g}"] if options.full and options.budget is not None else []
    words += [f"--scenario {name}" for name in options.scenario]
    words += [f"--subject {part}" for part in options.subject]
    words += [f"--factor {name}" for name in options.factor]
    words += [f"--add {shlex.quote(name)}" for name in options.add]
    words += ["--asleep"] if options.asleep else []
    awake = choose_awake(pinning, asleep=options.asleep)
    alone = planned.parts[0] if len(planned.parts) == 1 else None
    return RunRecord(
        schema=SCHEMA,
        started_at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
        command=" ".join(words),
        seed=seed,
        blocks=max(part.blocks for part in planned.parts),
        cells=planned.cells,
        scenarios=planned.scenarios,
        subject_cpus=sorted(pinning.subject),
        rig_cpus=sorted(pinning.rig),
        pinning=pinning.words,
        environment=_environment(awake, planned.cells),
        packages=packages(),
        settings=SETTINGS | (alone.settings if alone else {}),
        scores=scores(cell.id for cell in planned.cells) | own_scores(planned.cells),
        parts=[] if alone else planned.parts,
        budget_s=planned.budget_s,
        tools=installed(),
        awake=awake,
    )


def _the_same_now(header: RunRecord) -> RunRecord:
    """Return what a run of the same names would begin with here and now."""
    known = {scenario.id: scenario for scenario in (*QUICK, *MORE)}
    cells = [cell for one in header.cells if (cell := _cell_now(one)) is not None]
    pinning = choose_pinning()
    alone = {} if header.parts else settings(header.scenarios)
    asleep = isinstance(header.awake, Absence) and header.awake.reason == "not-asked"
    return msgspec.structs.replace(
        header,
        cells=cells,
        scenarios=[known[one.id] for one in header.scenarios if one.id in known],
        pinning=pinning.words,
        environment=_environment(choose_awake(pinning, asleep=asleep), cells),
        packages=packages(),
        settings=SETTINGS | alone,
    )


def _environment(awake: list[int] | Absence, cells: Sequence[CellSpec]) -> dict[str, str]:
    return fingerprint() | {SUBJECTS_CORE: awake_words(awake)} | own_digests(cells)


def _cell_now(cell: CellSpec) -> CellSpec | None:
    if cell.group == "direct":
        return direct()
    try:
        return cell_of(Path(cell.app)) if cell.app.endswith(".toml") else choose([cell.id])[0]
    except ValueError:
        return None


def write_report(records: Path, console: Console, *, whole: bool = False) -> None:
    """Print the verdict of a run, on one screen or as a ``whole``, and write its page."""
    found, packages_here = view(Run.read(records)), carriers()
    show(found, console, packages_here, whole=whole)
    path = records.with_name("report.html")
    path.write_text(page(found, packages_here), encoding="utf-8")
    console.print(
        f"The whole report, with charts and tables: [bold]{escape(os.path.relpath(path))}[/]",
        soft_wrap=True,
        markup=True,
    )
