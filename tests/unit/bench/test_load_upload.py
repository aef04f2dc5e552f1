"""A large upload counts only by what the origin got: whole, right, and before it was answered."""

from __future__ import annotations

import msgspec
import pytest

from bench.load import run_upload
from bench.load.control import uploads
from bench.measured import UploadResult
from bench.metrics import metric
from bench.scenarios import Upload
from bench.usage import Span
from shared.harness.origin.payload import PATTERN, is_pattern, pattern
from tests.unit.aio import aio
from tests.unit.bench.origins import answer, meter, origin
from tests.unit.bench.relay import Exchange, relay

SIZE = 3_000_001
UPLOAD = Upload(id="S7-10m-up", title="", size=SIZE, times=2, deadline_s=30.0)


async def _through(make: type[Exchange], scenario: Upload = UPLOAD) -> UploadResult:
    async with origin() as (address, _), relay(address, make=make) as front:
        return await run_upload(front, address, scenario, meter=meter())


@aio
async def test_an_upload_is_counted_when_the_origin_had_every_byte_of_it() -> None:
    async with origin() as (address, _):
        result = await run_upload(address, address, UPLOAD, meter=meter())
        got = await uploads(address)
    assert result.integrity.failures == {}
    assert (result.completed, result.size) == (2, SIZE)
    assert [(one.size, one.right) for one in got.values()] == [(SIZE, True)] * 3  # the first warms up


@aio
async def test_an_honest_relay_passes() -> None:
    assert (await _through(Exchange)).integrity.failures == {}


class _Counting(Exchange):
    """Knows when the last byte of an upload has come: it is asked for a head and SIZE bytes at a time."""

    due = 0

    def from_client(self, data: bytes) -> bytes:
        head, end, _ = data.partition(b"\r\n\r\n")
        if self.due == 0 and end:
            self.due = len(head) + len(end) + SIZE
        self.due -= len(data)
        return self.hand_on(data)

    def hand_on(self, data: bytes) -> bytes:
        return data

    def reply(self) -> None:
        assert self.client is not None
        self.client.write(answer(b'{"bytes":%d}' % SIZE))


class Swallowing(_Counting):
    """Answers for the origin, which never sees anything."""

    def hand_on(self, data: bytes) -> bytes:
        if self.due == 0:
            self.reply()
        return b""


class Hasty(_Counting):
    """Hands everything on, the last bytes after it has answered: when it is asked again."""

    late = b""

    def hand_on(self, data: bytes) -> bytes:
        data, self.late = self.late + data, b""
        if self.due:
            return data
        self.reply()
        self.late = data
        return b""

    def from_origin(self, data: bytes) -> None:
        pass  # it has answered


class Losing(_Counting):
    """Says less in the head than it was told, and hands on no more than that."""

    def hand_on(self, data: bytes) -> bytes:
        if self.due == 0:
            data = data[:-7]
        return data.replace(b"content-length: %d\r\n" % SIZE, b"content-length: %d\r\n" % (SIZE - 7), 1)


class LosingInSilence(Losing):
    """The same, and tells the client what it wants to hear."""

    def from_origin(self, data: bytes) -> None:
        super().from_origin(data.replace(b"%d}" % (SIZE - 7), b"%d}" % SIZE))


class Flipping(_Counting):
    """Hands on as many bytes as it was given, the last another one."""

    def hand_on(self, data: bytes) -> bytes:
        return data if self.due else data[:-1] + b"?"


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (Swallowing, "early"),
        (Hasty, "early"),
        (Losing, "content"),
        (LosingInSilence, "length"),
        (Flipping, "content"),
    ],
)
def test_a_proxy_that_does_less_than_hand_everything_on_is_found(make: type[Exchange], kind: str) -> None:
    @aio
    async def run() -> None:
        result = await _through(make)
        assert set(result.integrity.failures) == {kind}, result.integrity

    run()


# more than the buffers of two sockets hold
MORE = Upload(id="S7-10m-up", title="", size=50_000_000, times=1, deadline_s=30.0)


class Stuck(Exchange):
    """Takes little, and answers nothing."""

    def from_client(self, data: bytes) -> bytes:
        assert self.client is not None
        self.client.pause_reading()
        return data


class Impatient(Stuck):
    """Takes little, and has answered."""

    def from_client(self, data: bytes) -> bytes:
        assert self.client is not None
        self.client.write(answer(b'{"bytes":%d}' % MORE.size))
        return super().from_client(data)


@aio
async def test_an_answer_before_all_is_taken_is_found_at_once() -> None:
    result = await _through(Impatient, MORE)
    assert result.integrity.failures == {"early": 1}
    assert "still to be sent" in result.integrity.first


@aio
async def test_an_upload_that_nobody_takes_is_held_back_and_is_a_timeout_in_the_end() -> None:
    result = await _through(Stuck, msgspec.structs.replace(MORE, deadline_s=0.2))
    assert result.completed == 0
    assert result.integrity.failures == {"timeout": 1}


@aio
async def test_nobody_listening_is_a_failure() -> None:
    async with origin() as (address, _):
        async with relay(address) as front:
            pass
        result = await run_upload(front, address, UPLOAD, meter=meter())
    assert set(result.integrity.failures) == {"connection"}


@pytest.mark.parametrize("offset", [0, 1, len(PATTERN) - 1, len(PATTERN), 5 * len(PATTERN) + 17])
@pytest.mark.parametrize("size", [0, 1, len(PATTERN), 1024 * 1024, 1024 * 1024 + 1])
def test_a_piece_of_the_pattern_is_told_from_any_other(offset: int, size: int) -> None:
    piece = pattern(offset + size)[offset:]
    assert is_pattern(piece, offset)
    if piece:
        assert not is_pattern(piece, offset + 1)
        assert not is_pattern(piece[:-1] + bytes([piece[-1] ^ 1]), offset)


def test_speed_and_cpu_are_those_of_all_megabytes() -> None:
    result = UploadResult(4, 10_000_000, Span(seconds=0.5, cpu_s=0.02, wait_s=0, rig_busy=0, steal_s=0))
    read = {name: metric(f"{name}@S7-10m-up").of(result) for name in ("mb-s", "cpu-mb")}
    assert read == {"mb-s": 80, "cpu-mb": 500}
