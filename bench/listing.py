"""`python -m bench run --list`: every scenario, cell and factor, and how the full plan puts them together;
beside other options what these ask for."""

from __future__ import annotations

from rich.console import Console

from bench.cells import EXTRA, FACTORS, QUICK_CELLS, direct
from bench.full import FULL, SCENARIOS, parts_of
from bench.plan import LEAST_BLOCKS
from bench.report.words import duration
from bench.scenarios import MORE, QUICK
from bench.start import lacks
from bench.wishes import Plan

__all__ = ["show_list", "show_plan"]


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


def show_plan(planned: Plan, console: Console) -> None:
    """Print what a run of this plan measures, what it leaves out and why, and about how long it takes."""
    named = {cell.id: cell.label for cell in planned.cells}
    asked = {scenario.id: scenario.words for scenario in planned.scenarios}
    for part in planned.parts:
        title = f"Part {part.id}" if part.id else "This run"
        console.print(f"[bold]{title}[/], {part.blocks} blocks of", markup=True)
        for name in part.scenarios:
            console.print(f"  {name:13} {asked[name]}", soft_wrap=True)
        for name in part.cells:
            console.print(f"  {name:44} {named[name]}", soft_wrap=True)
    for one in planned.dropped:
        of = f" of part {one.part}" if one.part else ""
        console.print(f"left out{of}: {one.cell}: {one.why}", style="yellow", soft_wrap=True)
    console.print(f"about {duration(planned.seconds)}")
