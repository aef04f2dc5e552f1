"""One record per exchange; from it a JSON log line and the Prometheus metrics. Field values are never looked
at."""

import asyncio
import os
import re
import secrets
import time
from datetime import UTC, datetime

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess

from shared.accesslog import AccessLog
from shared.messages import ExchangeRecord, Headers

__all__ = ["METRICS_TYPE", "LogLine", "Observer", "log_line", "request_id"]

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


class LogLine(msgspec.Struct, frozen=True, omit_defaults=True):
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


def request_id(headers: Headers) -> str:
    """X-Request-ID as it came when it is visible ASCII of at most 128 characters, otherwise a new one of 16
    hex digits."""
    for name, value in headers:
        if name.lower() == b"x-request-id" and _ID.fullmatch(value):
            return value.decode("ascii")
    return secrets.token_hex(8)


def log_line(record: ExchangeRecord, *, now: datetime) -> LogLine:
    finished = record.finished if record.finished is not None else record.started
    return LogLine(
        time=now.isoformat(timespec="milliseconds"),
        method=record.method,
        path=record.path,
        status=record.status,
        outcome=record.outcome,
        bytes_received=record.bytes_received,
        bytes_sent=record.bytes_sent,
        upstream_ms=None if record.upstream_s is None else round(record.upstream_s * 1000, 3),
        total_ms=round((finished - record.started) * 1000, 3),
        request_id=record.request_id,
    )


class Observer:
    """Counts and logs the exchanges of one process. With PROMETHEUS_MULTIPROC_DIR set, of all workers that
    share it."""

    def __init__(self, log: AccessLog | None) -> None:
        self._log = log
        self._open = 0
        self._none_open: asyncio.Future[None] | None = None
        self._encode = msgspec.json.Encoder().encode
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

    def begin(self, method: str, path: str, headers: Headers) -> ExchangeRecord:
        self._in_flight.inc()
        self._open += 1
        return ExchangeRecord(
            method=method, path=path, request_id=request_id(headers), started=time.monotonic()
        )

    def finish(self, record: ExchangeRecord) -> None:
        """To be called once per begin(); a second call changes nothing."""
        if record.finished is not None:
            return
        record.finished = time.monotonic()
        self._in_flight.dec()
        self._open -= 1
        method = record.method if record.method in _METHODS else "other"
        self._total.labels(method, str(record.status), record.outcome).inc()
        self._received.inc(record.bytes_received)
        self._sent.inc(record.bytes_sent)
        self._duration.observe(record.finished - record.started)
        if record.upstream_s is not None:
            self._upstream.observe(record.upstream_s)
        if self._log is not None:
            self._log.write(self._encode(log_line(record, now=datetime.now(UTC))))
        if self._open == 0 and self._none_open is not None and not self._none_open.done():
            self._none_open.set_result(None)

    async def idle(self) -> None:
        """Return as soon as every exchange of this process is finished. One waits at a time."""
        if self._open:
            self._none_open = asyncio.get_running_loop().create_future()
            await self._none_open

    def exposition(self) -> bytes:
        """All metrics in the Prometheus text format."""
        registry = self._registry
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            registry = CollectorRegistry()
            multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)

    def close(self) -> None:
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            multiprocess.mark_process_dead(os.getpid())  # type: ignore[no-untyped-call]
        if self._log is not None:
            self._log.close()
