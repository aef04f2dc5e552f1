"""The report in a terminal, on one screen: resolution, health, verdict, the small table, what is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from bench.health import complete_blocks
from bench.metrics import metric
from bench.report.choice import CAPACITY
from bench.report.grid import COLUMNS, answers_table, cell_tables, differing, growth_tables
from bench.report.growing import spans
from bench.report.headline import headline, resolution
from bench.report.matters import briefly
from bench.report.verdict import client_cost
from bench.report.view import View
from bench.report.words import SHORT, absence_word, changed_versions, duration, left_out, number
from bench.stats import CONFIDENCE, MARGIN

__all__ = ["show"]

_FEW = 2  # lines of a kind; what more there is, is counted
_LINES = 30  # of tables, of a plan in one part; of the full plan's many the first
_LEVELS = {"good": "green", "doubtful": "yellow", "bad": "bold red"}
_MARKS = {"good": "", "doubtful": " !", "bad": " ✗"}  # colour alone would tell some readers nothing
_UNTOLD = ("unsupported", "not-run", "not-asked", "below-resolution")
"""What a table says well enough."""
_RATIOS = (
    f"{CONFIDENCE * 100:g} % intervals, of pairs all. ?: cannot tell. =: the same within "
    f"±{MARGIN * 100:g} %. ~: mean."
)
_UNITS = (
    "us/req (near saturation), us/event: CPU. response, first, event: ms added to direct (p50). "
    "≈0: unresolved."
)


def show(found: View, console: Console, installed: Mapping[str, str], *, whole: bool = False) -> None:
    """Print the report; ``whole``: with every table, cell and reason, however many screens they take."""
    run = found.run
    outcome = run.end.outcome if run.end else "still running, or cut off"
    seconds = duration(run.end.seconds) if run.end else "unknown time"
    console.print(
        f"\n[bold]Verdict[/] · {len(found.cells)} cells, {run.header.blocks} blocks, "
        f"seed {run.header.seed} · {escape(outcome)} after {seconds}",
        markup=True,
    )
    console.print(Text(resolution(found)))
    if changed := changed_versions(run.header.packages, installed):
        told = _some(changed, whole=whole, what="other packages")
        console.print(Text(f"Not the versions installed here: {'; '.join(told)}.", style="yellow"))
    console.print(_health(found))
    for line in _blocks_done(found):
        console.print(Text(line, style="yellow"))
    console.print(Text(f"\n{headline(found, figures=False)}", style="bold"))
    if (answers := answers_table(found, console, whole=whole)).row_count:
        console.print(answers)
        console.print(Text(_RATIOS + _load(found), style="dim"))
    for line in (
        *differing(found, whole=whole),  # all of them on the page
        *briefly(found),
        *_client(found),
        *([] if whole or found.run.header.parts else spans(found)),
    ):
        console.print(Text(line))
    if (whole or not found.crowded) and (started := _starts(found)):
        console.print(Text(f"First answer, ms (importing the app): {started}"))
    _print_tables(found, console, whole=whole)
    console.print(Text(_UNITS, style="dim"))
    for line in _left_out(found, whole=whole or not found.crowded):
        console.print(Text(line, style="yellow"))
    _absences(found, console, whole=whole)


def _load(found: View) -> str:
    """Under which load capacity was read, which is what stands first in the table."""
    name = found.first(*CAPACITY)
    load = found.load(metric(name).scenario)
    return f" {SHORT[metric(name).kind]}: {load}." if load else ""


def _some(lines: Sequence[str], *, whole: bool, what: str) -> list[str]:
    if whole or len(lines) <= _FEW:
        return list(lines)
    return [*lines[:_FEW], f"{len(lines) - _FEW} {what}"]


def _client(found: View) -> Iterator[str]:
    """What the engine costs: of the first two that were asked, which are the usual."""
    for contrast in found.asked("engine")[:1]:
        yield from (f"{line}." for line in list(client_cost(found, contrast).values())[:1])


def _print_tables(found: View, console: Console, *, whole: bool) -> None:
    """Print the tables there is room for, then what is elsewhere."""
    cells = found.run.header.cells if whole or not found.crowded else found.chosen
    room = 0 if found.run.header.parts else _LINES
    more = 0
    for place, (about, table) in enumerate(cell_tables(found, cells, whole=whole)):
        room -= table.row_count + 3
        if place and room < 0 and not whole:
            more += 1
            continue
        if about or not found.crowded:
            console.print(Text(f"\n{about}" if about else "", style="dim"))
        console.print(table)
    for about, table in growth_tables(found) if whole else ():
        console.print(Text(f"\n{about}", style="dim"))
        console.print(table)
    if not whole and (more or found.crowded):
        loads = f"{more} more loads, what they change, and " if more else ""
        text = f"{loads}all {len(found.cells)} cells: on the page, and by `python -m bench report --all`."
        console.print(Text(text[:1].upper() + text[1:], style="dim"))


def _starts(found: View) -> str:
    """Return the cold start of the leading cells in a line: no column of its own fits into the width."""
    told = []
    for cell in found.leading:
        total, part = (found.figures[cell, name].middle for name in ("cold-start", "import"))
        if total is not None:
            of_it = f" ({number(part.value)})" if part is not None else ""
            told.append(f"{found.cell(cell).label} {number(total.value)}{of_it}")
    return "; ".join(told)


def _absences(found: View, console: Console, *, whole: bool) -> None:
    """One reason for each cell that lacks something, what failed first; then how many are missing."""
    told: dict[str, str] = {}
    missing = found.missing(*COLUMNS, "response-p50")
    for figure in sorted(missing, key=lambda one: one.absence is None or one.absence.reason != "failed"):
        if figure.absence is not None and figure.absence.reason not in _UNTOLD:
            told.setdefault(figure.cell, f"{absence_word(figure.absence)}: {figure.absence.detail}")
    lines = [f"{found.cell(cell).label}: {why}" for cell, why in told.items()]
    for line in lines if whole else lines[:_FEW]:
        console.print(Text(line, style="yellow"), no_wrap=not whole, overflow="ellipsis")
    reasons = Counter(absence_word(one.absence) for one in missing if one.absence)
    if len(lines) > _FEW and not whole:
        words = ", ".join(f"{count} {word}" for word, count in reasons.most_common())
        total = f"{sum(reasons.values())} figures are missing ({words}): each with its reason on the page."
        console.print(Text(total, style="yellow"))


def _health(found: View) -> Text:
    text = Text()
    for index, one in enumerate(found.health):
        text.append(" · " if index else "")
        text.append(f"{one.name.lower()} ", style="dim")
        text.append(one.value + _MARKS[one.level], style=_LEVELS[one.level])
    return text


def _blocks_done(found: View) -> Iterator[str]:
    complete_of: dict[tuple[int, int], list[str]] = {}
    for part, complete in complete_blocks(found.run):
        if complete < part.blocks:
            complete_of.setdefault((complete, part.blocks), []).append(part.id)
    for (complete, blocks), parts in complete_of.items():
        of = f" of {', '.join(parts)}" if any(parts) else ""
        yield f"{complete} of {blocks} blocks{of} are complete."


def _left_out(found: View, *, whole: bool) -> Iterator[str]:
    """Yield which cells the plan left out, or how many of each part; unless ``whole``, of how many parts."""
    out = left_out(found.run.dropped)
    parts = {name for name, *_ in out if name}
    short = not whole and len(parts) > _FEW
    together: dict[str, list[str]] = {}
    for name, why, cells in out:
        if not (name and short):
            together.setdefault(why, []).append(f"{len(cells)} of {name}" if name else ", ".join(cells))
    for why, every in together.items():
        yield f"Cells {why}: {', '.join(every)}."
    if short:
        yield f"{len(parts)} parts of the plan lack cells: which, and why, on the page."
