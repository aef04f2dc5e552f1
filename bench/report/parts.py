"""What sections are made of: a heading with its reason, a figure that is missing, colours and their key."""

from __future__ import annotations

import json
from collections.abc import Mapping

from bench.record import Absence, CellSpec
from bench.report.markup import Markup, el
from bench.report.view import View
from bench.report.words import absence_word, upper

__all__ = ["absent", "data", "key", "not_run", "section", "tone", "why"]

_TONES = ("fastapi", "litestar")


def data(values: Mapping[str, object], name: str) -> Markup:
    """Return values for the page's script, as JSON that no text in it can end."""
    text = json.dumps(values).replace("<", "\\u003c")
    return el("script", Markup(text), type="application/json", id=name)


def section(name: str, title: str, *parts: Markup) -> Markup:
    """Return a section with its heading."""
    return el("section", el("h2", title, id=name), *parts, aria_labelledby=name)


def why(text: str) -> Markup:
    """Return the paragraph that says how to read what follows."""
    return el("p", text, class_="why")


def absent(what: str, absence: Absence) -> Markup:
    """Return what stands where figures are missing: what, the reason, in words."""
    return el(
        "p", el("b", f"{upper(absence_word(absence))}. "), f"{what}: {absence.detail}.", class_="absent"
    )


def not_run(what: str, scenario: str) -> Markup:
    """Return the absence of a whole scenario."""
    return absent(what, Absence("not-run", f"scenario {scenario} was no part of this run"))


def tone(cell: CellSpec) -> str:
    """Return the colour class of a cell: products by framework, everything else grey."""
    return cell.framework if cell.group == "product" and cell.framework in _TONES else "other"


def key(found: View) -> Markup:
    """Return what the colours mean, as far as this run has them."""
    names = {"fastapi": "FastAPI", "litestar": "Litestar", "other": "baselines and others"}
    used = {tone(cell) for cell in found.cells}
    spans = [
        el("span", el("span", class_=f"swatch {name}"), text) for name, text in names.items() if name in used
    ]
    return el("p", *spans, class_="key")
