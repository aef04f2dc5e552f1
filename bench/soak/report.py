"""What a soak has found, in words and as an exit status."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from bench.report.words import DASH, duration, number
from bench.soak.judge import Growth
from bench.soak.run import PLACES, Soaked
from bench.soak.watch import grown

__all__ = ["CANNOT_TELL", "faults", "progress", "show", "undecided"]

CANNOT_TELL = 3
_OUTCOMES = ("right", "refused", "incomplete", "left", "WRONG")
_SHOWN = 5


def faults(one: Soaked) -> list[str]:
    """Return what is wrong with a subject, in words; nothing when all is well."""
    if one.died:
        return [one.died]
    found = list(one.tally.wrongs)
    descriptors, memory = grown(one.samples, one.cell.profile)
    if descriptors is not None and descriptors.verdict == "grows":
        found.append(f"descriptors grow: {_growth(descriptors, 1, '')}")
    if memory is not None and memory.verdict == "grows":
        found.append(f"memory grows: {_growth(memory, 1024, ' MiB')}")
    if one.ending is not None:
        if one.ending.busy:
            found.append(f"{one.ending.busy} exchanges are still at the origin, though every client has gone")
        if one.ending.in_flight:
            found.append(f"{one.ending.in_flight} exchanges are still in flight by its own count")
        if one.ending.places < PLACES:
            found.append(f"its pool has {one.ending.places} of {PLACES} places left")
    return found


def undecided(one: Soaked) -> list[str]:
    """Return what this run was too short or too noisy to tell."""
    names = ("descriptors", "memory")
    found = zip(names, grown(one.samples, one.cell.profile), strict=True)
    return [name for name, growth in found if growth is None or growth.verdict == "cannot tell"]


def progress(left_s: float, subjects: Sequence[Soaked]) -> str:
    """Return one line about a soak that goes on."""
    exchanges = sum(one.tally.exchanges for one in subjects)
    wrong = sum(one.tally.outcomes["WRONG"] for one in subjects)
    held = [one.samples[-1] for one in subjects if one.samples]
    mib = max((one.private_kib for one in held), default=0) / 1024
    descriptors = max((one.descriptors for one in held), default=0)
    minutes, seconds = divmod(max(0, round(left_s)), 60)
    return (
        f"{minutes}:{seconds:02d} left, {exchanges:,} exchanges, {wrong} wrong, "
        f"at most {mib:.0f} MiB and {descriptors} descriptors"
    )


def show(subjects: Sequence[Soaked], seconds: float, console: Console) -> int:
    """Print what was found; the exit status: 0 all well, 1 a fault, CANNOT_TELL when growth is undecided."""
    console.print(f"\n[bold]Soak[/] · {duration(seconds)} · every byte of every body compared")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("subject")
    for name in _OUTCOMES:
        table.add_column(name, justify="right")
    for one in subjects:
        table.add_row(one.cell.label, *(f"{one.tally.outcomes[name]:,}" for name in _OUTCOMES))  # type: ignore[index]
    console.print(table)
    status = 0
    for one in subjects:
        descriptors, memory = grown(one.samples, one.cell.profile)
        console.print(f"[bold]{one.cell.label}[/]", soft_wrap=True)
        console.print(f"  descriptors: {_growth(descriptors, 1, '')}", soft_wrap=True)
        console.print(f"  memory: {_growth(memory, 1024, ' MiB')}", soft_wrap=True)
        if one.ending is not None:
            flight = DASH if one.ending.in_flight is None else str(one.ending.in_flight)
            console.print(
                f"  at the end: {one.ending.places} of {PLACES} places of the pool, "
                f"{one.ending.busy} exchanges at the origin, {flight} in flight",
                soft_wrap=True,
            )
        found = faults(one)
        for what in found[:_SHOWN]:
            console.print(f"  FAULT: {what}", style="bold red", markup=False, soft_wrap=True)
        if len(found) > _SHOWN:
            console.print(f"  and {len(found) - _SHOWN} more", style="red")
        if found:
            status = 1
        elif status == 0 and undecided(one):
            status = CANNOT_TELL
    words = {
        0: "All well.",
        1: "Something is wrong.",
        CANNOT_TELL: "Nothing wrong was seen; growth is undecided.",
    }
    console.print(f"[bold]{words[status]}[/]")
    return status


def _growth(found: Growth | None, scale: float, unit: str) -> str:
    if found is None:
        return "too few samples"
    low, high, value = (_signed(x / scale) for x in (found.low, found.high, found.value))
    return (
        f"{found.verdict}: {value}{unit} ({low} to {high}), from {number(found.base / scale)}{unit}; "
        f"up to {number(found.allowed / scale)}{unit} may be chance"
    )


def _signed(value: float) -> str:
    return ("+" if value >= 0 else "\N{MINUS SIGN}") + number(abs(value))
