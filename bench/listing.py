"""`python -m bench run --list`: every scenario, cell and factor, and how the full plan puts them together."""

from __future__ import annotations

from rich.console import Console

from bench.cells import EXTRA, FACTORS, QUICK_CELLS, direct
from bench.full import FULL, SCENARIOS, parts_of
from bench.plan import LEAST_BLOCKS
from bench.scenarios import MORE, QUICK
from bench.start import lacks

__all__ = ["show_list"]


def show_list(console: Console) -> None:
    """Print them."""
    for title, scenarios in (
        ("Scenarios of the quick plan[/]", QUICK),
        ("More scenarios[/], by --scenario", MORE),
    ):
        console.print(f"[bold]{title}", markup=True)
        for scenario in scenarios:
            console.print(f"  {scenario.id:13} {scenario.words}", soft_wrap=True)
    for title, cells in (
        ("Cells of the quick plan[/], the first to be kept first", QUICK_CELLS),
        ("More cells[/], by --subject", EXTRA),
    ):
        console.print(f"[bold]{title}", markup=True)
        for cell in cells:
            why = f" [yellow]{lacks(cell)}[/]" if lacks(cell) else ""
            console.print(f"  {cell.id:44} {cell.label}{why}", soft_wrap=True, markup=True)
    console.print("[bold]Factors[/], by --factor; any combination is a cell", markup=True)
    for factor, levels in FACTORS.items():
        console.print(f"  {factor:13} {', '.join(levels)}")
    console.print("[bold]Parts of the full plan[/], by --full", markup=True)
    for part in parts_of((direct(), *FULL), SCENARIOS, own=(), blocks=LEAST_BLOCKS):
        asks = ", ".join(part.scenarios[1:])
        console.print(
            f"  {part.id:13} {part.title}: {asks}; {part.blocks} blocks of {len(part.cells) - 1} cells, "
            f"{part.least} at least",
            soft_wrap=True,
        )
