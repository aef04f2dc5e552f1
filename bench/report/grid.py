"""The terminal's tables: each question's ratios, each load's figures by cell, capacities at a tail."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.contrasts import Contrast, Outcome
from bench.metrics import metric
from bench.record import Absence, CellSpec
from bench.report.choice import (
    UNTOLD,
    how_much,
    least_and_most,
    where_it_differs,
)
from bench.report.growing import growths
from bench.report.tails import heads, tail_rows, words
from bench.report.verdict import PARSER, Answer, picks
from bench.report.view import View
from bench.report.words import CANNOT_TELL, DASH, SHORT, absence_word, between, number

__all__ = ["COLUMNS", "answers_table", "cell_tables", "differing", "growth_tables"]

COLUMNS = {
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
"""Kinds of metrics -> how a terminal heads them."""

_FIRST = ("rps", "cpu-event", "response-p50")
"""What questions are answered in where there is no room for more."""
_ENDLESS = 10_000
_APART = 1.5
_NARROW = {"below resolution": "\N{ALMOST EQUAL TO}0", "too few samples": "too few"}
"""What stands for long words: the table has to fit into 80 columns."""
_ADDED = {"response": "response", "first event": "first", "event": "event"}
_UNASKED = {"not asked", "not run"}


def answers_table(found: View, console: Console, *, whole: bool) -> Table:
    """Return each question with what to pick and its ratios, in as many metrics as there is room for. Unless
    the ``whole`` is wanted, engines are held against the first of them only."""
    answers = picks(found)
    engine = next(iter(found.asked("engine")), None)
    if engine is not None and not whole:
        answers = [one for one in answers if _against(one.contrasts[0], engine.first)]
    if not whole and found.crowded:  # PARSER: what is left of two servers where it is held equal
        answers = [
            one for one in answers if one.question != PARSER and (one.first or len(one.contrasts) == 1)
        ]
    names = _judged(found, answers)
    room = console.options.update(width=_ENDLESS)  # or a table that is too wide would tell no more than that
    while console.measure(table := _answers(found, answers, names), options=room).maximum > console.width:
        if len(names) < 2:
            break
        names = names[:-1]
    return table


def _answers(found: View, answers: Sequence[Answer], names: Sequence[str]) -> Table:
    table = _grid("ratio of", ["pick", *(_heading(found, name) for name in names)], text=1)
    for answer in answers:
        of = [_ratios(found, answer.contrasts, name) for name in names]
        several = len(answer.contrasts) > 1 and answer.choice.who != UNTOLD  # their range says it
        pick = "" if several else answer.choice.who.removeprefix("this run ").removeprefix("the ")
        table.add_row(_of(answer), Text(pick, style="bold cyan"), *of)
    return table


def _against(contrast: Contrast, engine: str) -> bool:
    return contrast.question != "engine" or engine in (contrast.first, contrast.second)


def _judged(found: View, answers: Sequence[Answer]) -> list[str]:
    asked = [contrast for answer in answers for contrast in answer.contrasts]
    known = [
        name
        for name in found.shown(*dict.fromkeys((*_FIRST, *SHORT)))
        if any(found.outcome(contrast, name).estimate for contrast in asked)
    ]
    return sorted(
        known, key=lambda name: metric(name).id != metric(name).kind
    )  # the quick plan's loads first


def _heading(found: View, name: str) -> str:
    of = metric(name)
    return SHORT[of.kind] if of.id == of.kind else f"{SHORT[of.kind]}, {of.scenario}"


def _of(answer: Answer) -> str:
    if len(answer.contrasts) > 1:
        return f"{answer.question} ({len(answer.contrasts)} pairs)"
    (contrast,) = answer.contrasts
    return " / ".join(name.removeprefix("the ") for name in (contrast.first, contrast.second))


def _ratios(found: View, contrasts: Sequence[Contrast], name: str) -> str:
    """Return a ratio with its interval and verdict; of several the ends between which all intervals lie."""
    outcomes = [found.outcome(contrast, name) for contrast in contrasts]
    estimates = [outcome.estimate for outcome in outcomes if outcome.estimate]
    if not estimates:
        absences = {absence_word(one.absence) for one in outcomes if one.absence} - _UNASKED - {"n/a"}
        return ", ".join(sorted(absences))
    if len(outcomes) > 1:
        return between(min(one.low for one in estimates), max(one.high for one in estimates))
    return _ratio(found, outcomes[0])


def _ratio(found: View, outcome: Outcome) -> str:
    assert outcome.estimate is not None
    if found.depends_on(outcome.contrast, outcome.metric):
        return f"{how_much(outcome)} ~"
    if outcome.verdict == "cannot-tell":  # one number would read as a finding
        return f"{between(outcome.estimate.low, outcome.estimate.high)} ?"
    return how_much(outcome) + (" =" if outcome.verdict == "equivalent" else "")


def differing(found: View, *, whole: bool) -> Iterator[str]:
    """Yield what each choice that is asked first is at least and at most, where others change it; in what
    stands first in the table. Unless the ``whole`` is wanted, the first, and those whose ends differ much."""
    answers = [one for one in picks(found) if one.first and len(one.contrasts) == 1]
    for name in _judged(found, answers)[:1]:
        outcomes = [(one, found.outcome(one.contrasts[0], name)) for one in answers]
        told = [(one, outcome) for one, outcome in outcomes if least_and_most(found, outcome)]
        for place, (one, outcome) in enumerate(told):
            if whole or not place or _much(found, outcome):
                yield f"~ {_of(one)} {_marked(least_and_most(found, outcome))}"


def _much(found: View, outcome: Outcome) -> bool:
    """Whether one end would be judged otherwise than the mean, or the ends lie half as much again apart."""
    ends = [one.estimate for one in where_it_differs(found, outcome)]
    unsure = any(one.low <= 1 <= one.high or one.within_margin for one in ends)
    return unsure or ends[-1].ratio >= _APART * ends[0].ratio


def _marked(text: str) -> str:
    """Return two ends as short as the table tells a ratio."""
    for unsure, mark in ((f", {CANNOT_TELL})", ") ?"), (", the same)", ") =")):
        text = text.replace(unsure, mark)
    return text.replace(" and ", ", ")


def cell_tables(found: View, cells: Sequence[CellSpec], *, whole: bool) -> Iterator[tuple[str, Table]]:
    """Yield the quick plan's table, one for each further scenario and the capacities at a tail, each with
    what it is about. In each stand those of the cells that all of it was asked of, or as a ``whole`` any."""
    groups: dict[str, list[tuple[str, list[Text]]]] = {}
    for name in found.shown(*COLUMNS):
        of = metric(name)
        key = "" if of.id == of.kind else of.scenario
        groups.setdefault(key, []).append((COLUMNS[of.kind], _figures(found, name, cells)))
    for one in next(iter(found.added.values()), []):
        name, _, scenario = one.name.partition(", ")
        # the quick plan's table has to fit into 80 columns
        if name not in _ADDED:
            continue
        if (one.quantile == 0.5 or (scenario and one.quantile == 0.99)) and _asked(found, name, scenario):
            heading = _ADDED[name] if one.quantile == 0.5 else f"{_ADDED[name]} p99"
            groups.setdefault(scenario, []).append((heading, _delays(found, one.name, one.quantile, cells)))
    asks = {scenario.id: f"{scenario.id}, {scenario.words}" for scenario in found.run.header.scenarios}
    for key, columns in groups.items():
        table = _grid("cell", [heading for heading, _ in columns])
        for row, cell in enumerate(cells):
            values = [values[row] for _, values in columns]
            unasked = [value.plain in _UNASKED for value in values]
            if not found.run.header.parts or not (all if whole else any)(unasked):
                table.add_row(Text(cell.label, style="dim" if cell.group != "product" else ""), *values)
        if table.row_count:
            yield asks.get(key, ""), table
    if swept := [row for row in tail_rows(found) if row[0] in {cell.id for cell in cells}]:
        table = _grid("cell", heads(), wrap=True)  # three intervals in a row are wider than 80 columns
        for _, label, each in swept:
            table.add_row(label, *map(words, each))
        yield "Requests/s while p99 stays within a limit, from the sweep", table


def growth_tables(found: View) -> Iterator[tuple[str, Table]]:
    """Yield a table of cells by larger loads for each kind of figure, with what it is about."""
    for one in growths(found):
        table = _grid("cell", one.loads, wrap=True)
        for cell, ratios in one.rows:
            table.add_row(cell.label, *ratios)
        yield f"{one.kind}, the larger load over the smaller", table


def _grid(first: str, columns: Sequence[str], *, text: int = 0, wrap: bool = False) -> Table:
    """Return an empty table; the ``text`` columns after the first hold words, all others figures, which may
    ``wrap``."""
    table = Table(box=None, pad_edge=False, padding=(0, 1 + text, 0, 0), header_style="dim")
    table.add_column(first, no_wrap=True)
    for at, heading in enumerate(columns):
        table.add_column(heading, justify="left" if at < text else "right", no_wrap=at >= text and not wrap)
    return table


def _figures(found: View, name: str, cells: Sequence[CellSpec]) -> list[Text]:
    figures = [found.figures[cell.id, name] for cell in cells]
    return [_value(figure.middle.value if figure.middle else None, figure.absence) for figure in figures]


def _delays(found: View, name: str, quantile: float, cells: Sequence[CellSpec]) -> list[Text]:
    values = []
    for cell in cells:
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
    return Text(_NARROW.get(word, word), style="red" if word == "FAILED" else "dim")
