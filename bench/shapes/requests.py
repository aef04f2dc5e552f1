"""Loads of single requests: the gate, both loops, large bodies down and up."""

from __future__ import annotations

from bench.shapes.shape import Paced, Shape

__all__ = ["Closed", "Download", "Gate", "Open", "Upload"]

_KIB, _MB = 1024, 1_000_000


class Gate(Shape, frozen=True, tag="gate"):
    """Right bytes, right status, incremental delivery; nothing is timed."""

    deadline_s: float = 5.0

    @property
    def words(self) -> str:
        return f"{self.title}, within {self.deadline_s:g} s"

    @property
    def seconds(self) -> float:
        return 0.15


class Closed(Shape, frozen=True, tag="closed"):
    """Closed loop: each connection sends its next request when the answer is in. For capacity only.

    ``idle``: so many connections to the upstream lie idle in the pool meanwhile. ``churn``: each request on
    a connection of its own. ``paths``: so many are asked for in turn, numbered in the place of the path's %d;
    none: the path as it is. ``up``: each brings a body of so many bytes, and is a POST.
    """

    path: str
    connections: int
    window_s: float
    idle: int = 0
    churn: bool = False
    paths: int = 0
    up: int = 0
    warm_slice_s: float = 0.08
    warm_tolerance: float = 0.15
    warm_least: int = 3
    warm_most: int = 8

    @property
    def load(self) -> str:
        size = int(self.path.removeprefix("/bytes/")) if self.path.startswith("/bytes/") else 0
        body = f", {size // _KIB:,} KiB bodies" if size else ""
        body += f", {self.up // _KIB:,} KiB up" if self.up else ""
        more = f", {self.idle:,} idle" if self.idle else ""
        more += f", {self.paths:,} path{'s' * (self.paths > 1)}" if self.paths else ""
        each = ", each request a new one" if self.churn else ""
        return f"{self.connections:,} connection{'s' * (self.connections > 1)}{each}{body}{more}"

    @property
    def how(self) -> str:
        return f"{self.window_s:g} s after the warm-up"

    @property
    def pool(self) -> int:
        return max(self.connections, self.idle)

    @property
    def seconds(self) -> float:
        filling_s = 0.0004 * (self.connections + 3 * self.idle)
        return self.window_s + 1.3 * self.warm_least * self.warm_slice_s + 0.05 + filling_s


class Open(Paced, frozen=True, tag="open"):
    """Open loop, one answer for each request. For latency."""

    @property
    def load(self) -> str:
        return f"{self.rate:,g} requests/s"

    @property
    def how(self) -> str:
        return f"{self.paced}, {self.connections:,} connections, {self.window_s:g} s"

    @property
    def pool(self) -> int:
        return self.connections

    @property
    def seconds(self) -> float:
        return self.window_s + 0.05


class _Large(Shape, frozen=True):
    """Large bodies, one after the other on one connection; the first is the warm-up."""

    size: int
    times: int

    @property
    def load(self) -> str:
        return f"{self.size // _MB:,} MB at a time"

    @property
    def how(self) -> str:
        return f"{self.times} times after one to warm up"

    @property
    def seconds(self) -> float:
        return (self.times + 1) * self.size / (400 * _MB)  # a second


class Download(_Large, frozen=True, tag="download"):
    """Large bodies that come down."""


class Upload(_Large, frozen=True, tag="upload"):
    """Large bodies that go up, each no faster than it is taken. ``deadline_s``: for all of them."""

    deadline_s: float = 60.0

    @property
    def load(self) -> str:
        return f"{self.size // _MB:,} MB up at a time"
