"""The page: one file, complete without a script or a network, from what `View` knows."""

from __future__ import annotations

from pathlib import Path

from bench.report.appendix import environment, missing
from bench.report.markup import Markup, el, join
from bench.report.sections import (
    drift,
    effects_section,
    figures_section,
    gate_and_memory,
    growth_section,
    latency,
)
from bench.report.verdict import headline, picks, resolution
from bench.report.view import View
from bench.report.words import duration, upper
from bench.stats import CONFIDENCE, MARGIN

__all__ = ["page"]

_MARKS = {"good": "✓", "doubtful": "!", "bad": "✗"}


def page(found: View) -> str:
    """Return the whole document."""
    style = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("title", "Tandem benchmark: " + found.run.header.started_at),
        el("style", Markup("\n" + style)),
    )
    body = el(
        "body",
        _header(found),
        _verdict(found),
        _health(found),
        effects_section(found),
        figures_section(found),
        growth_section(found),
        latency(found),
        drift(found),
        gate_and_memory(found),
        missing(found),
        environment(found),
        _footer(),
    )
    return "<!doctype html>\n" + el("html", head, body, lang="en") + "\n"


def _header(found: View) -> Markup:
    header, end = found.run.header, found.run.end
    ended = f"{end.outcome} after {duration(end.seconds)}" if end else "cut off"
    facts = (
        f"Tandem benchmark · {header.started_at} · {len(found.cells)} cells, {header.blocks} blocks, "
        f"a fresh process each · {ended}"
    )
    return el(
        "header",
        el("p", facts, class_="eyebrow"),
        el("h1", headline(found)),
        el("p", resolution(found), class_="lead"),
        el("p", f"{upper(header.pinning)}.", class_="lead"),
    )


def _verdict(found: View) -> Markup:
    items = [
        el(
            "div",
            el("dt", title),
            el("dd", upper(pick), class_="pick"),
            el("dd", el("ul", *(el("li", line) for line in lines))),
        )
        for title, pick, lines in picks(found)
    ]
    if not items:
        return Markup("")
    return el("dl", *items, class_="picks")


def _health(found: View) -> Markup:
    items = [
        el(
            "li",
            el("span", _MARKS[one.level] + " ", class_="mark"),
            el("span", one.name + " ", class_="name"),
            el("span", one.value),
            class_=one.level,
            title=one.meaning,
        )
        for one in found.health
    ]
    meanings = [el("li", f"{one.name}: {one.value}. {upper(one.meaning)}.") for one in found.health]
    return join(
        [
            el("h2", "Can this run be trusted?", id="health"),
            el("ul", *items, class_="strip"),
            el("details", el("summary", "What these mean"), el("ul", *meanings, class_="why")),
        ]
    )


def _footer() -> Markup:
    return el(
        "footer",
        el(
            "p",
            "Ratios are geometric means of paired ratios over blocks with Student-t "
            f"{CONFIDENCE * 100:g} % intervals, each its own; verdicts are corrected for asking several "
            f"questions (Holm). Equivalent means inside ±{MARGIN * 100:g} % by two one-sided tests, a margin "
            "chosen beforehand. Bars and dots are medians over blocks; outliers stay in. A missing figure "
            "has its reason and is never a zero. This page was made from records.jsonl beside it.",
        ),
    )
