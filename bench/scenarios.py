"""The scenarios, as data: each is a shape with its figures. S0 is the gate that a cell passes first."""

from __future__ import annotations

from collections.abc import Sequence

from bench.shapes import (
    Aborts,
    Burst,
    Closed,
    Crowd,
    Download,
    Fanout,
    Gate,
    Holding,
    Open,
    Scenario,
    Slow,
    Streams,
    Upload,
)

__all__ = [
    "MORE",
    "QUICK",
    "SWEEP",
    "Aborts",
    "Burst",
    "Closed",
    "Crowd",
    "Download",
    "Fanout",
    "Gate",
    "Holding",
    "Open",
    "Scenario",
    "Slow",
    "Streams",
    "Upload",
    "settings",
]

_MB = 1_000_000
_USUAL_POOL = 100  # TANDEM_MAX_CONNECTIONS

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
_PATHS = "1 KiB JSON whatever the path, closed loop"

SWEEP: tuple[Open, ...] = tuple(
    Open(id=f"S4-{rate}", title="1 KiB JSON, open loop", path="/json", rate=float(rate), window_s=0.6)
    for rate in (200, 400, 800, 1600, 3200, 6400)
)
"""From below the recipe's knee to beyond anybody's: response time against offered load. Read as one curve, it
gives no metric of its own; a rate that a cell does not carry is an absence, and its curve ends before it.
"""

MORE: tuple[Scenario, ...] = (
    *SWEEP,
    Closed(id="S3-1", title=_JSON, path="/json", connections=1, window_s=0.8),
    Closed(id="S3-16", title=_JSON, path="/json", connections=16, window_s=0.8),
    Closed(
        id="S3-64k", title="64 KiB bodies, closed loop", path="/bytes/65536", connections=32, window_s=0.8
    ),
    Burst(id="S6", title="a burst of tiny SSE events", events=4096, times=8),
    Download(id="S7-10m", title="one large download", size=10 * _MB, times=5),
    Download(id="S7-100m", title="one large download", size=100 * _MB, times=3),
    Closed(id="S3-post", title="4 KiB up, closed loop", path="/post", connections=32, window_s=0.8, up=4096),
    Upload(id="S7-10m-up", title="one large upload", size=10 * _MB, times=5),
    Streams(id="S5-1", title="SSE streams", streams=1, every_us=20_000, window_s=2.0),
    Closed(id="S3-idle-50", title=_JSON, path="/json", connections=32, window_s=0.8, idle=50),
    Closed(id="S14-one", title=_PATHS, path="/json/%07d", connections=32, window_s=1.5, paths=1),
    Closed(id="S14-many", title=_PATHS, path="/json/%07d", connections=32, window_s=1.5, paths=1_000_000),
    Holding(id="S5-memory", title="SSE streams held open", few=100, many=1000, every_us=1_000_000),
    Closed(id="S11-keep", title=_JSON, path="/json", connections=32, window_s=0.8),
    Closed(id="S11-close", title=_JSON, path="/json", connections=32, window_s=0.8, churn=True),
    Fanout(
        id="S15",
        title="fan-out, 50 characters of each",
        path="/json",
        requests=5,
        chars=50,
        rate=12.0,
        window_s=4.5,
    ),
    Crowd(id="S13", title="streams beyond the pool", streams=100, places=20, each_s=0.25, patience_s=0.65),
    Closed(id="S3-256", title=_JSON, path="/json", connections=256, window_s=0.8),
    Closed(id="S3-512", title=_JSON, path="/json", connections=512, window_s=0.8),
    Streams(id="S5-200", title="SSE streams", streams=200, every_us=20_000, window_s=1.0),
    Streams(id="S5-400", title="SSE streams", streams=400, every_us=20_000, window_s=1.0),
    Slow(
        id="S8",
        title="slow readers beside healthy ones",
        # settled for longer than where one window is watched: what a process still learns in the first of two
        # would make the second look better
        healthy=Streams(
            id="S8", title="SSE streams", streams=45, every_us=20_000, window_s=0.8, settle_s=0.5
        ),
        slow=5,
    ),
    Aborts(id="S9", title="clients that leave"),
    Closed(id="S3-idle-5000", title=_JSON, path="/json", connections=32, window_s=0.8, idle=5000),
)
"""By name only. In this order what one leaves in the pool or in the heap changes none of the later ones: the
fifty idle connections come before anything that opens more, memory before what frees much, five thousand
last.
"""


_APART = "{crowd.id} is about a pool of {crowd.places}, {other.id} takes {other.pool}: run them apart"


def settings(scenarios: Sequence[Scenario]) -> dict[str, str]:
    """Return what all cells of a run with these scenarios have to be set to, beside what always holds.

    A pool as large as the largest scenario, so that nobody queues for a place, unless that is what is
    measured; and patience with idle connections where they are. Raises ValueError, one line, for scenarios
    that no pool suits alike.
    """
    changes: dict[str, str] = {}
    if (pool := max((one.pool for one in scenarios), default=0)) > _USUAL_POOL:
        changes["TANDEM_MAX_CONNECTIONS"] = str(pool + pool // 10)  # and some that are on their way out
    for crowd in (one for one in scenarios if isinstance(one, Crowd)):
        if pool > crowd.places:
            raise ValueError(_APART.format(crowd=crowd, other=max(scenarios, key=lambda one: one.pool)))
        changes["TANDEM_MAX_CONNECTIONS"] = str(crowd.places)
        changes["TANDEM_POOL_TIMEOUT"] = f"{crowd.patience_s:g}"
    if any(isinstance(one, Closed) and one.idle for one in scenarios):
        changes["TANDEM_KEEPALIVE_EXPIRY"] = "600"
    return changes
