"""Loads of SSE streams: watched in steady state, held open, poured out in one burst."""

from __future__ import annotations

import msgspec

__all__ = ["Burst", "Holding", "Streams"]


class Streams(msgspec.Struct, frozen=True, tag="streams"):
    """Open loop: SSE streams that stay open, the origin paces their events on one time grid."""

    id: str
    title: str
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
        """How much is asked for, in few words."""
        return f"{self.events_per_s:,.6g} events/s"

    @property
    def pool(self) -> int:
        """How many connections to the upstream it takes at once."""
        return self.streams

    @property
    def words(self) -> str:
        """What is sent, how fast, for how long."""
        each = f"{1e6 / self.every_us:,.6g} events/s each"
        return f"{self.title}: {self.streams:,} stream{'s' * (self.streams > 1)}, {each}, {self.window_s:g} s"

    @property
    def seconds(self) -> float:
        """About how long it takes, for the plan."""
        return self.streams * self.open_every_s + self.settle_s + self.window_s + 0.1


class Holding(msgspec.Struct, frozen=True, tag="holding"):
    """SSE streams that are held open: first few, then many. What the ones between take is the slope."""

    id: str
    title: str
    few: int
    many: int
    every_us: int
    settle_s: float = 0.5

    @property
    def load(self) -> str:
        """How much is asked for, in few words."""
        return f"{self.few:,} to {self.many:,} streams"

    @property
    def words(self) -> str:
        """What is sent, how fast, for how long."""
        return f"{self.title}: {self.load}, {1e6 / self.every_us:g} events/s each"

    @property
    def pool(self) -> int:
        """How many connections to the upstream it takes at once."""
        return self.many

    @property
    def seconds(self) -> float:
        """About how long it takes, for the plan."""
        return 0.002 * self.many + 2 * self.settle_s


class Burst(msgspec.Struct, frozen=True, tag="burst"):
    """Closed loop, one connection: tiny SSE events that the origin sends without a pause, again and again."""

    id: str
    title: str
    events: int
    times: int

    @property
    def load(self) -> str:
        """How much is asked for, in few words."""
        return f"{self.events:,} events at once"

    @property
    def words(self) -> str:
        """What is sent, how fast, for how long."""
        return f"{self.title}: {self.load}, {self.times} times after one to warm up"

    @property
    def pool(self) -> int:
        """How many connections to the upstream it takes at once."""
        return 1

    @property
    def seconds(self) -> float:
        """About how long it takes, for the plan: at 30 µs an event."""
        return (self.times + 1) * self.events * 30e-6
