"""Elements as strings, escaped once: `el("td", text, class_="n")`. Numbers in SVG keep one decimal."""

from __future__ import annotations

from html import escape

__all__ = ["Markup", "el", "join", "unbroken"]

_JOINED = "\N{WORD JOINER}"
_DASH = "\N{EN DASH}"
_BEFORE = ("\N{MULTIPLICATION SIGN} (", "% (")

_VOID = frozenset(("meta", "br", "input", "line", "rect", "circle", "polyline", "path"))


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


def join(parts: list[Markup] | list[str]) -> Markup:
    """Return the parts one after the other, plain text escaped."""
    return Markup("".join(part if isinstance(part, Markup) else escape(part) for part in parts))


def unbroken(text: str) -> str:
    """Return text in which no line ends within an interval or before it."""
    for before in _BEFORE:
        text = text.replace(before, before.replace(" ", "\N{NO-BREAK SPACE}"))
    return text.replace(_DASH, _DASH + _JOINED)


def el(tag: str, /, *children: str, **attributes: str | float | None) -> Markup:
    """Return one element. A trailing underscore is dropped from attribute names, others become hyphens."""
    parts = [tag]
    for key, value in attributes.items():
        if value is None:
            continue
        text = f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)
        parts.append(f'{key.rstrip("_").replace("_", "-")}="{escape(text)}"')
    if tag in _VOID and not children:
        return Markup(f"<{' '.join(parts)}{'/' if tag not in ('meta', 'br', 'input') else ''}>")
    return Markup(f"<{' '.join(parts)}>{join(list(children))}</{tag}>")
