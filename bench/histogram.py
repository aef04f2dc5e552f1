"""Times as encoded HdrHistograms: what a record holds of them, and how those of several are merged."""

from __future__ import annotations

import binascii
import zlib
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
from hdrh.codec import HdrCookieException, HdrHistogramSettingsException, HdrLengthException
from hdrh.histogram import HdrHistogram

__all__ = ["encode_histogram", "merge_histograms", "samples_ns"]

_DAMAGED = (
    UnicodeError,
    binascii.Error,
    zlib.error,
    HdrCookieException,
    HdrLengthException,
    HdrHistogramSettingsException,
)
"""What the library raises for bytes that are no histogram."""


def _histogram() -> HdrHistogram:
    # 64 ns units up to a minute, three digits: a loopback delay of 20 us keeps its 0.3 %
    return HdrHistogram(100, 60_000_000_000, 3)


def encode_histogram(values_ns: Sequence[int]) -> str:
    """Return values in nanoseconds as an encoded HdrHistogram. Values are clamped to 1 ns … 60 s."""
    histogram = _histogram()
    values, counts = np.unique(
        np.clip(np.asarray(values_ns, dtype=np.int64), 1, 60_000_000_000), return_counts=True
    )
    for value, count in zip(values.tolist(), counts.tolist(), strict=True):
        histogram.record_value(value, count)
    encoded: bytes = histogram.encode()
    return encoded.decode("ascii")


def merge_histograms(encoded: Iterable[str]) -> HdrHistogram:
    """Return one histogram of all samples: percentiles are merged, never averaged.

    Raises ValueError for one that is not whole.
    """
    merged = _histogram()
    for text in encoded:
        try:
            merged.decode_and_add(text.encode("ascii"))
        except _DAMAGED as error:
            raise ValueError(f"a histogram that is damaged: {error}") from None
    return merged


def samples_ns(encoded: str) -> npt.NDArray[np.int64]:
    """Return the samples of an encoded histogram in nanoseconds, sorted, each as far as three digits tell."""
    histogram = merge_histograms([encoded])
    counts = np.asarray(histogram.counts)  # some 20,000, of which the library's own iterator reads each
    used = np.flatnonzero(counts)
    values = [
        histogram.get_highest_equivalent_value(histogram.get_value_from_index(index))
        for index in used.tolist()
    ]
    return np.repeat(np.array(values, dtype=np.int64), counts[used].astype(np.int64))
