"""What one scenario has measured in one process: a result, each shape of load its own, or an absence.

A figure that could not be had is an `Absence` with a typed reason, never a zero. Times within histograms are
nanoseconds.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from bench.queueing import Turn
from bench.usage import Memory, Span

__all__ = [
    "AbortsResult",
    "Absence",
    "BurstResult",
    "ClosedResult",
    "CrowdResult",
    "DownloadResult",
    "GateResult",
    "HoldingResult",
    "Integrity",
    "Left",
    "OpenResult",
    "Reason",
    "Result",
    "SlowReader",
    "SlowResult",
    "StreamsResult",
    "Timed",
    "UploadResult",
]

Reason = Literal[
    "below-resolution",  # there may be a difference, smaller than this run can see
    "rig-bound",  # the rig was nearly as slow as the cell: the figure would be the rig's
    "saturated",  # the cell did not carry the offered load
    "unsupported",  # this cell, or this machine, cannot do that
    "failed",  # gate or integrity failed, or the subject died
    "too-few-samples",
    "not-run",  # interrupted, or dropped from the plan
    "not-asked",  # the plan asks it of other cells only
]


Count = Annotated[int, msgspec.Meta(ge=0)]


class Absence(msgspec.Struct, frozen=True, tag="absence"):
    """A figure that is missing, and why."""

    reason: Reason
    detail: str


class Integrity(msgspec.Struct, frozen=True):
    """What did not come out right: counts by kind, and the first in words. Empty when all was right."""

    failures: dict[str, int] = {}
    first: str = ""


class GateResult(msgspec.Struct, frozen=True, tag="gate"):
    """The checks that passed, in order, and the one that failed, if any."""

    passed: list[str]
    failed: str = ""
    detail: str = ""


class ClosedResult(msgspec.Struct, frozen=True, tag="closed"):
    """A closed-loop window: valid completions, and those of each warm-up slice before it. ``idle``: how many
    connections to the origin lay idle when it began, where the scenario asks for some. ``asked``: right
    answers in all, warm-up and end included; ``memory``: the subject's tree before the first of them and
    after the last, where the scenario asks for many paths."""

    completed: Count
    warmup: list[int]
    span: Span
    integrity: Integrity = Integrity()
    idle: int | None = None
    asked: int | None = None
    memory: tuple[Memory, Memory] | None = None


class OpenResult(msgspec.Struct, frozen=True, tag="open"):
    """An open-loop window. ``response`` counts from the intended start, ``first`` from there to the first
    byte, ``service`` from the actual send; ``lag`` is the difference. Encoded histograms."""

    offered: Count
    completed: Count
    span: Span
    response: str
    service: str
    lag: str
    integrity: Integrity = Integrity()
    first: str = ""


class StreamsResult(msgspec.Struct, frozen=True, tag="streams"):
    """A steady window over open SSE streams. ``ttfe``: intended start to first content event, one sample a
    stream. ``delay``: arrival minus the origin's stamp. ``gap``: how far each arrival gap is from the
    origin's gap; ``origin_gap``: the latter's distance from the pacing. Encoded histograms. ``raster``: the
    window's events of one stream, each the origin's stamp and its arrival, in µs from the first stamp."""

    opened: int
    events: Count
    expected: float
    deliveries: Count
    stalls: int
    span: Span
    ttfe: str
    ttfe_lag: str
    delay: str
    gap: str
    origin_gap: str
    raster: list[tuple[int, int]] = []
    integrity: Integrity = Integrity()


class DownloadResult(msgspec.Struct, frozen=True, tag="download"):
    """Large bodies that came whole, one after the other: how many, and their bytes in all."""

    completed: Count
    size: int
    span: Span
    integrity: Integrity = Integrity()


class UploadResult(DownloadResult, frozen=True, tag="upload"):
    """The same of large bodies that went up: the origin had each whole, and right, before it was answered."""


class BurstResult(msgspec.Struct, frozen=True, tag="burst"):
    """Bursts of ``events`` that came whole and in order, and the reads that brought them. ``whole``: request
    to last byte; ``spread``: first byte of an event to last. Encoded histograms, one sample a burst."""

    completed: Count
    events: Count
    deliveries: Count
    span: Span
    whole: str
    spread: str
    integrity: Integrity = Integrity()


class HoldingResult(msgspec.Struct, frozen=True, tag="holding"):
    """Memory of the subject's tree with few streams open, then with many; None: there is no process."""

    few: int
    many: int
    at_few: Memory | None
    at_many: Memory | None
    span: Span
    integrity: Integrity = Integrity()


class Left(msgspec.Struct, frozen=True):
    """Clients that left at one point: from a client's close to the origin seeing its own exchange closed, an
    encoded histogram; ``never``: how many of them it did not see within the scenario's patience. ``absence``:
    why that point was not reached, or by no more of them."""

    clients: int
    never: int
    seen: str
    absence: Absence | None = None


class AbortsResult(msgspec.Struct, frozen=True, tag="aborts"):
    """Clients that left, by the point where they did. ``kept``: how many more descriptors the subject's tree
    holds when all is quiet than before the first client came, its connections to the origin not counted;
    None: there is no process, or it does not show."""

    points: dict[str, Left]
    kept: int | None
    span: Span
    integrity: Integrity = Integrity()


class CrowdResult(msgspec.Struct, frozen=True, tag="crowd"):
    """Streams that asked for a place in the pool. ``turns``: of each that was served, when it was meant to
    ask, when the origin had it, when the origin was done with it; ``refused``: of each other, when it was
    meant to ask and when the 503 was here. All in µs from the first. ``lag``: encoded histogram."""

    asked: int
    places: int
    turns: list[Turn]
    refused: list[tuple[int, int]]
    lag: str
    span: Span
    integrity: Integrity = Integrity()


class SlowReader(msgspec.Struct, frozen=True):
    """Bytes of one slow reader's body: taken by it, accepted from the origin. ``gone``: the origin saw its
    connection closed meanwhile."""

    taken: int
    accepted: int
    gone: bool


class SlowResult(msgspec.Struct, frozen=True, tag="slow"):
    """The same streams alone and beside slow readers of a ``body`` of that size; memory of the subject's tree
    before the first of them and at the end of the window, None where there is no process or it does not
    show."""

    alone: StreamsResult
    beside: StreamsResult
    body: int
    readers: list[SlowReader]
    before: Memory | None
    after: Memory | None
    integrity: Integrity = Integrity()

    @property
    def span(self) -> Span:
        """The window beside slow readers."""
        return self.beside.span


Timed = (
    ClosedResult
    | OpenResult
    | StreamsResult
    | DownloadResult
    | UploadResult
    | HoldingResult
    | BurstResult
    | AbortsResult
    | CrowdResult
    | SlowResult
)
Result = GateResult | Timed | Absence
