"""One value from one result, or the reason why there is none: what the metrics are made of. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from bench.histogram import encode_histogram, merge_histograms
from bench.queueing import in_turn
from bench.record import (
    AbortsResult,
    Absence,
    BurstResult,
    CellRecord,
    ClosedResult,
    CrowdResult,
    HoldingResult,
    Result,
    SlowResult,
    StreamsResult,
)
from bench.stats import least_samples

__all__ = [
    "Source",
    "Value",
    "burst_coalescing",
    "burst_spread",
    "burst_whole",
    "cold_start",
    "cpu_us_per",
    "delay_p99",
    "gone",
    "import_time",
    "in_turn_percent",
    "kept_per_request",
    "kib_held",
    "kib_rise",
    "memory_per_stream",
    "quantile_us",
    "served_percent",
    "stream_coalescing",
    "unstalled_percent",
    "wait_ms",
]

Value = float | Absence

Source = Result | CellRecord
"""What a value is read off: a result, or where the gate stands, which times nothing, the process itself."""

_ONE_READ_US = 1.0  # the first and the last byte of one read have one stamp


def quantile_us(encoded: list[str], quantile: float) -> Value:
    """Return a quantile of merged histograms in µs; an absence when it has too few samples."""
    merged = merge_histograms(encoded)
    count, least = merged.get_total_count(), least_samples(quantile)
    if count < least:
        return Absence("too-few-samples", f"{count} samples, p{quantile * 100:g} needs {least}")
    return float(merged.get_value_at_percentile(quantile * 100)) / 1e3


def cpu_us_per(cpu_s: float, count: int) -> Value:
    """Return CPU time in µs over a count."""
    if cpu_s <= 0:
        return Absence("unsupported", "the system does not show another process's CPU time")
    return cpu_s / count * 1e6 if count else Absence("failed", "nothing completed")


def memory_per_stream(result: Source) -> Value:
    """Return how much private memory in KiB the subject holds for each stream more that is open."""
    assert isinstance(result, HoldingResult)
    if result.at_few is None or result.at_many is None:
        return Absence("unsupported", "the system does not show another process's memory")
    slope = (result.at_many.private_kib - result.at_few.private_kib) / (result.many - result.few)
    return (
        slope if slope > 0 else Absence("below-resolution", "it held no more with many streams than with few")
    )


def cold_start(process: Source) -> Value:
    """Return the time in ms from before a process was begun until its first right answer was here; that it
    listened is seen within 10 ms."""
    assert isinstance(process, CellRecord)
    if process.started_s is None:
        return Absence("unsupported", "nothing was started")
    if process.answered_s is None:
        return Absence("not-run", "its first answer was not timed")
    return process.answered_s * 1e3


def import_time(process: Source) -> Value:
    """Return the time in ms that a process took to import its app."""
    assert isinstance(process, CellRecord)
    if process.import_s is None:
        return Absence("unsupported", "it tells of no import")
    return process.import_s * 1e3


def stream_coalescing(result: Source) -> Value:
    """Return how many events of a stream came in one delivery."""
    assert isinstance(result, StreamsResult)
    return result.events / result.deliveries if result.deliveries else Absence("failed", "no event came")


def unstalled_percent(result: Source) -> Value:
    """Return how many events came without a gap of more than ten times the pacing before them, in per cent.

    Stalls are rare: of most cells there are none, and no ratio to nothing.
    """
    assert isinstance(result, StreamsResult)
    return 100 - 100 * result.stalls / result.events if result.events else Absence("failed", "no event came")


def burst_whole(result: Source) -> Value:
    """Return the median time in µs from a request to the last byte of its burst."""
    assert isinstance(result, BurstResult)
    return quantile_us([result.whole], 0.5)


def burst_spread(result: Source) -> Value:
    """Return the median time in µs from the first byte of a burst to the last."""
    assert isinstance(result, BurstResult)
    value = quantile_us([result.spread], 0.5)
    if isinstance(value, float) and value < _ONE_READ_US:
        return Absence("below-resolution", "most bursts came in one piece")
    return value


def burst_coalescing(result: Source) -> Value:
    """Return how many events came in one delivery."""
    assert isinstance(result, BurstResult)
    events = result.completed * result.events
    return events / result.deliveries if result.deliveries else Absence("failed", "nothing completed")


def gone(point: str) -> Callable[[Source], Value]:
    """Return what reads the median time in µs from a client's close at that point to the origin seeing it."""

    def of(result: Source) -> Value:
        assert isinstance(result, AbortsResult)
        left = result.points.get(point)
        if left is None:
            return Absence("not-run", "an earlier point failed")
        if left.never:
            return Absence("failed", f"{left.never} of {left.clients} upstream exchanges were never let go")
        if left.absence is not None:
            return left.absence
        return quantile_us([left.seen], 0.5)

    return of


def kept_per_request(result: Source) -> Value:
    """Return by how many bytes the private memory of the subject rose for each request that it answered."""
    assert isinstance(result, ClosedResult)
    if result.memory is None or not result.asked:
        return Absence("unsupported", "the system does not show another process's memory")
    before, after = result.memory
    rise = (after.private_kib - before.private_kib) * 1024 / result.asked
    return rise if rise > 0 else Absence("below-resolution", "it held no more afterwards than before")


def wait_ms(quantile: float) -> Callable[[Source], Value]:
    """Return what reads a quantile of the time until the origin had the request, of those it got, in ms."""

    def of(result: Source) -> Value:
        assert isinstance(result, CrowdResult)
        waits_ns = [(begun - asked) * 1000 for asked, begun, _ in result.turns]
        value = quantile_us([encode_histogram(waits_ns)], quantile)
        return value if isinstance(value, Absence) else value / 1e3

    return of


def delay_p99(window: Literal["alone", "beside"]) -> Callable[[Source], Value]:
    """Return what reads the p99 of the healthy streams' event delay in µs, in one of the two windows."""

    def of(result: Source) -> Value:
        assert isinstance(result, SlowResult)
        streams: StreamsResult = getattr(result, window)
        return quantile_us([streams.delay], 0.99)

    return of


def served_percent(result: Source) -> Value:
    """Return how many of those who asked were served, in per cent; the others were refused."""
    assert isinstance(result, CrowdResult)
    return 100 * len(result.turns) / result.asked if result.asked else Absence("failed", "nobody asked")


def in_turn_percent(result: Source) -> Value:
    """Return how many pairs of waiters were served in the order in which they asked, in per cent."""
    assert isinstance(result, CrowdResult)
    share = in_turn(result.turns)
    return Absence("unsupported", "nobody had to wait") if share is None else 100 * share


def kib_held(result: Source) -> Value:
    """Return what is held for one slow reader: KiB accepted from the origin that it has not taken, mean."""
    assert isinstance(result, SlowResult)
    if any(reader.gone and reader.accepted < result.body for reader in result.readers):
        return Absence("failed", "the upstream of a slow reader was closed before its end")
    held = [reader.accepted - reader.taken for reader in result.readers]
    return sum(held) / len(held) / 1024 if held else Absence("failed", "no slow reader asked")


def kib_rise(result: Source) -> Value:
    """Return the rise of the subject's private memory in KiB for each slow reader."""
    assert isinstance(result, SlowResult)
    if result.before is None or result.after is None:
        return Absence("unsupported", "the system does not show another process's memory")
    rise = (result.after.private_kib - result.before.private_kib) / max(1, len(result.readers))
    return rise if rise > 0 else Absence("below-resolution", "it held no more than before")
