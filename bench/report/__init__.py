"""records -> report: the verdict in a terminal, and one self-contained page. Made from records alone.

view      everything judged, once      words     the sentences      terminal  rich
page      the page and its sections    charts    SVG, drawn here    markup    escaping
"""

from __future__ import annotations

from rich.console import Console

from bench.record import Run
from bench.report.page import page
from bench.report.terminal import show
from bench.report.view import view

__all__ = ["write_html", "write_terminal"]


def write_html(run: Run) -> str:
    """Return the page. The same records give the same bytes."""
    return page(view(run))


def write_terminal(run: Run, console: Console) -> None:
    """Print the verdict and the small table."""
    show(view(run), console)
