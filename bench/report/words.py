"""The sentences of a report: each figure in plain words, with its interval and its verdict. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bench.contrasts import Outcome, server_name
from bench.metrics import Metric, metric
from bench.record import Absence, Dropped
from bench.stats import MARGIN, Estimate, Interval

__all__ = [
    "CANNOT_TELL",
    "CLIENTS",
    "DASH",
    "FIGURES",
    "SHORT",
    "STREAMS",
    "TIMES",
    "absence_word",
    "between",
    "changed_versions",
    "duration",
    "estimated",
    "inside",
    "left_out",
    "level_name",
    "listed",
    "number",
    "over",
    "place",
    "ratio",
    "ratio_interval",
    "sentence",
    "upper",
    "value_interval",
    "verdict_word",
]

TIMES = "\N{MULTIPLICATION SIGN}"
DASH = "\N{EN DASH}"
"""Also what stands where there is nothing to show."""
CANNOT_TELL = "cannot tell"

FIGURES = (
    "rps",
    "cpu-request",
    "mb-s",
    "cpu-mb",
    "cpu-event",
    "burst-whole",
    "kib-stream",
    "kept-request",
    "fanout-p50",
    "cpu-fanout",
    "queue-p90",
    "served",
    "in-turn",
    "cold-start",
)
"""The kinds of metrics that a cell is shown by."""

STREAMS = ("gap-p50", "events-delivery", "unstalled")
"""Those of what becomes of an event on its way, which have a section of their own."""

CLIENTS = ("slow-p99", "kib-held", "kib-rise", "gone-first", "gone-head", "gone-stream", "gone-blocked")
"""Those of clients that are slow or leave, which stand in tables of their own."""

_PROGRAMS = ("uvicorn", "hypercorn")
_NAMES = (
    *(*_PROGRAMS, "uvloop", "wire", "httpx", "aiohttp"),
    *("nginx", "haproxy", "caddy", "asgiproxy", "fastapi-proxy-lib"),
)

_ABSENCES = {
    "below-resolution": "below resolution",
    "rig-bound": "rig-bound",
    "saturated": "saturated",
    "unsupported": "n/a",
    "failed": "FAILED",
    "too-few-samples": "too few samples",
    "not-run": "not run",
    "not-asked": "not asked",
}

_SENTENCES = {
    "rps": "serves {ratio} the requests per second of",
    "cpu-request": "needs {ratio} the CPU per request of",
    "cpu-event": "needs {ratio} the CPU per SSE event of",
    "response-p50": "answers in {ratio} the time (p50) of",
    "ttfe-p50": "brings the first event in {ratio} the time (p50) of",
    "delay-p50": "passes an event on in {ratio} the time (p50) of",
    "mb-s": "hands on {ratio} the MB per second of",
    "cpu-mb": "needs {ratio} the CPU per MB of",
    "burst-whole": "hands a burst on in {ratio} the time (p50) of",
    "gone-stream": "lets its upstream go in {ratio} the time (p50, the client gone mid-stream) of",
    "slow-p99": "passes an event on beside slow readers in {ratio} the time (p99) of",
    "kib-stream": "holds {ratio} the memory per open stream of",
    "kept-request": "keeps {ratio} the memory per request of",
    "fanout-p50": "answers a fan-out in {ratio} the time (p50) of",
    "fanout-p90": "answers a fan-out in {ratio} the time (p90) of",
    "cpu-fanout": "needs {ratio} the CPU per fan-out of",
    "queue-p50": "lets wait {ratio} the time (p50) of",
    "queue-p90": "lets wait {ratio} the time (p90) of",
    "served": "serves {ratio} of those that are served by",
    "in-turn": "serves {ratio} of those in turn that are by",
    "cold-start": "gives its first answer in {ratio} the time (from its start) of",
    "gap-p50": "bends the gaps between events {ratio} as far (p50) as",
    "events-delivery": "hands on {ratio} the events per delivery of",
    "unstalled": "hands on {ratio} the events without a stall of",
}

SHORT = {
    "rps": "requests/s",
    "cpu-request": "CPU per request",
    "mb-s": "MB/s",
    "cpu-mb": "CPU per MB",
    "cpu-event": "CPU per event",
    "burst-whole": "time of a burst",
    "gone-stream": "time to let go when a client leaves",
    "slow-p99": "event delay p99 beside slow readers",
    "fanout-p50": "fan-out p50",
    "cpu-fanout": "CPU per fan-out",
    "kib-stream": "memory per stream",
    "response-p50": "response p50",
}
"""What each is called in a line that holds many."""


def number(value: float) -> str:
    """Return three significant digits with thousands apart: 1,680, 59.8, 0.714."""
    if value == 0:
        return "0"
    size = abs(value)
    digits = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 else 3
    rounded = round(value, -int(len(str(int(size))) - 3)) if size >= 1000 else value
    return f"{rounded:,.{digits}f}"


def ratio(value: float) -> str:
    """Return a ratio with as many digits as can matter: 0.071x, 0.71x, 1.08x, 2.9x."""
    return f"{value:.{_digits(value)}f}{TIMES}"


def _digits(value: float) -> int:
    return 1 if value >= 1.95 else 2 if value >= 0.195 else 3


def _ends(low: float, high: float) -> tuple[str, str]:
    """Return the ends of a ratio's interval, in the digits of `ratio`, or so many as tell them apart."""
    digits = min(_digits(low), max(2, _digits(high)))
    if f"{low:.{digits}f}" == f"{high:.{digits}f}":  # an interval of no width would claim too much
        digits += 1
    return f"{low:.{digits}f}", f"{high:.{digits}f}"


def ratio_interval(value: float, low: float, high: float) -> tuple[str, str]:
    """Return a ratio and its interval in the same digits, those that the interval can be told by."""
    ends = _ends(low, high)
    return f"{value:.{len(ends[0].partition('.')[2])}f}{TIMES}", DASH.join(ends)


def estimated(estimate: Estimate) -> str:
    """Return an estimate's ratio with its interval: 1.17x (1.14-1.19)."""
    return "{} ({})".format(*ratio_interval(estimate.ratio, estimate.low, estimate.high))


def between(low: float, high: float) -> str:
    """Return what lies between two ratios: 1.22-1.43x; ends that are far apart in digits of their own."""
    if high < 2 * low:
        return DASH.join(_ends(low, high)) + TIMES
    return f"{ratio(low).removesuffix(TIMES)}{DASH}{ratio(high)}"


def value_interval(found: Interval) -> str:
    """Return a figure with its interval: 1,680 (1,650-1,710)."""
    return f"{number(found.value)} ({number(found.low)}{DASH}{number(found.high)})"


def absence_word(absence: Absence) -> str:
    """Return what stands where a figure is missing; never a zero."""
    return _ABSENCES[absence.reason]


def left_out(dropped: Iterable[Dropped]) -> list[tuple[str, str, list[str]]]:
    """Return (part, since when and why, cells) of what was left out, alike ones together."""
    alike: dict[tuple[str, str], list[str]] = {}
    for one in dropped:
        since = f"after block {one.from_block}" if one.from_block else "from the start"
        alike.setdefault((one.part, f"left out {since}: {one.why}"), []).append(one.cell)
    return [(part, why, cells) for (part, why), cells in alike.items()]


def duration(seconds: float) -> str:
    """Return minutes and seconds."""
    whole = round(seconds)
    return f"{whole // 60} min {whole % 60:02d} s" if whole >= 60 else f"{whole} s"


def verdict_word(outcome: Outcome) -> str:
    """Return the verdict of ``first`` against ``second`` in the metric's own words."""
    of = metric(outcome.metric)
    if outcome.verdict is None:
        return absence_word(outcome.absence) if outcome.absence else CANNOT_TELL
    if outcome.verdict == "equivalent":
        return f"equivalent within ±{MARGIN * 100:g} %"
    if outcome.verdict == "cannot-tell":
        return CANNOT_TELL
    return _direction(of, outcome.verdict == "more")


def _direction(of: Metric, is_more: bool) -> str:
    return of.more if is_more else of.less


def sentence(
    outcome: Outcome,
    load: str = "",
    *,
    apart: str = "",
    depends: bool = False,
) -> str:
    """Return one contrast in one metric as a sentence with interval and verdict; ``load``: under which.

    ``apart``: what it is at least and at most, where other choices change it; ``depends``: so that nothing
    is true of all.
    """
    contrast = outcome.contrast
    says = _SENTENCES[metric(outcome.metric).kind]
    under = f" [{load}]" if load else ""
    if outcome.estimate is None:
        why = outcome.absence.detail if outcome.absence else ""
        return f"{upper(contrast.first)} against {contrast.second}{under}: {verdict_word(outcome)} ({why})"
    estimate = outcome.estimate
    if depends:
        return f"{upper(contrast.first)} {says.format(ratio=apart)} {contrast.second}{under}: it depends"
    if outcome.verdict == "cannot-tell":
        # one number would read as a finding: the sentence says the range that this run leaves open
        low, high = _ends(estimate.low, estimate.high)
        verb = says.format(ratio=f"{low}{TIMES} to {high}{TIMES}")
        # its own interval may leave one out, where the correction for all that was asked does not
        alone = "" if estimate.low <= 1 <= estimate.high else ", corrected for what was asked with it"
        return f"{upper(contrast.first)} {verb} {contrast.second}{under}: {verdict_word(outcome)}{alone}"
    value, ends = ratio_interval(estimate.ratio, estimate.low, estimate.high)
    verb = says.format(ratio=value)
    mean = f" on average, from {apart}" if apart else ""
    said = f"{upper(contrast.first)} {verb} {contrast.second} ({ends}){mean}"
    return f"{said}{under}: {verdict_word(outcome)}"


def changed_versions(data: Mapping[str, str], installed: Mapping[str, str]) -> list[str]:
    """Return which of the packages ``installed`` here have another version in the data, or none there."""
    return [
        f"{name} {data.get(name, 'none')} in the data, {version} here"
        for name, version in installed.items()
        if data.get(name, "none") != version
    ]


def over(outcomes: Sequence[Outcome]) -> str:
    """Return what a contrast holds equal; of a main effect over how many pairs, which were asked, it is."""
    counts = sorted({one.pairs for one in outcomes if one.estimate is not None})
    if not outcomes[0].contrast.main or not counts:
        return outcomes[0].contrast.where
    return f"over {' to '.join(map(str, counts[:: max(1, len(counts) - 1)]))} pairs"


def level_name(level: str) -> str:
    """Return a factor's level as people call it: the server without its usual parser."""
    return server_name(level) if level.startswith(_PROGRAMS) else level


def place(shared: tuple[int, int]) -> str:
    """Return the places that a cell may hold: 1, or 2-4 when this run does not tell them apart."""
    best, worst = shared
    return str(best) if best == worst else f"{best}{DASH}{worst}"


def upper(text: str) -> str:
    """Return text as a sentence or title begins."""
    # names of programs keep their case at the start of a sentence
    return text if text.startswith(_NAMES) else text[:1].upper() + text[1:]


def inside(title: str) -> str:
    """Return a title as it stands within a sentence."""
    return title if title[:2].isupper() else title[:1].lower() + title[1:]


def listed(parts: Sequence[str]) -> str:
    """Return what stands in a sentence for several: a, b and c."""
    return " and ".join(filter(None, (", ".join(parts[:-1]), *parts[-1:])))
