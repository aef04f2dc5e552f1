"""The verdict: what to pick for each question, the sentences behind it, and what a run can resolve. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from bench.contrasts import Contrast, Outcome, Question
from bench.figures import extra_cost
from bench.metrics import metric
from bench.report.view import View
from bench.report.words import (
    CANNOT_TELL,
    DASH,
    SHORT,
    absence_word,
    interval,
    ratio,
    sentence,
    upper,
    value_interval,
)
from bench.stats import CONFIDENCE

__all__ = [
    "Answer",
    "client_cost",
    "doubts",
    "headline",
    "leading",
    "leading_answers",
    "pick",
    "picks",
    "resolution",
]

_SAID = ("rps", "mb-s", "cpu-event", "kib-stream", "response-p50", "fanout-p50")
_CAPACITY, _OF_STREAMS = ("rps", "mb-s", "fanout-p50"), ("cpu-event", "kib-stream")
_PARSERS = ("uvicorn parses with httptools, in C, hypercorn with h11, in Python: the parser is part of it",)
_CHOICES = ("Framework", "Server", "Route", "Engine")
_UNTOLD = "this run cannot tell"
_CARDS = 9
_UNASKED = ("not-run", "not-asked", "unsupported")


def resolution(found: View) -> str:
    """Return the first line of any report: what this run can tell apart, from the same cell run twice."""
    words = {"rps": "requests/s", "mb-s": "MB/s", "cpu-request": "CPU per request"}
    words |= {"cpu-event": "CPU per SSE event", "kib-stream": "memory per stream"}
    names = [(of, text) for kind, text in words.items() for of in found.shown(kind)[:1]]
    parts = [
        f"±{size * 100:.1f} % in {name}" for of, name in names if (size := found.resolution(of)) is not None
    ]
    if not parts:
        return "What this run can resolve is not known: it has no A/A pair with three blocks."
    text = (
        f"This run can resolve {', '.join(parts)} in one pair "
        f"(the same cell timed twice, {CONFIDENCE * 100:g} %)."
    )
    off = [
        name
        for of, name in names
        for contrast in found.asked("a/a")
        if (estimate := found.outcome(contrast, of).estimate) and not estimate.low <= 1 <= estimate.high
    ]
    if off:
        text += f" Its two arms differ in {', '.join(off)}: take differences of that size for noise."
    return text


class Answer(NamedTuple):
    """A question, what to pick in a few words, the sentences behind it, and what they are about."""

    question: str
    pick: str
    lines: list[str]
    contrasts: list[Contrast]
    first: bool = False
    """Whether it is what who chooses asks first."""

    @property
    def told(self) -> list[str]:
        """The sentences to show first: the first, and where that cannot tell, the first that can."""
        first, rest = self.lines[:1], self.lines[1:]
        if first and _unsure(first[0]):
            first += [line for line in rest if not _unsure(line)][:1]
        return first


def _unsure(line: str) -> bool:
    return f": {CANNOT_TELL}" in line


_BESIDE: dict[Question, str] = {
    "ceiling": "What safety costs",
    "peer": "Other proxies",
    "django": "From Django",
    "habit": "In the recipe's place",
}


def picks(found: View) -> list[Answer]:
    """Return the answer to each question that was asked."""
    rows = []
    for question in ("framework", "server", "route", "loop", "engine"):
        for place, contrast in enumerate(leading(found.asked(question))):
            title = upper(question) + (f": {contrast.first} or {contrast.second}" if place else "")
            lines = _sentences(found, contrast)
            lines += _PARSERS if contrast.first == "uvicorn" and contrast.second == "hypercorn" else ()
            lines += client_cost(found, contrast).values() if question == "engine" else []
            rows.append(Answer(title, pick(found, contrast), lines, [contrast], not place))
    rows += [
        Answer(
            f"{upper(contrast.first)} or the recipe",
            pick(found, contrast),
            _sentences(found, contrast),
            [contrast],
            first=True,
        )
        for contrast in found.asked("recipe")
    ]
    for question, title in _BESIDE.items():
        asked = [(contrast, _in_short(found, contrast)) for contrast in found.asked(question)]
        lines = [line for _, line in asked if line]
        if lines:
            told = [contrast for contrast, line in asked if line]
            today = question in ("django", "habit")
            rows.append(Answer(title, _span(found, question), lines, told, today))
    return rows


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
        low, high = 1 - outcome.estimate.high, 1 - outcome.estimate.low
        unit = "request" if metric(name).kind == "cpu-request" else "SSE event"
        lines[name] = (
            f"The client {contrast.second} costs {value_interval(extra)} µs of CPU per {unit} more than "
            f"{contrast.first}: {1 - outcome.estimate.ratio:.0%} ({low:.0%}{DASH}{high:.0%}) "
            f"of the whole{_under(found, name)}"
        )
    return lines


def _under(found: View, name: str) -> str:
    of = metric(name)
    return f" [{found.load(of.scenario)}]" if of.id != of.kind else ""


def _sentences(found: View, contrast: Contrast) -> list[str]:
    outcomes = [found.outcome(contrast, name) for name in found.shown(*_SAID)]
    # what was never asked for is no news; what failed is
    return [
        sentence(one, _under(found, one.metric).strip(" []"))
        for one in outcomes
        if one.absence is None or one.absence.reason not in _UNASKED
    ]


def _in_short(found: View, contrast: Contrast) -> str:
    """Return one contrast in all that it was asked in, as one line: there are many of its kind."""
    parts = []
    judged = found.shown(*SHORT)
    if found.run.header.parts:  # there are too many loads for a line: the usual one, where it was asked
        usual = [name for name in judged if metric(name).id == metric(name).kind]
        judged = [name for name in usual if found.outcome(contrast, name).estimate] or judged
    for name in judged:
        outcome = found.outcome(contrast, name)
        if outcome.estimate is not None:
            ends = interval(outcome.estimate.low, outcome.estimate.high)
            what = f"{SHORT[metric(name).kind]} {ratio(outcome.estimate.ratio)} ({ends})"
            unsure = f", {CANNOT_TELL}" if outcome.verdict == "cannot-tell" else ""
            parts.append(f"{what}{unsure}{_under(found, name)}")
        elif outcome.absence is not None and outcome.absence.reason not in _UNASKED:
            parts.append(f"{SHORT[metric(name).kind]}: {absence_word(outcome.absence)}")
    return f"{upper(contrast.first)} over {contrast.second}: {'; '.join(parts)}" if parts else ""


def pick(found: View, contrast: Contrast) -> str:
    """Judge by capacity first, by CPU per event where capacity decides nothing or where it says otherwise."""
    if not found.shown(*_CAPACITY, *_OF_STREAMS):
        return "no figure"
    capacity = found.outcome(contrast, found.first(*_CAPACITY))
    of_streams = [found.outcome(contrast, name) for name in found.shown(*_OF_STREAMS)]
    streams = next((one for one in of_streams if _winner(one)), [*of_streams, capacity][0])
    spared = "memory" if metric(streams.metric).kind == "kib-stream" else "CPU"
    by_capacity, by_streams = _winner(capacity), _winner(streams)
    if by_capacity and by_streams and by_streams != by_capacity:
        return f"{by_capacity} ({_times(capacity)}), but {by_streams} for streams ({_part(streams)} {spared})"
    if by_capacity:
        return f"{by_capacity} ({_times(capacity)})"
    if by_streams:
        return f"{by_streams}, for streams ({_part(streams)} {spared})"
    if capacity.verdict == "equivalent":
        return "either: no difference to choose by"
    return _UNTOLD if capacity.estimate or streams.estimate else "no figure"


def _span(found: View, question: str) -> str:
    """Return the range of the ratios of one question, in what capacity was read in."""
    name = found.first(*_CAPACITY, *_OF_STREAMS)
    ratios = [
        outcome.estimate.ratio
        for contrast in found.asked(question)
        if (outcome := found.outcome(contrast, name)).estimate is not None
    ]
    if not ratios:
        return "no figure"
    return f"{ratio(min(ratios))} to {ratio(max(ratios))}, {found.title(name).lower()}"


def _winner(outcome: Outcome) -> str:
    """Return the better of the two; empty when there is no telling."""
    if outcome.verdict not in ("more", "less"):
        return ""
    first = outcome.verdict == metric(outcome.metric).better
    return outcome.contrast.first if first else outcome.contrast.second


def _times(outcome: Outcome) -> str:
    return ratio(max(outcome.estimate.ratio, 1 / outcome.estimate.ratio)) if outcome.estimate else DASH


def _part(outcome: Outcome) -> str:
    return ratio(min(outcome.estimate.ratio, 1 / outcome.estimate.ratio)) if outcome.estimate else DASH


def doubts(found: View) -> str:
    """Return what the health of the run says against its figures, in one sentence; empty when nothing."""
    parts = [f"{one.name.lower()}: {one.value}" for one in found.health if one.level != "good"]
    return f"Read with doubt: {'; '.join(parts)}." if parts else ""


def headline(found: View) -> str:
    """Return the one sentence on top: what to pick, or that this run does not know."""
    if not found.healthy:
        return "Something is wrong with this run: read its health before its figures."
    asked = [(one.question.lower(), one.pick) for one in picks(found) if one.question in _CHOICES]
    parts = [f"{title}: {chosen}" for title, chosen in asked if chosen != _UNTOLD]
    untold = list(dict.fromkeys(title for title, chosen in asked if chosen == _UNTOLD))
    if untold:
        parts.append(f"no telling by {' or '.join(untold)}")
    return f"{upper('; '.join(parts))}." if parts else "No question could be answered from these cells."
