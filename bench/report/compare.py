"""Two runs side by side: what is not the same about them, what both call, and where they disagree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.contrasts import Contrast, Outcome
from bench.metrics import metric
from bench.record import Run
from bench.report.view import View, view
from bench.report.words import (
    DASH,
    STREAMS,
    estimated,
    over,
    ratio_interval,
    upper,
    verdict_word,
)
from bench.stats import Interval, log_values, unpaired

__all__ = ["Agreement", "agreements", "changes", "differences", "show_comparison"]

_COLUMNS = (
    ("rps", "cpu-request", "mb-s", "cpu-event", "response-p50", "kib-stream"),
    ("cold-start", "import", "ttfb-p50"),
    (*STREAMS, "gap-p99"),
)
"""What is set side by side by cell, a table each."""

_MOMENT = ("load average at start",)
"""Told by a fingerprint, but different at every moment of one machine."""


class Agreement(NamedTuple):
    """One contrast in one metric, as both runs judge it."""

    contrast: Contrast
    metric: str
    one: Outcome
    other: Outcome

    @property
    def called(self) -> bool:
        """Whether both runs say something."""
        return all(outcome.verdict not in (None, "cannot-tell") for outcome in (self.one, self.other))

    @property
    def agree(self) -> bool:
        """Whether one ratio could be what both say; so it is where one of them says nothing.

        *Equivalent* and *slower* both hold for 1.03: they contradict each other only where the interval of
        the second lies beyond the margin.
        """
        if not self.called or self.one.verdict == self.other.verdict:
            return True
        moved = [one.estimate for one in (self.one, self.other) if one.verdict != "equivalent"]
        return len(moved) == 1 and moved[0] is not None and not moved[0].beyond_margin


def differences(one: Run, other: Run) -> list[str]:
    """Return what is not the same about two runs, apart from their figures; each as a line."""
    a, b = one.header, other.header
    parts: list[tuple[str, Mapping[str, str], Mapping[str, str]]] = [
        ("", {"pinning": a.pinning}, {"pinning": b.pinning}),
        ("", _lasting(a.environment), _lasting(b.environment)),
        ("package ", a.packages, b.packages),
        ("setting ", a.settings, b.settings),
        ("scenario ", _scenarios(one), _scenarios(other)),
    ]
    found = []
    for kind, first, second in parts:
        found += [
            f"{kind}{name}: {first.get(name, 'none')} against {second.get(name, 'none')}"
            for name in sorted(first.keys() | second.keys())
            if first.get(name, "none") != second.get(name, "none")
        ]
    return found


def _lasting(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name not in _MOMENT}


def _scenarios(run: Run) -> dict[str, str]:
    return {scenario.id: scenario.words for scenario in run.header.scenarios}


def agreements(one: View, other: View) -> list[Agreement]:
    """Return every contrast and metric that both runs asked for, judged by both; the A/A pair is no claim."""
    seen = {(outcome.contrast, outcome.metric): outcome for outcome in other.outcomes}
    return [
        Agreement(outcome.contrast, outcome.metric, outcome, seen[outcome.contrast, outcome.metric])
        for outcome in one.outcomes
        if (outcome.contrast, outcome.metric) in seen
        and outcome.contrast.question != "a/a"
        and one.was_asked(outcome.contrast, outcome.metric)
        and other.was_asked(outcome.contrast, outcome.metric)
    ]


def changes(one: View, other: View) -> list[tuple[str, str, Interval]]:
    """Return (cell, metric, second run over first) wherever both have figures."""
    found = []
    for (cell, name), figure in one.figures.items():
        second = other.figures.get((cell, name))
        if second is None or figure.absence is not None or second.absence is not None:
            continue
        change = unpaired(log_values(second.blocks), log_values(figure.blocks))
        if change is not None:
            found.append((cell, name, change))
    return found


def show_comparison(first: Run, second: Run, console: Console) -> bool:
    """Print the two side by side; return whether they agree wherever both call a contrast."""
    one, other = view(first), view(second)
    for name, run in (("A", first), ("B", second)):
        header = run.header
        console.print(Text(f"{name}  {header.started_at}  {header.blocks} blocks  {header.command}"))
    unlike = differences(first, second)
    if unlike:
        console.print(Text("Not alike, so a change may be any of these and not the code's:", style="yellow"))
        for line in unlike:
            console.print(Text(f"  {line}", style="yellow"))
    judged = agreements(one, other)
    called = [each for each in judged if each.called]
    apart = [each for each in called if not each.agree]
    alike = len(called) - len(apart)
    console.print(
        f"\nOf {len(judged)} contrasts asked of both, both call {len(called)}: [bold]{alike} alike[/], "
        f"{len(apart)} not.",
        markup=True,
    )
    brief = first.header.parts or second.header.parts  # hundreds of pairs: main effects stand for them
    shown = [each for each in judged if each.contrast.main or (each.called and not (brief and each.agree))]
    console.print(_contrasts(shown))
    changed = changes(one, other)
    loads = (names for kinds in _COLUMNS for names in one.by_load(one.shown(*kinds)))
    for names in loads:
        table = _cells(one, changed, names)
        if table.row_count:
            console.print()
            console.print(table)
    console.print(
        Text(
            "B over A, unpaired: what changed on the machine between the runs is part of it. Each interval "
            "is its own: where nothing changed, one of twenty leaves 1 out by chance.",
            style="dim",
        )
    )
    return not apart


def _contrasts(judged: list[Agreement]) -> Table:
    table = _table("contrast", "metric", "A", "B", "")
    for each in judged:
        contrast = each.contrast
        words = f"{upper(contrast.first)} / {contrast.second}, {over([each.one])}"
        mark = Text("") if each.agree else Text("DISAGREE", style="bold red")
        said = (_said(outcome) for outcome in (each.one, each.other))
        table.add_row(words, each.metric, *said, mark)
    return table


def _said(outcome: Outcome) -> str:
    estimate = outcome.estimate
    if estimate is None:
        return verdict_word(outcome)
    return f"{estimated(estimate)} {verdict_word(outcome)}"


def _cells(found: View, changed: list[tuple[str, str, Interval]], shown: list[str]) -> Table:
    by_cell = {(cell, name): change for cell, name, change in changed}
    table = _table("cell, B over A", *shown)
    for cell in found.run.header.cells:
        values = [by_cell.get((cell.id, name)) for name in shown]
        if any(values):
            table.add_row(
                cell.label, *(_change(value, name) for value, name in zip(values, shown, strict=True))
            )
    return table


def _change(change: Interval | None, name: str) -> Text:
    if change is None:
        return Text(DASH, style="dim")
    text = "{} ({})".format(*ratio_interval(change.value, change.low, change.high))
    if change.low <= 1 <= change.high:
        return Text(text, style="dim")
    better = (change.value > 1) == (metric(name).better == "more")
    return Text(text, style="green" if better else "yellow")


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column(first)
    for name in others:
        table.add_column(name)
    return table
