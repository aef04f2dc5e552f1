"""The report in a terminal: resolution, health, verdict, and the small table."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.record import Absence
from bench.report.view import View
from bench.report.words import (
    DASH,
    absence_word,
    duration,
    left_out,
    number,
    picks,
    resolution,
)

__all__ = ["show"]

_LEVELS = {"good": "green", "doubtful": "yellow", "bad": "bold red"}
_COLUMNS = (("req/s", "rps"), ("us/req", "cpu-request"), ("us/event", "cpu-event"))
_ADDED = (("response", "response"), ("1st event", "first event"), ("event", "event"))


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
    console.print(
        Text(
            "us: CPU time. response, 1st event, event: ms of delay (p50) that the cell adds to direct.",
            style="dim",
        )
    )
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
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim")
    table.add_column("cell")
    for name, _ in _COLUMNS:
        table.add_column(name, justify="right")
    for name, _ in _ADDED:
        table.add_column(name, justify="right")
    for cell in found.run.header.cells:
        row = [Text(cell.label, style="dim" if cell.group != "product" else "")]
        for _, of in _COLUMNS:
            figure = found.figures[cell.id, of]
            row.append(_value(figure.middle.value if figure.middle else None, figure.absence))
        added = {one.name: one for one in found.added.get(cell.id, []) if one.quantile == 0.5}
        for _, name in _ADDED:
            one = added.get(name)
            value = one.middle.value / 1e3 if one is not None and one.middle is not None else None
            row.append(_value(value, one.absence if one is not None else None))
        table.add_row(*row)
    return table


def _value(value: float | None, absence: Absence | None) -> Text:
    if absence is None and value is not None:
        return Text(number(value))
    word = absence_word(absence) if absence is not None else DASH
    # the table has to fit into 80 columns
    return Text(word.replace("below resolution", "unresolved"), style="red" if word == "FAILED" else "dim")
