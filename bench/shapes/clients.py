"""Loads of clients that are no good: those that leave, those that read slowly."""

from __future__ import annotations

import msgspec

__all__ = ["LEAVING", "Aborts"]

_MB = 1_000_000

LEAVING = ("before the first byte", "after the head", "mid-stream", "blocked on a slow reader")
"""Where clients leave, in the order in which they do."""


class Aborts(msgspec.Struct, frozen=True, tag="aborts"):
    """Clients that leave at each of the points in `LEAVING`: ``each`` of them, ``together`` at a time.

    ``body``: bytes of what is sent to the reader that does not read. An upstream exchange that the origin
    still has open ``patience_s`` after its client has gone counts as never let go. ``arrival_s``: how long
    clients may take to the point where they leave.
    """

    id: str
    title: str
    each: int = 64
    together: int = 8
    body: int = 32 * _MB
    patience_s: float = 2.0
    arrival_s: float = 5.0

    @property
    def load(self) -> str:
        """How much is asked for, in few words."""
        return f"{self.each:,} clients at each of {len(LEAVING)} points"

    @property
    def words(self) -> str:
        """What is sent, how fast, for how long."""
        return f"{self.title}: {self.load}, {', '.join(LEAVING)}"

    @property
    def pool(self) -> int:
        """How many connections to the upstream it takes at once, should none be let go."""
        return self.each

    @property
    def seconds(self) -> float:
        """About how long it takes, for the plan."""
        return len(LEAVING) * self.each * 0.006 + self.each / self.together * 0.15
