"""The verdict: what to pick for each question, and the sentences behind it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from bench.contrasts import Contrast, Question
from bench.figures import extra_cost
from bench.metrics import metric
from bench.report.choice import (
    CAPACITY,
    OF_STREAMS,
    Pick,
    how_much,
    pair_by_pair,
    pick,
    rows_where,
    said,
    span,
)
from bench.report.view import View
from bench.report.words import CANNOT_TELL, DASH, SHORT, absence_word, upper, value_interval

__all__ = [
    "CHOICES",
    "H11",
    "PARSER",
    "Answer",
    "client_cost",
    "leading",
    "leading_answers",
    "picks",
]

_SAID = ("rps", "mb-s", "cpu-event", "kib-stream", "response-p50", "fanout-p50")
PARSER = "Parser of uvicorn"
H11 = " (h11)"
"""How a server is named that parses with it where it would not by itself."""
_PARSERS = {
    ("uvicorn", "hypercorn"): (
        "Server with its parser",
        "uvicorn parses with httptools, in C, hypercorn with h11, in Python: the parser is part of it",
    ),
    ("uvicorn (h11)", "hypercorn"): (
        "Server (parser equal)",
        "Both parse with h11, in Python: the parser is held equal",
    ),
    ("uvicorn", "uvicorn (h11)"): (PARSER, "httptools parses in C, h11 in Python"),
}
_MEANS: dict[Question, str] = {
    "route": "A handler is an endpoint of the framework, a mount an ASGI app that hangs in it",
    "engine": "What asks the upstream: wire is this project's own, each other one a library",
    "recipe": "The recipe: the few lines around one shared httpx client that people copy",
}
"""What only who knows the project would know."""
CHOICES: tuple[Question, ...] = ("framework", "server", "route", "loop", "engine")
_CARDS = 9
_LINES = 9  # of a card, however much of it is folded away
_UNASKED = ("not-run", "not-asked", "unsupported")


class Answer(NamedTuple):
    """A question, what to pick, the sentences behind it, and what they are about."""

    question: str
    choice: Pick
    lines: list[str]
    contrasts: list[Contrast]
    first: bool = False
    """Whether it is what who chooses asks first."""
    note: str = ""
    """What has to be known with the choice."""
    where: Sequence[tuple[str, str]] = ()
    """With what, and the ratio there, of a main effect that other choices change."""
    pairs: tuple[str, list[str]] = ("", [])
    """In what, and pair by pair, where a main effect has to be seen so."""

    @property
    def told(self) -> list[str]:
        """The sentences to show first: the first, and where that cannot tell, the first that can."""
        first, rest = self.lines[:1], self.lines[1:]
        if first and _unsure(first[0]):
            first += [line for line in rest if not _unsure(line)][:1]
        return first


def _unsure(line: str) -> bool:
    return f": {CANNOT_TELL}" in line


_BESIDE: dict[Question, tuple[str, str]] = {
    "ceiling": ("What safety costs", "Over the sketch: the same job, with nothing checked"),
    "peer": ("Other proxies", ""),
}
"""A title, and what has to be known with it."""


def picks(found: View) -> list[Answer]:
    """Return the answer to each question that was asked."""
    rows = []
    for question in CHOICES:
        for place, contrast in enumerate(leading(found.asked(question))):
            title = upper(question) + (f": {contrast.first} or {contrast.second}" if place else "")
            means = "" if place else _MEANS.get(question, "")
            named, note = _PARSERS.get((contrast.first, contrast.second), (title, means))
            lines = _sentences(found, contrast)
            lines += client_cost(found, contrast).values() if question == "engine" else []
            name = found.first(*CAPACITY, *OF_STREAMS)
            if engine := found.only_with(contrast, name):
                note = f"{note}. " * bool(note) + f"With {engine}; another engine gives another ratio"
            where, pairs = rows_where(found, found.outcome(contrast, name)), _pairs(found, contrast, name)
            choice = pick(found, contrast)
            rows.append(Answer(named, choice, lines, [contrast], not place, note, where, pairs))
    rows += [
        Answer(
            f"{upper(contrast.first)} or the recipe",
            pick(found, contrast),
            _sentences(found, contrast),
            [contrast],
            first=True,
            note=_MEANS["recipe"],
        )
        for contrast in found.asked("recipe")
    ]
    for title, asked, note, today in _beside(found):
        told = {contrast: line for contrast in asked if (line := _in_short(found, contrast))}
        if told:
            rows.append(Answer(title, span(found, [*told]), [*told.values()], [*told], today, note))
    return rows


def _beside(found: View) -> Iterator[tuple[str, list[Contrast], str, bool]]:
    """Yield what is asked of several at once, what has to be known with it, and whether it is of what people
    have. To leave Django is to leave its framework, or more."""
    apps, alike = _of_ours(found, "django")
    too = "The client is another, too: this is not the framework's doing alone"
    yield "From Django to our apps", apps, too, True
    yield "From Django, same client", alike, "The recipe in each: nothing but the framework is another", True
    apps, recipes = _of_ours(found, "habit")
    yield "From other ways to our app", apps, _ways(apps), True
    yield "The recipe over other ways", recipes, _ways(recipes), False
    for question, (title, note) in _BESIDE.items():
        yield title, found.asked(question), note, False


def _of_ours(found: View, question: Question) -> tuple[list[Contrast], list[Contrast]]:
    """Return (those that hold an app of ours against what people have, the others)."""
    asked = found.asked(question)
    apps = [one for one in asked if found.cell(one.pairs[0][0]).group == "product"]
    return apps, [one for one in asked if one not in apps]


def _ways(asked: Sequence[Contrast]) -> str:
    return f"What people write as well: {'; '.join(one.second for one in asked)}"


def _pairs(found: View, contrast: Contrast, name: str) -> tuple[str, list[str]]:
    """Return the pairs of frameworks, which are what is asked first, and of any choice that depends."""
    if not contrast.main or not (contrast.question == "framework" or found.depends_on(contrast, name)):
        return "", []
    what = f"{contrast.first} over {contrast.second}, {SHORT[metric(name).kind]}"
    return what, pair_by_pair(found, contrast, name)


def leading_answers(answers: Sequence[Answer]) -> tuple[list[Answer], list[Answer]]:
    """Return (those for a first screen, the rest): of many, one for each choice, and what people have."""
    if len(answers) <= _CARDS:
        return list(answers), []
    first = [answer for answer in answers if answer.first]
    return first, [answer for answer in answers if answer not in first]


def leading(asked: list[Contrast]) -> list[Contrast]:
    """Return one contrast for each two levels: the main effect, or the first pair where there is none."""
    first: dict[tuple[str, str], Contrast] = {}
    for contrast in asked:
        first.setdefault((contrast.first, contrast.second), contrast)
    return list(first.values())


def client_cost(found: View, contrast: Contrast) -> dict[str, str]:
    """Return what the dearer client of two costs, in µs of CPU and as a share, in a sentence for each metric;
    nothing where there is no telling."""
    lines = {}
    for name in found.shown("cpu-request", "cpu-event"):
        outcome = found.outcome(contrast, name)
        extra = extra_cost(found.figures, contrast.pairs, name)
        if outcome.estimate is None or extra is None or outcome.verdict != "less":
            continue
        ratios = (outcome.estimate.ratio, outcome.estimate.high, outcome.estimate.low)
        share, low, high = (100 * (1 - one) for one in ratios)
        unit = "request" if metric(name).kind == "cpu-request" else "SSE event"
        mean = " on average" if found.depends_on(contrast, name) else ""  # it is another in each pair
        lines[name] = (
            f"The client {contrast.second} costs {value_interval(extra)} µs more CPU per {unit} than "
            f"{contrast.first}{mean}: {share:.0f}% ({low:.0f}{DASH}{high:.0f}) "
            f"of the whole{_under(found, name)}"
        )
    return lines


def _under(found: View, name: str) -> str:
    of = metric(name)
    return f" [{found.load(of.scenario)}]" if of.id != of.kind else ""


def _sentences(found: View, contrast: Contrast) -> list[str]:
    # what was never asked for is no news; what failed is
    outcomes = [
        one
        for name in found.shown(*_SAID)
        if (one := found.outcome(contrast, name)).absence is None or one.absence.reason not in _UNASKED
    ]
    if len(outcomes) > _LINES:  # the effects tell every load; here is one of each kind
        outcomes = list({metric(one.metric).kind: one for one in reversed(outcomes)}.values())[::-1]
    return [said(found, one, _under(found, one.metric).strip(" []")) for one in outcomes]


def _in_short(found: View, contrast: Contrast) -> str:
    """Return one contrast as one line, in the quick plan's loads where it was asked them, or in one of each
    kind: there are many of its kind."""
    parts: dict[str, str] = {}
    judged = found.shown(*SHORT)
    usual = [name for name in judged if metric(name).id == metric(name).kind]
    for name in [name for name in usual if found.outcome(contrast, name).estimate] or judged:
        outcome, kind = found.outcome(contrast, name), metric(name).kind
        if outcome.estimate is not None:
            unsure = f", {CANNOT_TELL}" if outcome.verdict == "cannot-tell" else ""
            figure = how_much(outcome)
            parts.setdefault(kind, f"{SHORT[kind]} {figure}{unsure}{_under(found, name)}")
        elif outcome.absence is not None and outcome.absence.reason not in _UNASKED:
            parts.setdefault(kind, f"{SHORT[kind]}: {absence_word(outcome.absence)}")
    return f"{upper(contrast.first)} over {contrast.second}: {'; '.join(parts.values())}" if parts else ""
