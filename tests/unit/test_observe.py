"""What is said of an exchange afterwards: the log line, the metrics, and that both add up."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from shared.accesslog import BATCHES, AccessLog
from shared.messages import ExchangeRecord, by_name
from shared.observe import METRICS_TYPE, Observer, log_line, request_id
from tests.unit.aio import aio, eventually

ROOT = Path(__file__).resolve().parents[2]
NOON = datetime(2026, 11, 21, 12, 0, 0, 123456, tzinfo=UTC)
KEYS = [
    *("time", "method", "path", "status", "outcome", "bytes_received", "bytes_sent"),
    *("upstream_ms", "total_ms", "request_id"),
]


def samples(exposition: bytes) -> dict[str, float]:
    """`name{labels}` -> value, labels in the order of their names."""
    found = {}
    for family in text_string_to_metric_families(exposition.decode("utf-8")):
        for sample in family.samples:
            labels = ",".join(f"{key}={value}" for key, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


# The log line


def test_a_log_line_tells_sizes_times_and_outcome() -> None:
    record = ExchangeRecord(
        method="POST",
        path="/a%20b",
        request_id="r-1",
        started=100.0,
        status=502,
        outcome="connection_refused",
        bytes_received=12,
        bytes_sent=34,
        upstream_s=0.0012346,
        finished=100.25,
    )
    line = log_line(record, epoch_s=NOON.timestamp() - 100.25)
    assert {name: getattr(line, name) for name in line.__struct_fields__} == {
        "time": "2026-11-21T12:00:00.123+00:00",
        "method": "POST",
        "path": "/a%20b",
        "status": 502,
        "outcome": "connection_refused",
        "bytes_received": 12,
        "bytes_sent": 34,
        "upstream_ms": 1.235,
        "total_ms": 250.0,
        "request_id": "r-1",
    }


def test_a_phase_that_was_not_reached_has_no_time() -> None:
    line = log_line(ExchangeRecord(method="GET", path="/", request_id="r", started=5.0), epoch_s=0.0)
    assert line.upstream_ms is None
    assert line.total_ms == 0.0


@aio
async def test_header_values_are_never_logged_and_every_line_is_json_with_the_same_keys() -> None:
    read_fd, write_fd = os.pipe()
    observer = Observer(AccessLog(write_fd))
    secret = [
        (b"Authorization", b"Bearer s3cret"),
        (b"Cookie", b"sid=s3cret"),
        (b"X-Request-ID", b"visible-id"),
        (b"X-S3cret-Name", b"1"),
    ]
    for method, path in (("GET", "/"), ("PROPFIND", '/"quoted"\\\x80\xff'), ("GET", "/\u2028")):
        observer.finish(observer.begin(method, path, by_name(secret)))
    observer.close()
    os.close(write_fd)
    with os.fdopen(read_fd, "rb") as log:
        text = log.read()
    assert b"s3cret" not in text.lower()
    lines = [json.loads(line) for line in text.splitlines()]
    assert [list(line) for line in lines] == [KEYS] * 3
    assert [line["path"] for line in lines] == ["/", '/"quoted"\\\x80\xff', "/\u2028"]
    assert {line["request_id"] for line in lines} == {"visible-id"}
    assert datetime.fromisoformat(lines[0]["time"]).tzinfo is not None


@aio
async def test_a_line_comes_out_soon_and_without_a_further_call() -> None:
    read_fd, write_fd = os.pipe()
    observer = Observer(AccessLog(write_fd))
    observer.finish(observer.begin("GET", "/soon", by_name([])))
    line = await asyncio.to_thread(os.read, read_fd, 65536)
    assert json.loads(line)["path"] == "/soon"
    observer.close()
    os.close(read_fd)
    os.close(write_fd)


@aio
async def test_lines_that_a_stuck_reader_lost_are_owned_up_to_when_it_reads_again() -> None:
    read_fd, write_fd = os.pipe()
    log = AccessLog(write_fd)
    observer = Observer(log)
    for _ in range(2 + BATCHES):
        log.write(b"x" * (1 << 20) + b"\n", 1)  # the first keeps the thread, BATCHES wait
    observer.finish(observer.begin("GET", "/lost", by_name([])))
    await eventually(lambda: log.owing, "the loss")
    with os.fdopen(read_fd, "rb") as reader:
        while b"log_lines_dropped" not in (line := await asyncio.to_thread(reader.readline)):
            assert line
    assert json.loads(line)["count"] >= 1
    observer.close()
    os.close(write_fd)


@pytest.mark.parametrize("value", [b"a", b"0af7651916cd43dd", b"x" * 128, b'"><script>', b"a/b=c;d"])
def test_a_request_id_that_can_stand_in_a_line_is_taken(value: bytes) -> None:
    assert request_id(by_name([(b"A", b"b"), (b"x-ReQuest-iD", value)])) == value.decode()


@pytest.mark.parametrize("value", [b"", b"a b", b"x" * 129, b"\xe9", b"a\tb", b"a\x7f"])
def test_any_other_is_replaced(value: bytes) -> None:
    made = request_id(by_name([(b"x-request-id", value)]))
    assert len(made) == 16
    int(made, 16)


def test_ids_that_are_made_differ() -> None:
    assert len({request_id(by_name([])) for _ in range(1000)}) == 1000


# Metrics

exchanges = st.lists(
    st.tuples(
        st.sampled_from(["GET", "POST", "BREW", "get"]),
        st.sampled_from([200, 404, 502]),
        st.sampled_from(["ok", "client_gone"]),
        st.integers(0, 1 << 40),
        st.integers(0, 1 << 40),
        st.none() | st.floats(0, 120),
        st.booleans(),
    ),
    max_size=20,
)


@given(exchanges)
def test_metrics_add_up_to_the_exchanges(
    played: list[tuple[str, int, str, int, int, float | None, bool]],
) -> None:
    @aio
    async def play() -> None:
        observer = Observer(None)
        expected: Counter[str] = Counter()
        received = sent = in_flight = 0
        times = []
        for method, status, outcome, came, went, upstream_s, finishes in played:
            record = observer.begin(method, "/", by_name([]))
            if not finishes:
                in_flight += 1
                continue
            record.status, record.outcome, record.upstream_s = status, outcome, upstream_s
            record.bytes_received, record.bytes_sent = came, went
            observer.finish(record)
            observer.finish(record)  # counts once
            label = (
                method if method in ("GET", "POST") else "other"
            )  # clients choose methods: bounded all the same
            expected[f"tandem_exchanges_total{{method={label},outcome={outcome},status={status}}}"] += 1
            received, sent = received + came, sent + went
            times += [upstream_s] if upstream_s is not None else []
        told = samples(observer.exposition())
        assert {
            name: value for name, value in told.items() if name.startswith("tandem_exchanges_total{")
        } == expected
        assert told["tandem_exchanges_in_flight"] == in_flight
        assert told["tandem_received_bytes_total"] == received
        assert told["tandem_sent_bytes_total"] == sent
        assert told["tandem_exchange_seconds_count"] == expected.total()
        assert told["tandem_upstream_seconds_count"] == len(times)
        assert told["tandem_upstream_seconds_sum"] == pytest.approx(sum(times))
        assert told["tandem_upstream_seconds_bucket{le=1.0}"] == sum(time_s <= 1.0 for time_s in times)
        assert told["tandem_upstream_seconds_bucket{le=+Inf}"] == len(times)
        observer.close()

    play()


@aio
async def test_two_proxies_in_one_process_count_apart() -> None:
    one, two = Observer(None), Observer(None)
    one.finish(one.begin("GET", "/", by_name([])))
    assert samples(one.exposition())["tandem_exchange_seconds_count"] == 1
    assert samples(two.exposition())["tandem_exchange_seconds_count"] == 0


def test_the_content_type_is_that_of_the_text_format() -> None:
    assert METRICS_TYPE.startswith("text/plain; version=0.0.4")


# Several workers

WORKER = """
import asyncio
import sys
from shared.messages import by_name
from shared.observe import Observer

async def work():
    observer = Observer(None)
    for word in sys.stdin:
        if word == "exchange\\n":
            record = observer.begin("GET", "/", by_name([]))
            record.status, record.bytes_sent = 200, 10
            observer.finish(record)
        elif word == "begin\\n":
            observer.begin("GET", "/", by_name([]))
        elif word == "close\\n":
            observer.close()
        sys.stdout.buffer.write(observer.exposition().replace(b"\\n", b"\\t") + b"\\n")
        sys.stdout.buffer.flush()

asyncio.run(work())
"""


class Worker:
    """A process of its own that shares its metrics; say() tells it a word and gives all that it exposes."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", WORKER],
            cwd=ROOT,
            env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def say(self, word: str) -> dict[str, float]:
        stdin: IO[bytes] | None = self._process.stdin
        stdout: IO[bytes] | None = self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(word.encode() + b"\n")
        stdin.flush()
        return samples(stdout.readline().replace(b"\t", b"\n"))

    def end(self) -> None:
        with contextlib.suppress(OSError):
            self._process.communicate(timeout=60)


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[tuple[Worker, Worker]]:
    pair = (Worker(tmp_path), Worker(tmp_path))
    yield pair
    for worker in pair:
        worker.end()


def test_any_worker_tells_the_sum_of_all_and_one_that_ends_takes_its_exchanges_in_flight_along(
    workers: tuple[Worker, Worker],
) -> None:
    one, two = workers
    for _ in range(3):
        one.say("exchange")
    two.say("exchange")
    one.say("begin")
    told = two.say("begin")
    assert told == one.say("")
    assert told["tandem_exchanges_total{method=GET,outcome=ok,status=200}"] == 4
    assert told["tandem_sent_bytes_total"] == 40
    assert told["tandem_exchange_seconds_count"] == 4
    assert told["tandem_exchanges_in_flight"] == 2
    one.say("close")
    told = two.say("")
    assert told["tandem_exchanges_in_flight"] == 1
    assert told["tandem_exchange_seconds_count"] == 4
