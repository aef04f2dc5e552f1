"""What to pick of two, by how much, and where that is another. Pure.

A main effect is the mean of its pairs. Where another choice is seen to change it (`bench.dependence`), that
mean holds for no pair: beside it stands then what it is at least and at most, and with which other choice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from bench.contrasts import Contrast, Outcome
from bench.dependence import Under
from bench.factorial import FACTORS
from bench.metrics import metric
from bench.report.view import View
from bench.report.words import (
    CANNOT_TELL,
    SHORT,
    absence_word,
    between,
    level_name,
    listed,
    ratio_interval,
    sentence,
    verdict_word,
)
from bench.stats import Estimate

__all__ = [
    "CAPACITY",
    "OF_STREAMS",
    "UNTOLD",
    "Pick",
    "ends",
    "how_much",
    "least_and_most",
    "pair_by_pair",
    "pick",
    "rows_where",
    "said",
    "span",
    "where_it_differs",
    "winner",
]

CAPACITY, OF_STREAMS = ("rps", "mb-s", "fanout-p50"), ("cpu-event", "kib-stream")
UNTOLD = "this run cannot tell"
_CALLED = ("more", "less")


class Pick(NamedTuple):
    """What to pick: ``who`` without a figure; ``words``: by how much, and where that is another.

    Where one of two is picked, ``figure`` is the mean with its interval, in ``unit`` over ``loser``."""

    who: str
    words: str = ""
    figure: str = ""
    unit: str = ""
    loser: str = ""

    @property
    def whole(self) -> str:
        """All of it, as a sentence begins."""
        return ", ".join(filter(None, (self.who, self.words)))


def _pairs(found: View, contrast: Contrast, name: str) -> list[Outcome]:
    singles = found.asked(contrast.question, main=False) if contrast.main else [contrast]
    of_it = (found.outcome(one, name) for one in singles if one.pairs[0] in contrast.pairs)
    return [one for one in of_it if one.absence is None or one.absence.reason not in ("not-asked", "not-run")]


def ends(outcomes: Sequence[Outcome]) -> tuple[float, float] | None:
    """Return the lowest and the highest end of all intervals; None where there are none."""
    estimates = [one.estimate for one in outcomes if one.estimate]
    return (min(one.low for one in estimates), max(one.high for one in estimates)) if estimates else None


def how_much(outcome: Outcome, *, turned: bool = False) -> str:
    """Return the ratio with its interval of the first over the second, or ``turned`` the other way. The
    outcome has an estimate."""
    assert outcome.estimate is not None
    return _figure(outcome.estimate, turned=turned)


def _figure(estimate: Estimate, *, turned: bool) -> str:
    value, low, high = estimate.ratio, estimate.low, estimate.high
    if turned:
        value, low, high = 1 / value, 1 / high, 1 / low
    return "{} ({})".format(*ratio_interval(value, low, high))


def _figure_there(estimate: Estimate, *, turned: bool = False) -> str:
    """Return what a ratio is under one choice: where it is not told from one by itself, with that."""
    figure = _figure(estimate, turned=turned)
    if estimate.within_margin:
        return f"{figure[:-1]}, the same)"
    return f"{figure[:-1]}, {CANNOT_TELL})" if estimate.low <= 1 <= estimate.high else figure


def where_it_differs(found: View, outcome: Outcome) -> list[Under]:
    """Return an outcome under each of the other choices that are seen to change it, the least first."""
    by = found.depends_on(outcome.contrast, outcome.metric)
    return found.under(outcome.contrast, outcome.metric, by) if by and outcome.estimate else []


def least_and_most(found: View, outcome: Outcome, *, turned: bool = False) -> str:
    """Return "1.03x (1.01-1.05) with mount to 1.27x (1.25-1.29) with handler" of an outcome that others
    change; otherwise nothing."""
    return _ends_of(where_it_differs(found, outcome), turned=turned)


def _ends_of(every: Sequence[Under], *, turned: bool) -> str:
    if len(every) < 2:
        return ""
    ends = (every[-1], every[0]) if turned else (every[0], every[-1])
    apart = [factor for factor in ends[0].levels if ends[0].levels[factor] != ends[1].levels[factor]]
    told = [
        f"{_figure_there(one.estimate, turned=turned)} with "
        + listed([level_name(one.levels[factor]) for factor in apart])
        for one in ends
    ]
    return " to ".join(told)


def rows_where(found: View, outcome: Outcome) -> list[tuple[str, str]]:
    """Return (with what, ratio with its interval) of an outcome under each choice that changes it."""
    return [
        (", ".join(map(level_name, one.levels.values())), _figure_there(one.estimate))
        for one in where_it_differs(found, outcome)
    ]


def said(found: View, outcome: Outcome, load: str = "") -> str:
    """Return `sentence` of an outcome; of a main effect that holds for no pair, with where it is another."""
    depends = _depends(found, outcome, _pairs(found, outcome.contrast, outcome.metric))
    return sentence(outcome, load, apart=_apart(found, outcome, depends=depends), depends=depends)


def _apart(found: View, outcome: Outcome, *, depends: bool, turned: bool = False) -> str:
    """Return between what a main effect lies: with the choices that change it; where none is seen to, and
    its pairs go both ways, with any."""
    told = least_and_most(found, outcome, turned=turned)
    if told or not depends:
        return told
    others = [factor for factor in FACTORS if factor != outcome.contrast.question]
    return _ends_of(found.under(outcome.contrast, outcome.metric, others), turned=turned)


def pair_by_pair(found: View, contrast: Contrast, name: str) -> list[str]:
    """Return each pair of a main effect with its ratio, interval and verdict, by what it has of its own."""
    outcomes = _pairs(found, contrast, name)
    places = [one.contrast.where.split(", ") for one in outcomes]
    shared = set.intersection(*map(set, places)) if len(places) > 1 else set()
    lines = []
    for outcome, place in zip(outcomes, places, strict=True):
        where = ", ".join(part for part in place if part not in shared)
        figure = how_much(outcome) if outcome.estimate else ""
        unsure = verdict_word(outcome) if outcome.verdict not in _CALLED else ""
        lines.append(f"{where}: {', '.join(filter(None, (figure, unsure)))}")
    return lines


def _depends(found: View, outcome: Outcome, pairs: Sequence[Outcome]) -> bool:
    """Return whether nothing can be said of all pairs: they go both ways, or differ about a mean that does
    not go either way."""
    if not outcome.contrast.main or outcome.estimate is None:
        return False
    unsure = outcome.verdict not in _CALLED and bool(found.depends_on(outcome.contrast, outcome.metric))
    return unsure or set(_CALLED) <= {one.verdict for one in pairs}


def winner(outcome: Outcome) -> str:
    """Return the better of the two; empty when there is no telling."""
    if outcome.verdict not in _CALLED:
        return ""
    first = outcome.verdict == metric(outcome.metric).better
    return outcome.contrast.first if first else outcome.contrast.second


def pick(found: View, contrast: Contrast) -> Pick:
    """Judge by capacity first, by CPU per event where capacity decides nothing or where it says otherwise."""
    if not found.shown(*CAPACITY, *OF_STREAMS):
        return Pick("no figure")
    capacity = found.outcome(contrast, found.first(*CAPACITY))
    of_streams = [found.outcome(contrast, name) for name in found.shown(*OF_STREAMS)]
    streams = next((one for one in of_streams if winner(one)), [*of_streams, capacity][0])
    by_capacity, by_streams = winner(capacity), winner(streams)
    if _depends(found, capacity, _pairs(found, contrast, capacity.metric)):
        apart = _apart(found, capacity, depends=True)
        what = f"{contrast.first} has {apart} the {_unit(capacity)} of {contrast.second}"
        return Pick("it depends", what)
    if by_capacity:
        won = _won(found, capacity, by_capacity)
        if by_streams in ("", by_capacity):
            return won
        other = _won(found, streams, by_streams)
        return won._replace(
            who=f"{won.who}, but {by_streams} for streams",
            words=f"{won.words}; {by_streams} for streams, {other.words}",
        )
    if by_streams:
        won = _won(found, streams, by_streams)
        return won._replace(who=f"{won.who}, for streams")
    if capacity.verdict == "equivalent":
        return Pick("either", "no difference to choose by")
    return Pick(UNTOLD) if capacity.estimate or streams.estimate else Pick("no figure")


def _won(found: View, outcome: Outcome, who: str) -> Pick:
    contrast, unit = outcome.contrast, _unit(outcome)
    turned = who != contrast.first
    figure = how_much(outcome, turned=turned)
    apart = _apart(found, outcome, depends=False, turned=turned)
    words = f"{figure} the {unit}" + (f" on average, from {apart}" if apart else "")
    return Pick(who, words, figure, unit, contrast.first if turned else contrast.second)


def _unit(outcome: Outcome) -> str:
    return SHORT[metric(outcome.metric).kind]


def span(found: View, asked: Sequence[Contrast]) -> Pick:
    """Return between which ends the ratios of many contrasts lie, in what capacity was read in, and what was
    told of how many."""
    name = found.first(*CAPACITY, *OF_STREAMS)
    outcomes = [found.outcome(contrast, name) for contrast in asked]
    apart = ends(outcomes)
    if apart is None:
        words = Counter(absence_word(one.absence) for one in outcomes if one.absence)
        return Pick(", ".join(words) or "no figure")
    verdicts = Counter(verdict_word(one) for one in outcomes if one.estimate)
    what = f"{between(*apart)} the {SHORT[metric(name).kind]}"
    if list(verdicts) == [CANNOT_TELL]:
        return Pick(UNTOLD, what)
    told = ", ".join(f"{word} in {count}" for word, count in verdicts.items())
    return Pick(what, told if len(verdicts) > 1 else next(iter(verdicts)))
