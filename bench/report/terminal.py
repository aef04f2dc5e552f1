"""The report in a terminal: resolution, health, verdict, and the small table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from bench.health import complete_blocks
from bench.metrics import metric
from bench.record import Absence
from bench.report.tails import heads, tail_rows, words
from bench.report.verdict import growths, most, picks, resolution
from bench.report.view import View
from bench.report.words import DASH, absence_word, changed_versions, duration, left_out, number

__all__ = ["show"]

_ROWS, _TABLES, _LINES = 20, 1, 2
"""Of a run in many parts: the page has all, the terminal one screen."""
_UNASKED = {"not asked", "not run"}

BELOW = "\N{ALMOST EQUAL TO}0"
_LEVELS = {"good": "green", "doubtful": "yellow", "bad": "bold red"}
_MARKS = {"good": "", "doubtful": " !", "bad": " ✗"}  # colour alone would tell some readers nothing
_COLUMNS = {
    "rps": "req/s",
    "cpu-request": "us/req",
    "cpu-event": "us/event",
    "mb-s": "MB/s",
    "cpu-mb": "us/MB",
    "burst-whole": "us/burst",
    "burst-coalescing": "events/read",
    "slow-p99": "us p99",
    "kib-held": "KiB held",
    "kib-rise": "KiB more",
    "gone-first": "us, no byte",
    "gone-head": "us, head",
    "gone-stream": "us, stream",
    "gone-blocked": "us, blocked",
    "kib-stream": "KiB/stream",
    "kept-request": "B kept/req",
    "fanout-p50": "us p50",
    "fanout-p90": "us p90",
    "cpu-fanout": "us CPU/fan-out",
    "queue-p50": "ms wait p50",
    "queue-p90": "ms wait p90",
    "served": "% served",
    "in-turn": "% in turn",
}
_UNTOLD = ("unsupported", "not-run", "not-asked", "below-resolution")
"""What a table says well enough."""
_ADDED = {"response": "response", "first event": "first", "event": "event"}


def show(found: View, console: Console, installed: Mapping[str, str]) -> None:
    """Print the report."""
    run = found.run
    outcome = run.end.outcome if run.end else "still running, or cut off"
    seconds = duration(run.end.seconds) if run.end else "unknown time"
    console.print(
        f"\n[bold]Verdict[/] · {len(found.cells)} cells, {run.header.blocks} blocks, "
        f"seed {run.header.seed} · {outcome} after {seconds}"
    )
    console.print(Text(resolution(found)))
    if changed := changed_versions(run.header.packages, installed):
        console.print(Text(f"Not the versions installed here: {'; '.join(changed)}.", style="yellow"))
    console.print(_health(found))
    _blocks_done(found, console)
    console.print()
    _answers(found, console)
    for one in found.decompositions:
        console.print(Text(most(one)))
    console.print()
    for line in growths(found):
        console.print(Text("  " + line))
    if started := _starts(found):
        console.print(Text(f"Cold start to first answer, ms (importing the app): {started}\n"))
    _print_tables(found, console)
    console.print(
        Text(
            "us/req (near saturation), us/event, us/MB, us CPU: CPU time; any other us: time that passed. "
            "response, first event, event: ms of delay that the cell adds to direct (p50); "
            f"{BELOW}: less than this run resolves.",
            style="dim",
        )
    )
    _absences(found, console)


def _starts(found: View) -> str:
    """Return the cold start of the leading cells in a line: no column of its own fits into the width."""
    told = []
    for cell in found.leading:
        whole, part = (found.figures[cell, name].middle for name in ("cold-start", "import"))
        if whole is not None:
            of_it = f" ({number(part.value)})" if part is not None else ""
            told.append(f"{found.cell(cell).label} {number(whole.value)}{of_it}")
    return "; ".join(told)


def _answers(found: View, console: Console) -> None:
    for answer in picks(found):
        console.print(Text.assemble((answer.question, "bold"), "  ", (answer.pick, "bold cyan")))
        lines = [answer.short] if answer.short else answer.lines
        if found.run.header.parts and len(lines) > _LINES:
            lines = [*lines[:_LINES], f"{len(lines) - _LINES} more on the page"]
        for line in lines:
            console.print(Padding(Text(line), (0, 0, 0, 2)))


def _print_tables(found: View, console: Console) -> None:
    tables = list(_tables(found))
    for about, table in tables[:_TABLES] if found.run.header.parts else tables:
        if about:
            console.print(Text(f"\n{about}", style="dim"))
        console.print(table)
    if len(tables) > _TABLES and found.run.header.parts:
        more = f"{len(tables) - _TABLES} more loads and all {len(found.cells)} cells are on the page."
        console.print(Text(more, style="dim"))
    if swept := tail_rows(found):
        console.print(Text("\nRequests/s while p99 stays within a limit, from the sweep", style="dim"))
        console.print(_grid(heads(), [(label, list(map(words, each))) for _, label, each in swept]))


def _absences(found: View, console: Console) -> None:
    for cell in found.cells:
        for of in (*found.shown(*_COLUMNS), *found.shown("response-p50")):
            absence = found.figures[cell.id, of].absence
            if absence is not None and absence.reason not in _UNTOLD:
                console.print(
                    Text(f"{cell.label}: {absence_word(absence)}: {absence.detail}", style="yellow")
                )
                break


def _health(found: View) -> Text:
    text = Text()
    for index, one in enumerate(found.health):
        text.append(" · " if index else "")
        text.append(f"{one.name.lower()} ", style="dim")
        text.append(one.value + _MARKS[one.level], style=_LEVELS[one.level])
    return text


def _blocks_done(found: View, console: Console) -> None:
    complete_of: dict[tuple[int, int], list[str]] = {}
    for part, complete in complete_blocks(found.run):
        if complete < part.blocks:
            complete_of.setdefault((complete, part.blocks), []).append(part.id)
    for (complete, blocks), parts in complete_of.items():
        of = f" of {', '.join(parts)}" if any(parts) else ""
        console.print(Text(f"{complete} of {blocks} blocks{of} are complete.", style="yellow"))
    together: dict[str, list[str]] = {}
    for name, why, cells in left_out(found.run.dropped):
        who = f"{len(cells)} cells of {name}" if name else ", ".join(cells)
        together.setdefault(why, []).append(who)
    for why, every in together.items():
        console.print(Text(f"{', '.join(every)}: {why}.", style="yellow"))


def _grid(columns: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim")
    table.add_column("cell", no_wrap=True)
    for heading in columns:
        table.add_column(heading, justify="right")
    for label, values in rows:
        table.add_row(label, *values)
    return table


def _tables(found: View) -> Iterator[tuple[str, Table]]:
    """Yield the quick plan's table, then one for each further scenario, each with what it is about."""
    groups: dict[str, list[tuple[str, list[Text]]]] = {}
    for name in found.shown(*_COLUMNS):
        of = metric(name)
        key = "" if of.id == of.kind else of.scenario
        groups.setdefault(key, []).append((_COLUMNS[of.kind], _figures(found, name)))
    for one in next(iter(found.added.values()), []):
        name, _, scenario = one.name.partition(", ")
        # the quick plan's table has to fit into 80 columns
        if name not in _ADDED:
            continue
        if (one.quantile == 0.5 or (scenario and one.quantile == 0.99)) and _asked(found, name, scenario):
            heading = _ADDED[name] if one.quantile == 0.5 else f"{_ADDED[name]} p99"
            groups.setdefault(scenario, []).append((heading, _delays(found, one.name, one.quantile)))
    cells = found.run.header.cells
    asks = {scenario.id: f"{scenario.id}, {scenario.words}" for scenario in found.run.header.scenarios}
    for key, columns in groups.items():
        table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim")
        table.add_column("cell", no_wrap=True)
        for heading, _ in columns:
            table.add_column(heading, justify="right")
        asked = [(cell, [values[row] for _, values in columns]) for row, cell in enumerate(cells)]
        if found.run.header.parts:
            asked = [one for one in asked if not {value.plain for value in one[1]} & _UNASKED][:_ROWS]
        for cell, values in asked:
            table.add_row(Text(cell.label, style="dim" if cell.group != "product" else ""), *values)
        yield asks.get(key, ""), table


def _figures(found: View, name: str) -> list[Text]:
    figures = [found.figures[cell.id, name] for cell in found.run.header.cells]
    return [_value(figure.middle.value if figure.middle else None, figure.absence) for figure in figures]


def _delays(found: View, name: str, quantile: float) -> list[Text]:
    values = []
    for cell in found.run.header.cells:
        added = found.added.get(cell.id, [])
        one = next((one for one in added if (one.name, one.quantile) == (name, quantile)), None)
        value = one.middle.value / 1e3 if one is not None and one.middle is not None else None
        values.append(_value(value, one.absence if one is not None else None))
    return values


def _asked(found: View, name: str, scenario: str) -> bool:
    usual = "S2" if name == "response" else "S5"
    return (scenario or usual) in {one.id for one in found.run.header.scenarios}


def _value(value: float | None, absence: Absence | None) -> Text:
    if absence is None and value is not None:
        return Text(number(value))
    word = absence_word(absence) if absence is not None else DASH
    # the table has to fit into 80 columns
    return Text(word.replace("below resolution", BELOW), style="red" if word == "FAILED" else "dim")
