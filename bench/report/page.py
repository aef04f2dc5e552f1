"""The page: one file, complete without a script or a network, from what `View` knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.factorial import FACTORS
from bench.report.appendix import drift_section, missing_section, repeat_section
from bench.report.cost import calculator_section, ladder_section
from bench.report.effects import effects_section, matters_section
from bench.report.events import events_section
from bench.report.figures import figures_section, growth_section
from bench.report.headline import doubts, headed, judged_by, resolution
from bench.report.holding import memory_section
from bench.report.latency import added_section, load_section, percentile_section
from bench.report.leaving import leaving_section
from bench.report.markup import Markup, el, join, unbroken
from bench.report.matters import briefly
from bench.report.parts import data, section, why
from bench.report.queue import queue_section
from bench.report.tables import behind, conditions_table
from bench.report.verdict import H11, Answer, leading_answers, picks
from bench.report.view import View
from bench.report.words import changed_versions, duration, level_name, upper
from bench.stats import CONFIDENCE, MARGIN

__all__ = ["page"]

_ROWS = 4
"""Of a card, that stand open."""
_MARKS = {"good": "✓", "doubtful": "!", "bad": "✗"}

_TERMS = {
    "cell": "one combination of choices, or another proxy, as it was timed",
    "block": "each cell once, in an order of its own, so that what disturbs the machine disturbs all alike",
    "subject": "the proxy that is timed",
    "rig": "what asks it (the load engine) and what it asks (the origin)",
    "engine": "the client in a proxy that asks the upstream",
    "mount": "the proxy as an ASGI app that hangs in the framework",
    "handler": "the proxy as an endpoint of the framework",
}
"""What whoever sees a report for the first time would ask."""

_SECTIONS = (
    matters_section, effects_section, figures_section, calculator_section, ladder_section, growth_section,
    queue_section, load_section, percentile_section, added_section, events_section, leaving_section,
    memory_section, drift_section, missing_section, repeat_section,
)  # fmt: skip


def page(found: View, installed: Mapping[str, str]) -> str:
    """Return the whole document. ``installed``: the versions here, told where they are not the data's."""
    here = Path(__file__)
    style = "".join(here.with_name(name).read_text(encoding="utf-8") for name in ("chart.css", "page.css"))
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("title", "Tandem benchmark: " + found.run.header.started_at),
        el("style", Markup("\n" + style)),
    )
    body = el(
        "body",
        el("a", "To the figures", href="#matters", class_="skip"),
        el("header", *_header(found, installed)),
        el("main", _verdict(found), _health(found), _filter(found), *(each(found) for each in _SECTIONS)),
        _footer(found),
        el("script", Markup("\n" + here.with_name("page.js").read_text(encoding="utf-8"))),
    )
    return "<!doctype html>\n" + el("html", head, body, lang="en") + "\n"


def _header(found: View, installed: Mapping[str, str]) -> list[Markup]:
    header, end = found.run.header, found.run.end
    ended = f"{end.outcome} after {duration(end.seconds)}" if end else "cut off"
    facts = (
        f"Tandem benchmark: one streaming proxy in FastAPI and in Litestar · {header.started_at} · "
        f"{len(found.cells)} cells, {header.blocks} blocks, a fresh process each · {ended}"
    )
    parts = [el("p", facts, class_="eyebrow"), el("p", resolution(found), class_="resolution")]
    changed = changed_versions(header.packages, installed)
    if changed:
        parts.append(el("p", f"Not the versions installed here: {'; '.join(changed)}.", class_="badge"))
    pieces = [_piece(text, figure=figure) for text, figure in headed(found)]
    matter = " ".join(briefly(found))
    how = " ".join(filter(None, (judged_by(found), f"{upper(header.pinning)}.")))
    leads = [el("p", text, class_="lead") for text in (how, doubts(found)) if text]
    most = [el("p", el("b", "What matters most? "), unbroken(matter), class_="most")] if matter else []
    terms = el("ul", *(el("li", f"{upper(term)}: {means}.") for term, means in _TERMS.items()), class_="why")
    words = behind(terms, f"What is a {', '.join(_TERMS)}?")
    return [*parts, el("h1", *pieces), *most, *leads, words]


def _piece(text: str, *, figure: bool) -> Markup | str:
    """Return a piece of the headline: each pick has a line of its own, and no interval is broken."""
    if figure:
        return el("span", unbroken(text))
    return join([el("span", text.rstrip()), el("br")]) if text in ("; ", ". ") else text


def _verdict(found: View) -> Markup:
    first, more = leading_answers(picks(found))
    cards = [_card(answer) for answer in first]
    parts = [el("div", *cards, class_="picks")] if cards else []
    if more:
        rest = el("div", *(_card(answer) for answer in more), class_="picks")
        parts.append(behind(rest, f"{len(more)} more questions"))
    return el(
        "section", el("h2", "Verdict", class_="unseen", id="verdict"), *parts, aria_labelledby="verdict"
    )


def _card(answer: Answer) -> Markup:
    choice = answer.choice
    told = [] if choice.loser else answer.told  # a pick's own words say it
    rest = [line for line in answer.lines if line not in told]
    parts = [el("h3", answer.question), el("p", upper(choice.who.removesuffix(H11)), class_="pick")]
    where = answer.where if len(answer.where) <= _ROWS else ()
    if words := f"{choice.figure} the {choice.unit} on average" if where and choice.figure else choice.words:
        parts.append(el("p", f"{upper(unbroken(words))}.", class_="figure"))
    if where:
        parts.append(_rows([(f"with {other}", figure) for other, figure in where]))
    parts += [el("p", unbroken(line) + ".") for line in (*told, *filter(None, [answer.note]))]
    what, pairs = answer.pairs
    if pairs and len(pairs) != len(where):  # these are the pairs
        rows = _rows([(place, figure) for place, _, figure in (line.partition(": ") for line in pairs)])
        if len(pairs) <= _ROWS and not answer.where:
            parts += [el("p", f"{upper(what)}:"), rows]
        else:
            parts.append(behind(rows, f"Pair by pair: {len(pairs)}"))
    if rest:
        figures = el("ul", *(el("li", unbroken(line) + ".") for line in rest))
        parts.append(behind(figures, f"Figure by figure: {len(rest)}"))
    return el("article", *parts)


def _rows(rows: Sequence[tuple[str, str]]) -> Markup:
    """Return each of what a ratio differs by with its figure, in one piece."""
    lines = (el("li", f"{where}: ", el("span", figure)) for where, figure in rows)
    return el("ul", *lines, class_="pairs")


def _health(found: View) -> Markup:
    items = [
        el(
            "li",
            el("span", _MARKS[one.level] + " ", class_="mark"),
            el("span", one.name + " ", class_="name"),
            el("span", one.value),
            class_=one.level,
        )
        for one in found.health
    ]
    meanings = [el("li", f"{one.name}: {one.value}. {upper(one.meaning)}.") for one in found.health]
    strip = el("ul", *items, class_="strip")
    return section(
        "health",
        "Can this run be trusted?",
        strip,
        behind(el("ul", *meanings, class_="why"), "What these mean"),
        behind(conditions_table(found), "Cell by cell"),
    )


def _filter(found: View) -> Markup:
    """Return what the script needs to show some cells only; without a script nothing of it is seen."""
    cells = {
        cell.id: {"kind": cell.group}
        | {name: level_name(of(cell)) for name, of in FACTORS.items() if of(cell)}
        for cell in found.cells
    }
    factors: dict[str, list[str]] = {}
    for levels in cells.values():
        for name, level in levels.items():
            if level not in factors.setdefault(name, []):
                factors[name].append(level)
    sets = [
        el(
            "fieldset",
            el("legend", upper(name)),
            *(
                el("label", el("input", type="checkbox", name=name, value=level, checked=""), f" {level}")
                for level in levels
            ),
        )
        for name, levels in factors.items()
        if len(levels) > 1
    ]
    return el(
        "form",
        el("h2", "Show", id="show"),
        *sets,
        el("output", f"All {len(cells)} cells are shown.", id="shown", aria_live="polite"),
        data(cells, "cells"),
        id="filter",
        hidden="",
        aria_labelledby="show",
    )


def _footer(found: View) -> Markup:
    return el(
        "footer",
        why(
            f"Ratios are geometric means of paired ratios over blocks with {CONFIDENCE * 100:g} % intervals, "
            "each its own: Student's t, from twenty blocks on the bootstrap over blocks. Verdicts are "
            "corrected (Holm) for all pairs that a question compares, and all main effects for each other; "
            "what depends on what is one family in each metric. Intervals of a card's ratios with another "
            "choice hold all at once. "
            "Equivalent means inside "
            f"±{MARGIN * 100:g} % by two one-sided tests, a margin chosen beforehand. Bars and dots are "
            "medians over blocks between order statistics; outliers stay in. A missing figure has its reason "
            "and is never a zero. "
            f"This page was made from {found.run.file} beside it."
        ),
    )
