"""The sentences of a report: each figure in plain words, with its interval and its verdict. Pure."""

from __future__ import annotations

from bench.contrasts import Contrast, Outcome
from bench.metrics import Metric, metric
from bench.record import Absence, Dropped
from bench.report.view import View
from bench.stats import CONFIDENCE, MARGIN, Interval

__all__ = [
    "DASH",
    "TIMES",
    "absence_word",
    "duration",
    "headline",
    "interval",
    "left_out",
    "number",
    "picks",
    "ratio",
    "resolution",
    "sentence",
    "upper",
    "value_interval",
    "verdict_word",
]

TIMES = "\N{MULTIPLICATION SIGN}"
DASH = "\N{EN DASH}"
"""Also what stands where there is nothing to show."""

_ABSENCES = {
    "below-resolution": "below resolution",
    "rig-bound": "rig-bound",
    "saturated": "saturated",
    "unsupported": "n/a",
    "failed": "FAILED",
    "too-few-samples": "too few samples",
    "not-run": "not run",
}

_PARSERS = ("uvicorn parses with httptools, in C, hypercorn with h11, in Python: the parser is part of it",)
_UNASKED = ("not-run", "unsupported")

_SENTENCES = {
    "rps": "serves {ratio} the requests per second of",
    "cpu-request": "needs {ratio} the CPU per request of",
    "cpu-event": "needs {ratio} the CPU per SSE event of",
    "response-p50": "answers in {ratio} the time (p50) of",
    "ttfe-p50": "brings the first event in {ratio} the time (p50) of",
    "delay-p50": "passes an event on in {ratio} the time (p50) of",
}


def number(value: float) -> str:
    """Return three significant digits with thousands apart: 1,680, 59.8, 0.714."""
    if value == 0:
        return "0"
    size = abs(value)
    digits = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 else 3
    rounded = round(value, -int(len(str(int(size))) - 3)) if size >= 1000 else value
    return f"{rounded:,.{digits}f}"


def ratio(value: float) -> str:
    """Return a ratio with as many digits as can matter: 0.71x, 1.08x, 2.9x."""
    return (f"{value:.1f}" if value >= 1.95 else f"{value:.2f}") + TIMES


def interval(low: float, high: float) -> str:
    """Return the ends of a ratio's interval, in the digits of `ratio`."""
    return DASH.join(_ends(low, high))


def _ends(low: float, high: float) -> tuple[str, str]:
    digits = 1 if low >= 1.95 else 2
    return f"{low:.{digits}f}", f"{high:.{digits}f}"


def value_interval(found: Interval) -> str:
    """Return a figure with its interval: 1,680 (1,650-1,710)."""
    return f"{number(found.value)} ({number(found.low)}{DASH}{number(found.high)})"


def absence_word(absence: Absence) -> str:
    """Return what stands where a figure is missing; never a zero."""
    return _ABSENCES[absence.reason]


def left_out(dropped: Dropped) -> str:
    """Return since when a cell was left out, and why."""
    since = f"after block {dropped.from_block}" if dropped.from_block else "from the start"
    return f"left out {since}: {dropped.why}"


def duration(seconds: float) -> str:
    """Return minutes and seconds."""
    whole = round(seconds)
    return f"{whole // 60} min {whole % 60:02d} s" if whole >= 60 else f"{whole} s"


def verdict_word(outcome: Outcome) -> str:
    """Return the verdict of ``first`` against ``second`` in the metric's own words."""
    of = metric(outcome.metric)
    if outcome.verdict is None:
        return absence_word(outcome.absence) if outcome.absence else "cannot tell"
    if outcome.verdict == "equivalent":
        return f"equivalent within ±{MARGIN * 100:g} %"
    if outcome.verdict == "cannot-tell":
        return "cannot tell"
    return _direction(of, outcome.verdict == "more")


def _direction(of: Metric, is_more: bool) -> str:
    return of.more if is_more else of.less


def sentence(outcome: Outcome) -> str:
    """Return one contrast in one metric as a sentence with interval and verdict."""
    contrast = outcome.contrast
    if outcome.estimate is None:
        why = outcome.absence.detail if outcome.absence else ""
        return f"{upper(contrast.first)} against {contrast.second}: {verdict_word(outcome)} ({why})"
    estimate = outcome.estimate
    if outcome.verdict == "cannot-tell":
        # one number would read as a finding: the sentence says the range that this run leaves open
        low, high = _ends(estimate.low, estimate.high)
        verb = _SENTENCES[outcome.metric].format(ratio=f"{low}{TIMES} to {high}{TIMES}")
        return f"{upper(contrast.first)} {verb} {contrast.second}: {verdict_word(outcome)}"
    verb = _SENTENCES[outcome.metric].format(ratio=ratio(estimate.ratio))
    return (
        f"{upper(contrast.first)} {verb} {contrast.second} "
        f"({interval(estimate.low, estimate.high)}): {verdict_word(outcome)}"
    )


def resolution(found: View) -> str:
    """Return the first line of any report: what this run can tell apart, from the same cell run twice."""
    names = (("rps", "requests/s"), ("cpu-request", "CPU per request"), ("cpu-event", "CPU per SSE event"))
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


def picks(found: View) -> list[tuple[str, str, list[str]]]:
    """Return (question, pick in a few words, sentences behind it) for each question that was asked."""
    asked_for: list[tuple[str, Contrast]] = []
    for question, title in (("framework", "Framework"), ("server", "Server"), ("route", "Route")):
        asked = found.asked(question, main=True) or found.asked(question)
        if asked:
            asked_for.append((title, asked[0]))
    asked_for += [(f"{upper(contrast.first)} or the recipe", contrast) for contrast in found.asked("recipe")]
    rows = [(title, _pick(found, contrast), _sentences(found, contrast)) for title, contrast in asked_for]
    return [(title, pick, [*lines, *_PARSERS] if title == "Server" else lines) for title, pick, lines in rows]


def _sentences(found: View, contrast: Contrast) -> list[str]:
    outcomes = [found.outcome(contrast, of) for of in ("rps", "cpu-event", "response-p50")]
    # what was never asked for is no news; what failed is
    return [sentence(one) for one in outcomes if one.absence is None or one.absence.reason not in _UNASKED]


def _pick(found: View, contrast: Contrast) -> str:
    """Judge by capacity first, by CPU per event where capacity decides nothing or where it says otherwise."""
    capacity, streams = (found.outcome(contrast, of) for of in ("rps", "cpu-event"))
    by_capacity, by_streams = _winner(capacity), _winner(streams)
    if by_capacity and by_streams and by_streams != by_capacity:
        return f"{by_capacity} ({_times(capacity)}), but {by_streams} for streams ({_part(streams)} CPU)"
    if by_capacity:
        return f"{by_capacity} ({_times(capacity)})"
    if by_streams:
        return f"{by_streams}, for streams ({_part(streams)} CPU)"
    if capacity.verdict == "equivalent":
        return "either: no difference to choose by"
    return "this run cannot tell" if capacity.estimate is not None else "no figure"


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


def upper(text: str) -> str:
    """Return text as a sentence or title begins."""
    # names of programs keep their case at the start of a sentence
    return text if text.startswith(("uvicorn", "hypercorn")) else text[:1].upper() + text[1:]


def headline(found: View) -> str:
    """Return the one sentence on top: what to pick, or that this run does not know."""
    if not found.healthy:
        return "Something is wrong with this run: read its health before its figures."
    parts = [
        f"{title.lower()}: {pick}"
        for title, pick, _ in picks(found)
        if title in ("Framework", "Server", "Route")
    ]
    return f"{upper('; '.join(parts))}." if parts else "No question could be answered from these cells."
