"""Loads that the pool decides: more streams than it has places, several upstream requests for one."""

from __future__ import annotations

import msgspec

__all__ = ["Crowd", "Fanout"]


class Crowd(msgspec.Struct, frozen=True, tag="crowd"):
    """Open loop: more streams than the pool has places, each of known length, asked for one after the other.

    Whoever has waited ``patience_s`` for a place is to be refused, with 503.
    """

    id: str
    title: str
    streams: int
    places: int
    each_s: float
    patience_s: float
    ask_every_s: float = 0.001
    deadline_s: float = 5.0

    @property
    def load(self) -> str:
        """How much is asked for, in few words."""
        return f"{self.streams:,} streams for {self.places:,} places"

    @property
    def words(self) -> str:
        """What is sent, how fast, for how long."""
        every = f"one every {self.ask_every_s * 1e3:g} ms"
        return (
            f"{self.title}: {self.load}, {every}, {self.each_s:g} s each, refused after {self.patience_s:g} s"
        )

    @property
    def pool(self) -> int:
        """How many connections to the upstream there are to be."""
        return self.places

    @property
    def seconds(self) -> float:
        """About how long it takes, for the plan."""
        return self.patience_s + self.each_s + self.streams * (self.ask_every_s + 0.003)


class Fanout(msgspec.Struct, frozen=True, tag="fanout"):
    """Open loop: each request asks the proxy for the first characters of ``requests`` answers at once."""

    id: str
    title: str
    path: str
    requests: int
    chars: int
    rate: float
    window_s: float
    arrivals: str = "poisson"
    connections: int = 16
    drain_s: float = 2.0

    @property
    def load(self) -> str:
        """How much is asked for, in few words."""
        return f"{self.rate:,g} fan-outs/s of {self.requests}"

    @property
    def words(self) -> str:
        """What is sent, how fast, for how long."""
        arrivals = "Poisson" if self.arrivals == "poisson" else self.arrivals
        return f"{self.title}: {self.load} upstream requests each, {arrivals} arrivals, {self.window_s:g} s"

    @property
    def pool(self) -> int:
        """How many connections to the upstream it takes at once."""
        return self.connections * self.requests

    @property
    def seconds(self) -> float:
        """About how long it takes, for the plan."""
        return self.window_s + 0.3
