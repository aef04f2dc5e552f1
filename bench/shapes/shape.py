"""What every shape of load has: its name, and how its own figures are put into words."""

from __future__ import annotations

import msgspec

__all__ = ["Paced", "Shape"]


class Shape(msgspec.Struct, frozen=True):
    """A load. A ``title`` says what is sent and holds no figure of the fields beside it. Each shape has
    ``seconds`` of its own: about how long it takes, for the plan."""

    id: str
    title: str

    @property
    def load(self) -> str:
        """How much is asked for, in few words; empty where nothing is timed."""
        return ""

    @property
    def how(self) -> str:
        """How it is asked for, and for how long."""
        return ""

    @property
    def words(self) -> str:
        """What is sent, how fast, for how long: what a report says of a run is what its own records hold."""
        return f"{self.title}: {self.load}, {self.how}"

    @property
    def pool(self) -> int:
        """How many connections to the upstream it takes at once."""
        return 1


class Paced(Shape, frozen=True, kw_only=True):
    """Open loop: a schedule fixed beforehand, ``arrivals`` "poisson" or "constant"; latency counts from the
    intended start. What has no answer ``drain_s`` after the window has none."""

    path: str
    rate: float
    window_s: float
    arrivals: str = "poisson"
    connections: int = 16
    drain_s: float = 2.0

    @property
    def paced(self) -> str:
        """How the requests are spread over the time."""
        return f"{self.arrivals.replace('poisson', 'Poisson')} arrivals"
