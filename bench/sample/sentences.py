"""What a run says of each choice, in words and in one table; how sure comes with it. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import get_args

from bench.contrasts import Contrast, Outcome, Question
from bench.metrics import metric
from bench.report.choice import ends, how_much, least_and_most, pick, said, where_it_differs
from bench.report.matters import dependences, matters, share_interval
from bench.report.verdict import leading
from bench.report.view import View
from bench.report.words import CANNOT_TELL, absence_word, between, inside, level_name, listed, upper
from bench.sample.charts import read
from bench.stats import Verdict

__all__ = ["BLOCKS", "bullets", "table", "wrapped"]

_WIDTH = 118
_HEADED = ("rps", "cpu-request", "cpu-event", "response-p50")
_SHORT = ("rps", "cpu-event", "response-p50")
_CHOICES: tuple[Question, ...] = ("framework", "server", "route", "loop", "engine")
_ANSWERED: tuple[Question, ...] = (*_CHOICES, "recipe", "django")
_SILENT = ("not-run", "not-asked", "unsupported")  # the table in short says so
_NO_SHARES = "This run has no shares to tell: fewer than two choices vary between its cells, or three blocks."
_ABOUT = {"django": "leaving Django", "a/a": "itself"}


def wrapped(text: str, indent: str = "") -> list[str]:
    """Return the text in lines that are not too long to be read in a diff."""
    return textwrap.wrap(
        text, _WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def bullets(lines: Iterable[str]) -> str:
    """Return a Markdown list of sentences."""
    return "\n".join(part for line in lines for part in wrapped(f"- {line.rstrip('.')}.", indent="  "))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def _answers(found: View, more: str = "") -> str:
    """Each choice: what to pick, and its ratio in each of the headline metrics: what is asked first of every
    question, or the ``more`` there is."""
    asked = [leading(found.asked(question)) for question in _ANSWERED]
    if not any(asked):
        return "No two cells of this run differ in one choice."
    names = read(found, *_SHORT)
    rows = []
    for contrast in (one for of in asked for one in (of[1:] if more else of[:1])):
        cells = [_told(found, found.outcome(contrast, name)) for name in names]
        first, second = _apart(contrast.first, contrast.second)
        rows.append([f"{upper(first)} over {second}", pick(found, contrast).who, *cells])
    return table(["", "pick", *map(found.title, names)], rows)


def _apart(first: str, second: str) -> tuple[str, str]:
    """Return two names without what both end in: the server, mostly."""
    (one, _, tail), (other, _, same) = first.rpartition(", "), second.rpartition(", ")
    return (one, other) if one and other and tail == same else (first, second)


def _told(found: View, outcome: Outcome) -> str:
    if outcome.estimate is None:
        return absence_word(outcome.absence) if outcome.absence else ""
    if apart := least_and_most(found, outcome):
        return f"{how_much(outcome)} on average, from {apart}"
    unsure = {"cannot-tell": CANNOT_TELL, "equivalent": "the same"}.get(outcome.verdict or "", "")
    return ", ".join(filter(None, (how_much(outcome), unsure)))


def _choice(found: View, question: str, *wanted: str) -> str:
    """One choice, sentence by sentence; ``wanted``: in which metrics, those of the quick plan unless told."""
    assert question in get_args(Question), question
    names = [name for name in read(found, *(wanted or _HEADED)) if metric(name).headline]
    lines = [
        said(found, outcome, found.load(metric(name).scenario))
        for contrast in leading(found.asked(question))
        for name in names
        if (outcome := found.outcome(contrast, name)).absence is None or outcome.absence.reason not in _SILENT
    ]
    return bullets(lines) if lines else _unasked(f"about {_ABOUT.get(question, f'the {question}')}")


def _pick(found: View, *wanted: str) -> str:
    """What to pick of each choice by one metric after the other, and which choices it does not decide."""
    lines = []
    for name in read(found, *wanted):
        outcomes = [
            outcome
            for question in _CHOICES
            for contrast in leading(found.asked(question))
            if (outcome := found.outcome(contrast, name)).estimate
        ]
        sure = [one for one in outcomes if one.verdict in ("more", "less")]
        parts = [_better(found, one) for one in sure]
        if open_ := [f"{one.contrast.first} or {one.contrast.second}" for one in outcomes if one not in sure]:
            parts.append(f"it does not decide {', '.join(open_)}")
        if parts:
            lines += [f"- By {inside(found.title(name))}:"]
            lines += [line for part in parts for line in wrapped(f"  - {part}.", indent="    ")]
    return "\n".join(lines) if lines else _unasked("about what to pick")


def _better(found: View, outcome: Outcome) -> str:
    """Return who is the better of two that are told apart, and by how much."""
    first, second = outcome.contrast.first, outcome.contrast.second
    turned = outcome.verdict != metric(outcome.metric).better
    apart = least_and_most(found, outcome, turned=turned)
    who, loser = (second, first) if turned else (first, second)
    much = how_much(outcome, turned=turned) + (f" on average, from {apart}" if apart else "")
    return f"{who} over {loser} {much}"


def _matters(found: View) -> str:
    """Which choice explains how much of what differs between the products."""
    lines = [matters(one) for one in found.decompositions]
    return bullets([*lines, *dependences(found)]) if lines else _NO_SHARES


def _order(found: View, name: str) -> str:
    """The choices in the order of what they explain of one metric, each with its share."""
    one = next((one for one in found.decompositions if one.metric == name), None)
    if one is None:
        return _NO_SHARES
    shares = sorted(one.shares.items(), key=lambda part: -part[1])
    named = ", ".join(f"{factor} {share_interval(one, factor)}" for factor, _ in shares)
    return bullets(
        [f"Of what differs between {one.cells} of the apps' cells in {inside(found.title(name))}: {named}"]
    )


def _same(found: View) -> str:
    """What the run found to be the same: nothing else does not matter."""
    none = "This run found no two of its choices to be the same whatever else is chosen."
    told = _judged(found, "equivalent", "The same", none)
    parts = [
        f"{outcome.contrast.first} and {outcome.contrast.second} with "
        f"{listed(list(map(level_name, one.levels.values())))}, in {inside(found.title(outcome.metric))} "
        f"({between(one.estimate.low, one.estimate.high)})"
        for outcome in _outcomes(found)
        for one in where_it_differs(found, outcome)
        if one.estimate.within_margin
    ]
    return "\n\n".join([told, *([bullets([f"But the same: {'; '.join(parts)}"])] if parts else [])])


def _outcomes(found: View) -> list[Outcome]:
    """Return what was asked of each choice in each of the headline metrics."""
    asked = [one for question in _CHOICES for one in leading(found.asked(question))]
    return [found.outcome(contrast, name) for contrast in asked for name in read(found, *_HEADED)]


def _untold(found: View) -> str:
    """What the run could not tell: that is said of the run, not of the choices."""
    return _judged(found, "cannot-tell", "Not told apart", "This run could tell all that it was asked.")


def _judged(found: View, verdict: Verdict, title: str, none: str) -> str:
    if not (asked := _outcomes(found)):
        return _unasked("about what does not matter")
    parts = [
        f"{one.contrast.first} and {one.contrast.second} in {inside(found.title(one.metric))}"
        f" ({_between(one)})"
        for one in asked
        if one.verdict == verdict and not found.depends_on(one.contrast, one.metric)
    ]
    return bullets([f"{title}: {'; '.join(parts)}"]) if parts else none


def _between(outcome: Outcome) -> str:
    return between(outcome.estimate.low, outcome.estimate.high) if outcome.estimate else ""


def _leaving(found: View) -> str:
    """What another framework gives over Django with the same client, and what the apps give."""
    asked = found.asked("django")
    groups = {cell.id: cell.group for cell in found.cells}
    of = {
        "Another framework over the same client": [c for c in asked if groups[c.pairs[0][0]] == "baseline"],
        "One of the apps": [c for c in asked if groups[c.pairs[0][0]] == "product"],
    }
    names = read(found, *_SHORT)
    lines = [
        f"{who} {_spans(found, contrasts, names)} of what Django on ASGI has"
        for who, contrasts in of.items()
        if contrasts
    ]
    return bullets(lines) if lines else _unasked(f"about {_ABOUT['django']}")


def _spans(found: View, contrasts: Sequence[Contrast], names: Sequence[str]) -> str:
    parts = []
    for name in names:
        outcomes = [found.outcome(contrast, name) for contrast in contrasts]
        if (apart := ends(outcomes)) is None:
            continue
        unsure = sum(outcome.verdict == "cannot-tell" for outcome in outcomes)
        told = f" ({unsure} of {len(outcomes)} cannot be told apart)" if unsure else ""
        parts.append(f"{between(*apart)} the {inside(found.title(name))}{told}")
    return f"has {', '.join(parts)}" if parts else "has no figure in terms"


def _unasked(about: str) -> str:
    return f"This run says nothing {about}: it has no cells that differ in that alone."


BLOCKS: Mapping[str, Callable[..., str]] = {
    "answers": _answers,
    "choice": _choice,
    "leaving": _leaving,
    "matters": _matters,
    "order": _order,
    "pick": _pick,
    "same": _same,
    "untold": _untold,
}
