"""One record per exchange; from it a JSON log line and the Prometheus metrics. Field values are never looked
at.

    begin() ... finish() --> finished records -- every TALLY_S, or when somebody asks --> metrics, log lines

By the batch, because each line by itself wakes a thread and each exchange by itself takes a dozen locks: that
cost a small exchange more than all header rules together (docs/decisions/0017).
"""

import asyncio
import math
import os
import random
import re
import time
from bisect import bisect_right
from collections import Counter as Tally
from datetime import UTC, datetime
from functools import lru_cache
from operator import attrgetter

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess

from shared.accesslog import AccessLog
from shared.messages import ExchangeRecord, Fields

__all__ = ["METRICS_TYPE", "LogLine", "Observer", "log_line", "request_id"]

TALLY_S = 0.1

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_METHODS = frozenset(
    (
        "GET",
        "HEAD",
        "POST",
        "PUT",
        "PATCH",
        "DELETE",
        "OPTIONS",
        "TRACE",
        "CONNECT",
        "QUERY",
        "PROPFIND",
        "REPORT",
    )
)
_ID = re.compile(rb"[\x21-\x7e]{1,128}")
# From a cached answer to a slow model's: 1 ms … 60 s.
_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_BOUNDS_S = (*_BUCKETS_S, math.inf)


class LogLine(msgspec.Struct, frozen=True, gc=False):
    """What the access log holds. Bytes are body bytes; a time is null while its phase was not reached."""

    time: str
    method: str
    path: str
    status: int
    outcome: str
    bytes_received: int
    bytes_sent: int
    upstream_ms: float | None
    total_ms: float
    request_id: str


def request_id(fields: Fields) -> str:
    """X-Request-ID as it came when it is visible ASCII of at most 128 characters, otherwise a new one of 16
    hex digits."""
    if b"x-request-id" in fields.names.places:
        for value in fields.get(b"x-request-id"):
            if _ID.fullmatch(value):
                return value.decode("ascii")
    return random.getrandbits(64).to_bytes(8).hex()  # unique, and no secret


def log_line(record: ExchangeRecord, *, epoch_s: float) -> LogLine:
    """`epoch_s` is the time at which the monotonic clock was 0."""
    started, finished, upstream_s = record.started, record.finished, record.upstream_s
    if finished is None:
        finished = started
    return LogLine(
        time=_timestamp(epoch_s + finished),
        method=record.method,
        path=record.path,
        status=record.status,
        outcome=record.outcome,
        bytes_received=record.bytes_received,
        bytes_sent=record.bytes_sent,
        upstream_ms=None if upstream_s is None else _ms(upstream_s),
        total_ms=_ms(finished - started),
        request_id=record.request_id,
    )


def _ms(time_s: float) -> float:
    """To the microsecond. (round() goes by way of the decimal text: a third of a line's cost.)"""
    return int(time_s * 1e6 + 0.5) / 1000


def _timestamp(now_s: float) -> str:
    second, milliseconds = divmod(int(now_s * 1000), 1000)
    return _second(second) + _MILLISECONDS[milliseconds]


# A line's cheapest way to write them: a format takes a twentieth of the line.
_MILLISECONDS = [f".{number:03d}+00:00" for number in range(1000)]


@lru_cache(maxsize=2)
def _second(now_s: int) -> str:
    return datetime.fromtimestamp(now_s, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _observe(histogram: Histogram, values: list[float]) -> None:
    """What histogram.observe() does for each value, for all at once: it has no public way to do so."""
    values.sort()
    lower = 0
    for bucket, bound_s in zip(histogram._buckets, _BOUNDS_S, strict=True):  # noqa: SLF001
        if (upper := bisect_right(values, bound_s)) > lower:
            bucket.inc(upper - lower)
            lower = upper
    histogram._sum.inc(sum(values))  # noqa: SLF001


_labels = attrgetter("method", "status", "outcome")


class Observer:
    """Counts and logs the exchanges of one process. With PROMETHEUS_MULTIPROC_DIR set, of all workers that
    share it. Belongs to the loop it is first used in."""

    def __init__(self, log: AccessLog | None) -> None:
        self._log = log
        self._open = 0
        self._none_open: asyncio.Future[None] | None = None
        self._finished: list[ExchangeRecord] = []
        self._timer: asyncio.TimerHandle | None = None
        self._encode_lines = msgspec.json.Encoder().encode_lines
        registry = self._registry = CollectorRegistry()
        self._in_flight = Gauge(
            "tandem_exchanges_in_flight",
            "Exchanges begun and not finished",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._total = Counter(
            "tandem_exchanges",
            "Exchanges finished, by method, status and outcome",
            ("method", "status", "outcome"),
            registry=registry,
        )
        self._received = Counter(
            "tandem_received_bytes", "Request body bytes from clients", registry=registry
        )
        self._sent = Counter("tandem_sent_bytes", "Response body bytes to clients", registry=registry)
        self._duration = Histogram(
            "tandem_exchange_seconds",
            "From request head to the last byte",
            buckets=_BUCKETS_S,
            registry=registry,
        )
        self._upstream = Histogram(
            "tandem_upstream_seconds",
            "From asking for an upstream connection to the response head or the failure",
            buckets=_BUCKETS_S,
            registry=registry,
        )

    def begin(self, method: str, path: str, fields: Fields) -> ExchangeRecord:
        self._open += 1
        if self._timer is None:
            self._arm()
        return ExchangeRecord(
            method=method, path=path, request_id=request_id(fields), started=time.monotonic()
        )

    def finish(self, record: ExchangeRecord) -> None:
        """To be called once per begin(); a second call changes nothing."""
        if record.finished is not None:
            return
        record.finished = time.monotonic()
        self._open -= 1
        self._finished.append(record)
        if self._timer is None:
            self._arm()
        if self._open == 0 and self._none_open is not None and not self._none_open.done():
            self._none_open.set_result(None)

    def _arm(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(TALLY_S, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._tally()
        if self._log is not None and self._log.owing:
            self._arm()

    def _tally(self) -> None:
        self._in_flight.set(self._open)
        records, self._finished = self._finished, []
        for (method, status, outcome), count in Tally(map(_labels, records)).items():
            known = method if method in _METHODS else "other"  # clients choose it: bounded all the same
            self._total.labels(known, str(status), outcome).inc(count)
        self._received.inc(sum([record.bytes_received for record in records]))
        self._sent.inc(sum([record.bytes_sent for record in records]))
        _observe(
            self._duration,
            [record.finished - record.started for record in records if record.finished is not None],
        )
        _observe(self._upstream, [record.upstream_s for record in records if record.upstream_s is not None])
        if self._log is not None:
            epoch_s = time.time() - time.monotonic()
            lines = self._encode_lines([log_line(record, epoch_s=epoch_s) for record in records])
            self._log.write(lines, len(records))

    async def idle(self) -> None:
        """Return as soon as every exchange of this process is finished. One waits at a time."""
        if self._open:
            self._none_open = asyncio.get_running_loop().create_future()
            await self._none_open

    def exposition(self) -> bytes:
        """All metrics in the Prometheus text format."""
        self._tally()
        registry = self._registry
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            registry = CollectorRegistry()
            multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._tally()
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            multiprocess.mark_process_dead(os.getpid())  # type: ignore[no-untyped-call]
        if self._log is not None:
            self._log.close()
