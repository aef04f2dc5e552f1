"""Loads that the pool decides: more streams than it has places, several upstream requests for one."""

from __future__ import annotations

from bench.shapes.shape import Paced, Shape

__all__ = ["Crowd", "Fanout"]


class Crowd(Shape, frozen=True, tag="crowd"):
    """Open loop: more streams than the pool has places, each of known length, asked for one after the other.

    Whoever has waited ``patience_s`` for a place is to be refused, with 503.
    """

    streams: int
    places: int
    each_s: float
    patience_s: float
    ask_every_s: float = 0.001
    deadline_s: float = 5.0

    @property
    def load(self) -> str:
        return f"{self.streams:,} streams for {self.places:,} places"

    @property
    def how(self) -> str:
        every = f"one every {self.ask_every_s * 1e3:g} ms"
        return f"{every}, {self.each_s:g} s each, refused after {self.patience_s:g} s"

    @property
    def pool(self) -> int:
        return self.places  # that there are to be, and no more

    @property
    def seconds(self) -> float:
        return self.patience_s + self.each_s + self.streams * (self.ask_every_s + 0.003)


class Fanout(Paced, frozen=True, tag="fanout"):
    """Open loop: each request asks the proxy for the first characters of ``requests`` answers at once."""

    requests: int
    chars: int

    @property
    def load(self) -> str:
        return f"{self.rate:,g} fan-outs/s of {self.requests}"

    @property
    def words(self) -> str:
        return f"{self.title}: {self.load} upstream requests each, {self.paced}, {self.window_s:g} s"

    @property
    def pool(self) -> int:
        return self.connections * self.requests

    @property
    def seconds(self) -> float:
        return self.window_s + 0.3
