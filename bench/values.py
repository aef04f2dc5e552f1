"""One value from one result, or the reason why there is none: what the metrics are made of. Pure."""

from __future__ import annotations

from collections.abc import Callable

from bench.histogram import merge_histograms
from bench.record import AbortsResult, Absence, BurstResult, Result
from bench.stats import least_samples

__all__ = ["Value", "burst_coalescing", "burst_spread", "burst_whole", "cpu_us_per", "gone", "quantile_us"]

Value = float | Absence

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


def burst_whole(result: Result) -> Value:
    """Return the median time in µs from a request to the last byte of its burst."""
    assert isinstance(result, BurstResult)
    return quantile_us([result.whole], 0.5)


def burst_spread(result: Result) -> Value:
    """Return the median time in µs from the first byte of a burst to the last."""
    assert isinstance(result, BurstResult)
    value = quantile_us([result.spread], 0.5)
    if isinstance(value, float) and value < _ONE_READ_US:
        return Absence("below-resolution", "most bursts came in one piece")
    return value


def burst_coalescing(result: Result) -> Value:
    """Return how many events came in one delivery."""
    assert isinstance(result, BurstResult)
    events = result.completed * result.events
    return events / result.deliveries if result.deliveries else Absence("failed", "nothing completed")


def gone(point: str) -> Callable[[Result], Value]:
    """Return what reads the median time in µs from a client's close at that point to the origin seeing it."""

    def of(result: Result) -> Value:
        assert isinstance(result, AbortsResult)
        left = result.points.get(point)
        if left is None:
            return Absence("not-run", "an earlier point failed")
        if left.absence is not None:
            return left.absence
        if left.never:
            return Absence("failed", f"{left.never} of {left.clients} upstream exchanges were never let go")
        return quantile_us([left.seen], 0.5)

    return of
