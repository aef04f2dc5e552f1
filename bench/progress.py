"""The progress bar: what runs now, and an honest time left, made from how long cells have really taken."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

__all__ = ["Bar"]


class Bar:
    """Redrawn only between legs, never by a thread: a redraw inside a timed window would be load of its own.

    Where there is no terminal (a log, CI) it prints one line a block instead.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._done_s = 0.0  # of what was estimated beforehand
        self._to_come_s = 0.0
        self._began = time.monotonic()
        self._progress = Progress(
            TextColumn("[bold]{task.fields[where]}[/]"),
            BarColumn(bar_width=24),
            TaskProgressColumn(),
            TextColumn("{task.fields[left]} left"),
            TextColumn("[dim]{task.description}[/]"),
            console=console,
            auto_refresh=False,
            transient=True,
        )
        self._task = self._progress.add_task("", total=1.0, where="", left="")
        self._block = -1

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._console.is_terminal:
            self._progress.stop()

    def show(self, block: int, blocks: int, what: str) -> None:
        """Say what runs now."""
        left = _clock(self._left_s())
        if self._console.is_terminal:
            self._progress.update(
                self._task,
                description=escape(what),
                where=f"block {block + 1}/{blocks}",
                left=left,
                completed=self._done_s,
            )
            self._progress.refresh()
        elif block != self._block:
            self._console.print(f"block {block + 1} of {blocks}, about {left} left", highlight=False)
        self._block = block

    def expect(self, seconds: float) -> None:
        """So much, by estimate, is still to come."""
        self._to_come_s = seconds
        self._progress.update(self._task, total=self._done_s + seconds)

    def advance(self, seconds: float) -> None:
        """What was estimated to take so long is done."""
        self._done_s += seconds
        self._to_come_s -= seconds

    def _left_s(self) -> float:
        if not self._done_s:
            return self._to_come_s
        return (time.monotonic() - self._began) / self._done_s * self._to_come_s


def _clock(seconds: float) -> str:
    whole = max(0, round(seconds))
    return f"{whole // 60}:{whole % 60:02d}"
