"""The report in a terminal: resolution, health, verdict, and the small table."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.cells import DIRECT
from bench.contrasts import Contrast
from bench.record import Absence
from bench.report.view import View
from bench.report.words import (
    DASH,
    absence_word,
    duration,
    interval,
    left_out,
    number,
    picks,
    ratio,
    resolution,
    verdict_word,
)

__all__ = ["show"]

_LEVELS = {"good": "green", "doubtful": "yellow", "bad": "bold red"}
_COLUMNS = (
    ("requests/s", "rps"),
    ("CPU µs/request", "cpu-request"),
    ("CPU µs/event", "cpu-event"),
)


def show(found: View, console: Console) -> None:
    """Print the report."""
    run = found.run
    outcome = run.end.outcome if run.end else "still running, or cut off"
    seconds = duration(run.end.seconds) if run.end else "unknown time"
    console.print(
        f"\n[bold]Verdict[/] · {len(found.cells)} cells, {run.header.blocks} blocks, "
        f"seed {run.header.seed} · {outcome} after {seconds}"
    )
    console.print(Text(resolution(found)))
    console.print(_health(found))
    _blocks_done(found, console)
    console.print()
    for title, pick, sentences in picks(found):
        console.print(Text.assemble((title, "bold"), "  ", (pick, "bold cyan")))
        for line in sentences:
            console.print(Text("  " + line))
    console.print()
    console.print(_cells(found))
    console.print(_pairs(found))
    for cell in found.cells:
        for of in ("rps", "response-p50", "cpu-event"):
            absence = found.figures[cell.id, of].absence
            if absence is not None and absence.reason not in ("unsupported", "not-run"):
                console.print(
                    Text(f"{cell.label}: {absence_word(absence)}: {absence.detail}", style="yellow")
                )
                break


def _health(found: View) -> Text:
    text = Text()
    for index, one in enumerate(found.health):
        text.append(" · " if index else "")
        text.append(f"{one.name.lower()} ", style="dim")
        text.append(one.value, style=_LEVELS[one.level])
    return text


def _blocks_done(found: View, console: Console) -> None:
    done = {record.block for record in found.run.cells}
    complete = sum(
        len({r.cell for r in found.run.cells if r.block == block}) == len(found.run.header.cells)
        for block in done
    )
    if complete < found.run.header.blocks:
        console.print(Text(f"{complete} of {found.run.header.blocks} blocks are complete.", style="yellow"))
    for dropped in found.run.dropped:
        console.print(Text(f"{dropped.cell}: {left_out(dropped)}.", style="yellow"))


def _cells(found: View) -> Table:
    table = Table(box=None, pad_edge=False, title_justify="left", header_style="dim")
    table.add_column("cell")
    for name, _ in _COLUMNS:
        table.add_column(name, justify="right")
    table.add_column("added ms p50", justify="right")
    table.add_column("p99", justify="right")
    table.add_column("event ms p50", justify="right")
    table.add_column("p99", justify="right")
    for cell in found.run.header.cells:
        row = [Text(cell.label, style="dim" if cell.group != "product" else "")]
        for _, of in _COLUMNS:
            figure = found.figures[cell.id, of]
            row.append(_value(figure.middle.value if figure.middle else None, figure.absence))
        if cell.id == DIRECT:
            row += [Text(DASH, style="dim")] * 4
        else:
            added = {(one.name, one.quantile): one for one in found.added[cell.id]}
            for key in (("response", 0.5), ("response", 0.99), ("event", 0.5), ("event", 0.99)):
                one = added[key]
                row.append(_value(one.middle.value / 1e3 if one.middle else None, one.absence))
        table.add_row(*row)
    return table


def _value(value: float | None, absence: Absence | None) -> Text:
    if absence is not None or value is None:
        word = absence_word(absence) if absence is not None else DASH
        return Text(word, style="red" if word == "FAILED" else "dim")
    return Text(number(value))


def _pairs(found: View) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("pair by pair", "held equal", "requests/s", "", "CPU per event", ""):
        table.add_column(name)
    singles: list[Contrast] = found.asked("a/a", "framework", "server", "route", "recipe", "bare", main=False)
    for contrast in singles:
        row = [f"{contrast.first} / {contrast.second}", contrast.where]
        for of in ("rps", "cpu-event"):
            outcome = found.outcome(contrast, of)
            estimate = outcome.estimate
            row.append(
                f"{ratio(estimate.ratio)} ({interval(estimate.low, estimate.high)})" if estimate else DASH
            )
            row.append(verdict_word(outcome))
        table.add_row(*row)
    return table
