"""The load shapes, as data: what is sent, how fast, for how long. S0 is the gate that a cell passes first.

A ``title`` says what is sent and holds no figure of the fields beside it; ``load`` and ``words`` put those
into words, so that a report says of a run what its own records hold.
"""

from __future__ import annotations

import msgspec

__all__ = ["QUICK", "Closed", "Gate", "Open", "Scenario", "Streams"]


class Gate(msgspec.Struct, frozen=True, tag="gate"):
    """Right bytes, right status, incremental delivery; nothing is timed."""

    id: str
    title: str
    deadline_s: float = 5.0

    @property
    def load(self) -> str:
        """None: nothing is timed."""
        return ""

    @property
    def words(self) -> str:
        """What is sent, how fast, for how long."""
        return f"{self.title}, within {self.deadline_s:g} s"

    @property
    def seconds(self) -> float:
        """About how long it takes, for the plan."""
        return 0.15


class Closed(msgspec.Struct, frozen=True, tag="closed"):
    """Closed loop: each connection sends its next request when the answer is in. For capacity only."""

    id: str
    title: str
    path: str
    connections: int
    window_s: float
    warm_slice_s: float = 0.08
    warm_tolerance: float = 0.15
    warm_least: int = 3
    warm_most: int = 8

    @property
    def load(self) -> str:
        """How much is asked for, in two words."""
        return f"{self.connections:,} connections"

    @property
    def words(self) -> str:
        """What is sent, how fast, for how long."""
        return f"{self.title}: {self.load}, {self.window_s:g} s after the warm-up"

    @property
    def seconds(self) -> float:
        """About how long it takes, for the plan."""
        return self.window_s + 1.3 * self.warm_least * self.warm_slice_s + 0.05


class Open(msgspec.Struct, frozen=True, tag="open"):
    """Open loop: a schedule fixed beforehand; latency counts from the intended start. For latency."""

    id: str
    title: str
    path: str
    rate: float
    window_s: float
    arrivals: str = "poisson"
    connections: int = 16
    drain_s: float = 2.0

    @property
    def load(self) -> str:
        """How much is asked for, in two words."""
        return f"{self.rate:,g} requests/s"

    @property
    def words(self) -> str:
        """What is sent, how fast, for how long."""
        arrivals = "Poisson" if self.arrivals == "poisson" else self.arrivals
        return (
            f"{self.title}: {self.load}, {arrivals} arrivals, "
            f"{self.connections:,} connections, {self.window_s:g} s"
        )

    @property
    def seconds(self) -> float:
        """About how long it takes, for the plan."""
        return self.window_s + 0.05


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
        """How much is asked for, in two words."""
        return f"{self.events_per_s:,.6g} events/s"

    @property
    def words(self) -> str:
        """What is sent, how fast, for how long."""
        each = f"{1e6 / self.every_us:,.6g} events/s each"
        return f"{self.title}: {self.streams:,} streams, {each}, {self.window_s:g} s"

    @property
    def seconds(self) -> float:
        """About how long it takes, for the plan."""
        return self.streams * self.open_every_s + self.settle_s + self.window_s + 0.1


Scenario = Gate | Closed | Open | Streams

QUICK: tuple[Scenario, ...] = (
    Gate(id="S0", title="gate: right bytes, right status, events one by one"),
    Closed(id="S3", title="1 KiB JSON, closed loop", path="/json", connections=32, window_s=0.6),
    # Half of the 300/s that the slowest recipe can be relied on to carry on one old core (facts.md: 460-520
    # on a recent one): the rate must lie below every cell's knee, or latency would only show a queue growing.
    Open(id="S2", title="1 KiB JSON, open loop", path="/json", rate=150.0, window_s=0.7),
    Streams(id="S5", title="SSE streams", streams=50, every_us=20_000, window_s=0.6),
)
"""In the order in which a cell runs them: the closed loop has a warm-up rule, and so warms the process."""
