"""What explains the differences between the products, and which choices depend on each other: in sentences.
Pure."""

from __future__ import annotations

from bench.dependence import Interaction, called
from bench.factorial import FACTORS, Decomposition
from bench.metrics import metric
from bench.report.choice import CAPACITY, OF_STREAMS
from bench.report.view import View
from bench.report.words import DASH, estimated, level_name, upper
from bench.stats import Interval

__all__ = [
    "briefly",
    "combined_share",
    "dependences",
    "first_of",
    "judged",
    "matters",
    "most",
    "share_interval",
    "shared",
]


def first_of(found: View) -> list[Decomposition]:
    """Return those for a first screen: of the quick plan's loads, where there are any."""
    usual = [one for one in found.decompositions if metric(one.metric).id == metric(one.metric).kind]
    return usual or found.decompositions


def briefly(found: View) -> list[str]:
    """Return what `most` says of each; where that is the same factor, in one sentence."""
    every = first_of(found)
    names = {max(one.shares, key=lambda name: one.shares[name]) for one in every if _told(one)}
    if len(names) != 1 or not all(map(_told, every)):
        return [most(one) for one in every]
    (name,) = names
    first, *rest = every
    parts = [f"{share_interval(first, name)} of what differs in {_unit(first)} ({first.cells} cells)"]
    parts += [f"{share_interval(one, name)} {_unit(one).removeprefix('CPU ')} ({one.cells})" for one in rest]
    return [f"The {name} explains {', '.join(parts)}."]


def share_interval(one: Decomposition, name: str) -> str:
    """Return a factor's share of a metric's variation with its interval: 56% (54-58)."""
    return _share(one.shares[name], one.intervals.get(name))


def combined_share(one: Decomposition) -> str:
    """Return the same of how the factors combine."""
    return _share(one.combined, one.combined_interval)


def _share(share: float, found: Interval | None) -> str:
    ends = f" ({found.low * 100:.0f}{DASH}{found.high * 100:.0f})" if found else ""
    return f"{share:.0%}{ends}"


def _told(one: Decomposition) -> bool:
    """Whether one factor explains more than noise does, and more than how they combine."""
    return max(one.shares.values()) >= max(one.noise, one.combined)


def _unit(one: Decomposition) -> str:
    return {"cpu-request": "CPU per request", "cpu-event": "CPU per SSE event"}[metric(one.metric).kind]


def most(one: Decomposition) -> str:
    """Return which factor explains most of a metric's variation, and how much; or that noise does."""
    name, share = max(one.shares.items(), key=lambda part: part[1])
    differs = f"what differs between these {one.cells} cells in {_unit(one)}"
    if one.noise > share:
        return f"Most of {differs} is noise in this run ({one.noise:.0%})."
    if one.combined > share:
        return f"{upper(differs)} is how their choices combine: {combined_share(one)}."
    return f"The {name} explains {share_interval(one, name)} of {differs}."


def matters(one: Decomposition) -> str:
    """Return what explains the variation, in two sentences."""
    said = max(one.noise, one.combined) <= max(one.shares.values())  # then the first has named the largest
    return f"{most(one)} {upper(', '.join(_parts(one)[said:]))}."


def shared(one: Decomposition) -> str:
    """Return every share of the variation, the largest factor first."""
    return f"{upper(', '.join(_parts(one)))}."


def _parts(one: Decomposition) -> list[str]:
    shares = sorted(one.shares.items(), key=lambda part: -part[1])
    parts = [f"the {name} {share_interval(one, name)}" for name, _ in shares]
    return [*parts, f"how they combine {combined_share(one)}", f"noise {one.noise:.0%}"]


def judged(found: View) -> list[str]:
    """Return the metrics that choices are judged by: what cards tell first, and what is split by factor."""
    names = [found.first(*CAPACITY), *found.shown(*OF_STREAMS)[:1], *(one.metric for one in first_of(found))]
    return [name for name in dict.fromkeys(names) if found.interactions(name)]


def dependences(found: View) -> list[str]:
    """Return which choices depend on each other in each metric that they are judged by, in a sentence."""
    return [_depend(found, name) for name in judged(found)]


def _depend(found: View, name: str) -> str:
    seen = called(found.interactions(name))
    of = found.title(name)
    if not seen:
        return f"{of}: no choice was seen to depend on another."
    order = list(FACTORS)
    twos = sorted({(order.index(each.factor), order.index(each.other)) for each in seen})
    pairs = ", ".join(f"{order[one]} and {order[other]}" for one, other in twos)
    return f"{of}: {pairs} depend on each other; most of all, {_most_of_all(seen[0])}."


def _most_of_all(each: Interaction) -> str:
    first, second, at, against = map(level_name, (each.first, each.second, each.at, each.against))
    return f"with {at}, {first} over {second} is {estimated(each.estimate)} what it is with {against}"
