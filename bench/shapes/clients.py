"""Loads of clients that are no good: those that leave, those that read slowly."""

from __future__ import annotations

from bench.shapes.shape import Shape
from bench.shapes.streams import Streams

__all__ = ["LEAVING", "Aborts", "Slow"]

_KIB, _MB = 1024, 1_000_000

LEAVING = ("before the first byte", "after the head", "mid-stream", "blocked on a slow reader")
"""Where clients leave, in the order in which they do."""


class Aborts(Shape, frozen=True, tag="aborts"):
    """Clients that leave at each of the points in `LEAVING`: ``each`` of them, ``together`` at a time.

    ``body``: bytes of what is sent to the reader that does not read. An upstream exchange that the origin
    still has open ``patience_s`` after its client has gone counts as never let go. ``arrival_s``: how long
    clients may take to the point where they leave.
    """

    each: int = 64
    together: int = 8
    body: int = 32 * _MB
    patience_s: float = 2.0
    arrival_s: float = 5.0

    @property
    def load(self) -> str:
        return f"{self.each:,} clients at each of {len(LEAVING)} points"

    @property
    def how(self) -> str:
        return ", ".join(LEAVING)

    @property
    def pool(self) -> int:
        return self.each  # should none be let go

    @property
    def seconds(self) -> float:
        return len(LEAVING) * self.each * 0.006 + self.each / self.together * 0.15


class Slow(Shape, frozen=True, tag="slow"):
    """SSE streams alone, then the same ones beside readers that take ``bytes_per_s`` of a body of ``body``.

    ``fill_s``: the longest that is waited, before the second window, until the origin can send them no more.
    """

    healthy: Streams
    slow: int
    bytes_per_s: int = 8 * _KIB
    body: int = 32 * _MB
    fill_s: float = 3.0

    @property
    def load(self) -> str:
        share = self.slow / (self.slow + self.healthy.streams)
        return f"{self.slow} of {self.slow + self.healthy.streams} clients slow ({share:.0%})"

    @property
    def words(self) -> str:
        return (
            f"{self.title}: {self.healthy.words}, alone and again beside {self.slow} readers that take "
            f"{self.bytes_per_s // _KIB} KiB/s each of {self.body // _MB} MB"
        )

    @property
    def pool(self) -> int:
        return self.healthy.streams + self.slow

    @property
    def seconds(self) -> float:
        return self.healthy.seconds + self.healthy.window_s + 0.5
