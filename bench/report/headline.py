"""What stands above all else: what a run can tell apart, what to pick, and what speaks against both. Pure."""

from __future__ import annotations

from bench.metrics import metric
from bench.report.choice import CAPACITY, OF_STREAMS, UNTOLD
from bench.report.verdict import CHOICES, H11, Answer, picks
from bench.report.view import View
from bench.report.words import SHORT, listed, upper
from bench.stats import CONFIDENCE

__all__ = ["doubts", "headed", "headline", "judged_by", "resolution"]


def resolution(found: View) -> str:
    """Return the first line of any report: what this run can tell apart, from the same cell run twice, and
    how finely it knows the pairs that it compares."""
    words = {"rps": "requests/s", "mb-s": "MB/s", "cpu-request": "CPU per request"}
    words |= {"cpu-event": "CPU per SSE event", "kib-stream": "memory per stream"}
    names = [(of, text) for kind, text in words.items() for of in found.shown(kind)[:1]]
    parts = [
        f"±{size * 100:.1f} % in {name}{_half_widths(found, of)}"
        for of, name in names
        if (size := found.resolution(of)) is not None
    ]
    if not parts:
        return "What this run can resolve is not known: it has no A/A pair with three blocks."
    text = f"This run can resolve {', '.join(parts)}: the same cell timed twice, {CONFIDENCE * 100:g} %."
    off = [
        name
        for of, name in names
        for contrast in found.asked("a/a")
        if (estimate := found.outcome(contrast, of).estimate) and not estimate.low <= 1 <= estimate.high
    ]
    if off:
        text += f" Its two arms differ in {', '.join(off)}: take differences of that size for noise."
    return text


def _half_widths(found: View, name: str) -> str:
    """Return how wide the intervals of the single pairs are: a pair of calm cells does not speak for all."""
    estimates = [
        outcome.estimate
        for outcome in found.outcomes
        if outcome.metric == name and outcome.contrast.question != "a/a" and not outcome.contrast.main
    ]
    sizes = [max(one.high / one.ratio, one.ratio / one.low) - 1 for one in estimates if one]
    if not sizes:
        return ""
    least, most = (f"±{size * 100:.1f}" for size in (min(sizes), max(sizes)))
    return f" (pairs: {least} to {most} %)" if least != most else f" (pairs: {least} %)"


def doubts(found: View) -> str:
    """Return what the health of the run says against its figures, in one sentence; empty when nothing."""
    parts = [f"{one.name.lower()} {one.value} ({one.meaning})" for one in found.health if one.level != "good"]
    return f"Read with doubt: {'; '.join(parts)}." if parts else ""


def judged_by(found: View) -> str:
    """Return in what first, and under which load, choices are judged, in a sentence; empty without any."""
    name = found.first(*CAPACITY, *OF_STREAMS)
    load = next((one for one in found.run.header.scenarios if one.id == metric(name).scenario), None)
    return f"Judged first by {SHORT[metric(name).kind]} ({load.words})." if load else ""


def headline(found: View, *, figures: bool = True) -> str:
    """Return the one sentence on top: what to pick, or that this run does not know; without ``figures``
    where a table below has them."""
    return "".join(text for text, figure in headed(found) if figures or not figure)


def headed(found: View) -> list[tuple[str, bool]]:
    """Return the headline in pieces, each with whether it is a figure: a page sets those back."""
    if not found.healthy:
        return [("Something is wrong with this run: read its health before its figures.", False)]
    asked = [one for one in picks(found) if one.first and one.contrasts[0].question in CHOICES]
    picked = [one for one in asked if one.choice.loser]
    pieces: list[tuple[str, bool]] = []
    mean = " on average" if any(one.where for one in picked) else ""
    told = ""
    for one in picked:
        # in what the figures are is said where it changes
        unit = f" the {one.choice.unit}{mean}" if one.choice.unit != told else ""
        told = one.choice.unit
        pieces += [("; " if pieces else "Pick ", False), (_who(one), False)]
        pieces.append((f", {one.choice.figure}{unit}", True))
    if rest := _rest([one for one in asked if not one.choice.loser]):
        pieces += [(". " if pieces else "", False), (rest, False)]
    return [*pieces, (".", False)] if pieces else [("No question could be answered from these cells.", False)]


def _who(answer: Answer) -> str:
    """Return who is picked over whom; of two that both parse with h11 without the parser."""
    (contrast,) = answer.contrasts
    name, _, but = answer.choice.who.partition(", ")
    aside = [*(["parser equal"] if contrast.first.endswith(H11) else []), *([but] if but else [])]
    told = f"{name.removesuffix(H11)} over {answer.choice.loser.removesuffix(H11)}"
    return told + (f" ({', '.join(aside)})" if aside else "")


def _rest(answers: list[Answer]) -> str:
    """Return what is not picked and why, alike ones together."""
    alike: dict[str, list[str]] = {}
    for one in answers:
        why = UNTOLD if one.choice.who == UNTOLD else one.choice.whole
        alike.setdefault(why, []).append(one.question.lower())
    return upper("; ".join(f"{listed(list(dict.fromkeys(of)))}: {why}" for why, of in alike.items()))
