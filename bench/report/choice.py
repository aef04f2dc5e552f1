"""What to pick of two, by how much, and whether one figure stands for all their pairs. Pure.

A main effect is the mean of its pairs. Where another choice is seen to change it (`bench.dependence`), that
mean holds for no pair: what is told is then the range of the pairs, from the lowest end of their
intervals to the highest, and by which choice it changes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from bench.contrasts import Contrast, Outcome
from bench.metrics import metric
from bench.report.view import View
from bench.report.words import (
    CANNOT_TELL,
    SHORT,
    absence_word,
    between,
    interval,
    ratio,
    sentence,
    verdict_word,
)

__all__ = [
    "CAPACITY",
    "OF_STREAMS",
    "UNTOLD",
    "Pick",
    "ends",
    "how_much",
    "pair_by_pair",
    "pick",
    "said",
    "span",
    "winner",
]

CAPACITY, OF_STREAMS = ("rps", "mb-s", "fanout-p50"), ("cpu-event", "kib-stream")
UNTOLD = "this run cannot tell"
_CALLED = ("more", "less")
_NAMED = 2  # choices that a ratio changes by; of more, the pairs say it better


class Pick(NamedTuple):
    """What to pick: ``who`` without a figure, in ``words`` with it, and ``short``, where it was said before
    in what."""

    who: str
    words: str
    short: str

    @classmethod
    def plain(cls, who: str, words: str = "") -> Pick:
        """Return one that is the same at any length but the shortest."""
        return cls(who, words or who, words or who)


def _pairs(found: View, contrast: Contrast, name: str) -> list[Outcome]:
    singles = found.asked(contrast.question, main=False) if contrast.main else [contrast]
    of_it = (found.outcome(one, name) for one in singles if one.pairs[0] in contrast.pairs)
    return [one for one in of_it if one.absence is None or one.absence.reason not in ("not-asked", "not-run")]


def ends(outcomes: Sequence[Outcome]) -> tuple[float, float] | None:
    """Return the lowest and the highest end of all intervals; None where there are none."""
    estimates = [one.estimate for one in outcomes if one.estimate]
    return (min(one.low for one in estimates), max(one.high for one in estimates)) if estimates else None


def how_much(found: View, outcome: Outcome, *, turned: bool = False) -> tuple[str, str]:
    """Return (the ratio with its interval, or the range of the pairs; by what it changes, if it does) of the
    first over the second, or ``turned`` the other way. The outcome has an estimate."""
    assert outcome.estimate is not None
    by = found.depends_on(outcome.contrast, outcome.metric)
    apart = ends(_pairs(found, outcome.contrast, outcome.metric)) if by else None
    low, high = apart or (outcome.estimate.low, outcome.estimate.high)
    middle = outcome.estimate.ratio
    if turned:
        low, middle, high = 1 / high, 1 / middle, 1 / low
    if apart:
        return between(low, high), f", {_by(by)}"
    return f"{ratio(middle)} ({interval(low, high)})", ""


def said(found: View, outcome: Outcome, load: str = "") -> str:
    """Return `sentence` of an outcome; of a main effect that holds for no pair, with the pairs' range."""
    by = found.depends_on(outcome.contrast, outcome.metric)
    pairs = _pairs(found, outcome.contrast, outcome.metric)
    depends = _depends(found, outcome, pairs)
    return sentence(outcome, load, apart=ends(pairs) if by or depends else None, by=_by(by), depends=depends)


def _by(factors: Sequence[str]) -> str:
    return f"by {' and '.join(factors)}" if 0 < len(factors) <= _NAMED else "by pair"


def pair_by_pair(found: View, contrast: Contrast, name: str) -> list[str]:
    """Return each pair of a main effect with its ratio, interval and verdict, by what it has of its own."""
    outcomes = _pairs(found, contrast, name)
    places = [one.contrast.where.split(", ") for one in outcomes]
    shared = set.intersection(*map(set, places)) if len(places) > 1 else set()
    lines = []
    for outcome, place in zip(outcomes, places, strict=True):
        where = ", ".join(part for part in place if part not in shared)
        figure, _ = how_much(found, outcome) if outcome.estimate else ("", "")
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
        return Pick.plain("no figure")
    capacity = found.outcome(contrast, found.first(*CAPACITY))
    of_streams = [found.outcome(contrast, name) for name in found.shown(*OF_STREAMS)]
    streams = next((one for one in of_streams if winner(one)), [*of_streams, capacity][0])
    by_capacity, by_streams = winner(capacity), winner(streams)
    pairs = _pairs(found, contrast, capacity.metric)
    if _depends(found, capacity, pairs) and (apart := ends(pairs)):
        what = f"{contrast.first} has {between(*apart)} the {_unit(capacity)} of {contrast.second}"
        by = _by(found.depends_on(contrast, capacity.metric))
        return Pick.plain("it depends", f"it depends: {what}, {by}")
    if by_capacity:
        other = by_streams not in ("", by_capacity)
        but = f", but {_won(found, streams, by_streams).words} for streams" if other else ""
        won = _won(found, capacity, by_capacity)
        return Pick(
            won.who + (f", but {by_streams} for streams" if other else ""), won.words + but, won.short + but
        )
    if by_streams:
        won = _won(found, streams, by_streams)
        return Pick(f"{won.who}, for streams", f"{won.words}, for streams", f"{won.words}, for streams")
    if capacity.verdict == "equivalent":
        return Pick.plain("either", "either: no difference to choose by")
    return Pick.plain(UNTOLD) if capacity.estimate or streams.estimate else Pick.plain("no figure")


def _won(found: View, outcome: Outcome, who: str) -> Pick:
    much, by = how_much(found, outcome, turned=who != outcome.contrast.first)
    return Pick(who, f"{who}, {much} the {_unit(outcome)}{by}", f"{who}, {much}{by}")


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
        return Pick.plain(", ".join(words) or "no figure")
    verdicts = Counter(verdict_word(one) for one in outcomes if one.estimate)
    what = f"{between(*apart)} the {SHORT[metric(name).kind]}"
    if list(verdicts) == [CANNOT_TELL]:
        return Pick.plain(UNTOLD, f"{UNTOLD}: {what}")
    told = ", ".join(f"{word} in {count}" for word, count in verdicts.items())
    return Pick.plain(what, f"{what}: {told if len(verdicts) > 1 else next(iter(verdicts))}")
