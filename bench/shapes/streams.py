"""Loads of SSE streams: watched in steady state, held open, poured out in one burst."""

from __future__ import annotations

from bench.shapes.shape import Shape

__all__ = ["Burst", "Holding", "Streams"]


class Streams(Shape, frozen=True, tag="streams"):
    """Open loop: SSE streams that stay open, the origin paces their events on one time grid."""

    streams: int
    every_us: int
    window_s: float
    open_every_s: float = 0.004
    settle_s: float = 0.06

    @property
    def events_per_s(self) -> float:
        """What the origin sends in all."""
        return self.streams * 1e6 / self.every_us

    @property
    def load(self) -> str:
        return f"{self.events_per_s:,.6g} events/s"

    @property
    def words(self) -> str:
        each = f"{1e6 / self.every_us:,.6g} events/s each"
        return f"{self.title}: {self.streams:,} stream{'s' * (self.streams > 1)}, {each}, {self.window_s:g} s"

    @property
    def pool(self) -> int:
        return self.streams

    @property
    def seconds(self) -> float:
        return self.streams * self.open_every_s + self.settle_s + self.window_s + 0.1


class Holding(Shape, frozen=True, tag="holding"):
    """SSE streams that are held open: first few, then many. What the ones between take is the slope."""

    few: int
    many: int
    every_us: int
    settle_s: float = 0.5

    @property
    def load(self) -> str:
        return f"{self.few:,} to {self.many:,} streams"

    @property
    def how(self) -> str:
        return f"{1e6 / self.every_us:g} events/s each"

    @property
    def pool(self) -> int:
        return self.many

    @property
    def seconds(self) -> float:
        return 0.002 * self.many + 2 * self.settle_s


class Burst(Shape, frozen=True, tag="burst"):
    """Closed loop, one connection: tiny SSE events that the origin sends without a pause, again and again."""

    events: int
    times: int

    @property
    def load(self) -> str:
        return f"{self.events:,} events at once"

    @property
    def how(self) -> str:
        return f"{self.times} times after one to warm up"

    @property
    def seconds(self) -> float:
        return (self.times + 1) * self.events * 30e-6  # an event
