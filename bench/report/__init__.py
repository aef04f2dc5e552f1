"""records -> report: the verdict in a terminal, and one self-contained page. Made from records alone.

view      everything judged, once      verdict, matters, growing, words   the sentences
page      the page of its sections     frame, charts, curves   SVG        markup     escaping
terminal  one screen                   grid             its tables
"""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console

from bench.record import Run
from bench.report.compare import show_comparison
from bench.report.page import page
from bench.report.terminal import show
from bench.report.view import view

__all__ = ["show_comparison", "write_html", "write_terminal"]


def write_html(run: Run, installed: Mapping[str, str] | None = None) -> str:
    """Return the page. The same records and ``installed`` versions give the same bytes."""
    return page(view(run), installed or {})


def write_terminal(
    run: Run, console: Console, installed: Mapping[str, str] | None = None, *, whole: bool = False
) -> None:
    """Print the verdict and the small table; ``whole``: every table, cell and reason."""
    show(view(run), console, installed or {}, whole=whole)
