"""The load shapes, as data: what is sent, how fast, for how long. S0 is the gate that a cell passes first.

A ``title`` says what is sent and holds no figure of the fields beside it; ``load`` and ``words`` put those
into words, so that a report says of a run what its own records hold.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

__all__ = [
    "MORE",
    "QUICK",
    "SWEEP",
    "Closed",
    "Download",
    "Gate",
    "Holding",
    "Open",
    "Scenario",
    "Streams",
    "settings",
]

_KIB, _MB = 1024, 1_000_000
_USUAL_POOL = 100  # TANDEM_MAX_CONNECTIONS


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
    def pool(self) -> int:
        """How many connections to the upstream it takes at once."""
        return 1

    @property
    def seconds(self) -> float:
        """About how long it takes, for the plan."""
        return 0.15


class Closed(msgspec.Struct, frozen=True, tag="closed"):
    """Closed loop: each connection sends its next request when the answer is in. For capacity only.

    ``idle``: so many connections to the upstream lie idle in the pool meanwhile.
    """

    id: str
    title: str
    path: str
    connections: int
    window_s: float
    idle: int = 0
    warm_slice_s: float = 0.08
    warm_tolerance: float = 0.15
    warm_least: int = 3
    warm_most: int = 8

    @property
    def load(self) -> str:
        """How much is asked for, in few words."""
        size = int(self.path.removeprefix("/bytes/")) if self.path.startswith("/bytes/") else 0
        body = f", {size // _KIB:,} KiB bodies" if size else ""
        return f"{self.connections:,} connections{body}" + (f", {self.idle:,} idle" if self.idle else "")

    @property
    def words(self) -> str:
        """What is sent, how fast, for how long."""
        return f"{self.title}: {self.load}, {self.window_s:g} s after the warm-up"

    @property
    def pool(self) -> int:
        """How many connections to the upstream it takes at once."""
        return max(self.connections, self.idle)

    @property
    def seconds(self) -> float:
        """About how long it takes, for the plan."""
        filling_s = 0.0004 * (self.connections + 3 * self.idle)
        return self.window_s + 1.3 * self.warm_least * self.warm_slice_s + 0.05 + filling_s


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
        """How much is asked for, in few words."""
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
    def pool(self) -> int:
        """How many connections to the upstream it takes at once."""
        return self.connections

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
        return f"{self.title}: {self.streams:,} streams, {each}, {self.window_s:g} s"

    @property
    def seconds(self) -> float:
        """About how long it takes, for the plan."""
        return self.streams * self.open_every_s + self.settle_s + self.window_s + 0.1


class Download(msgspec.Struct, frozen=True, tag="download"):
    """Large bodies, one after the other on one connection; the first is the warm-up."""

    id: str
    title: str
    size: int
    times: int

    @property
    def load(self) -> str:
        """How much is asked for, in few words."""
        return f"{self.size // _MB:,} MB at a time"

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
        """About how long it takes, for the plan: at 400 MB/s."""
        return (self.times + 1) * self.size / (400 * _MB)


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


Scenario = Gate | Closed | Open | Streams | Download | Holding

QUICK: tuple[Scenario, ...] = (
    Gate(id="S0", title="gate: right bytes, right status, events one by one"),
    Closed(id="S3", title="1 KiB JSON, closed loop", path="/json", connections=32, window_s=0.6),
    # Half of the 300/s that the slowest recipe can be relied on to carry on one old core (facts.md: 460-520
    # on a recent one): the rate must lie below every cell's knee, or latency would only show a queue growing.
    Open(id="S2", title="1 KiB JSON, open loop", path="/json", rate=150.0, window_s=0.7),
    Streams(id="S5", title="SSE streams", streams=50, every_us=20_000, window_s=0.6),
)
"""In the order in which a cell runs them: the closed loop has a warm-up rule, and so warms the process."""

_JSON = "1 KiB JSON, closed loop"

SWEEP: tuple[Open, ...] = tuple(
    Open(id=f"S4-{rate}", title="1 KiB JSON, open loop", path="/json", rate=float(rate), window_s=0.6)
    for rate in (200, 400, 800, 1600, 3200, 6400)
)
"""From below the recipe's knee to beyond anybody's: response time against offered load. Read as one curve, it
gives no metric of its own; a rate that a cell does not carry is an absence, and its curve ends before it.
"""

MORE: tuple[Scenario, ...] = (
    *SWEEP,
    Closed(id="S3-16", title=_JSON, path="/json", connections=16, window_s=0.8),
    Closed(
        id="S3-64k", title="64 KiB bodies, closed loop", path="/bytes/65536", connections=32, window_s=0.8
    ),
    Download(id="S7-100m", title="one large download", size=100 * _MB, times=3),
    Closed(id="S3-idle-50", title=_JSON, path="/json", connections=32, window_s=0.8, idle=50),
    Holding(id="S5-memory", title="SSE streams held open", few=100, many=1000, every_us=1_000_000),
    Closed(id="S3-512", title=_JSON, path="/json", connections=512, window_s=0.8),
    Streams(id="S5-200", title="SSE streams", streams=200, every_us=20_000, window_s=1.0),
    Closed(id="S3-idle-5000", title=_JSON, path="/json", connections=32, window_s=0.8, idle=5000),
)
"""By name only. In this order what one leaves in the pool or in the heap changes none of the later ones: the
fifty idle connections come before anything that opens more, memory before
what frees much, five thousand last.
"""


def settings(scenarios: Sequence[Scenario]) -> dict[str, str]:
    """Return what all cells of a run with these scenarios have to be set to, beside what always holds.

    A pool as large as the largest scenario, so that nobody queues for a place; and patience with idle
    connections where they are what is measured.
    """
    changes: dict[str, str] = {}
    if (pool := max((one.pool for one in scenarios), default=0)) > _USUAL_POOL:
        changes["TANDEM_MAX_CONNECTIONS"] = str(pool + pool // 10)  # and some that are on their way out
    if any(isinstance(one, Closed) and one.idle for one in scenarios):
        changes["TANDEM_KEEPALIVE_EXPIRY"] = "600"
    return changes
