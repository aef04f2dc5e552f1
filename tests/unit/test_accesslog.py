"""The access log against real pipes: whole lines in order, and a reader that stops never stops the loop."""

import asyncio
import contextlib
import json
import os
import time
from collections.abc import Iterator

import pytest

from shared import accesslog
from shared.accesslog import BATCHES, AccessLog
from tests.unit.aio import aio, eventually


class Pipe:
    def __init__(self) -> None:
        self.read_fd, self.write_fd = os.pipe()
        self._logs: list[AccessLog] = []

    def log(self) -> AccessLog:
        self._logs.append(AccessLog(self.write_fd))
        return self._logs[-1]

    def read(self) -> bytes:
        """What is there now, at most 1 MiB."""
        os.set_blocking(self.read_fd, False)
        with contextlib.suppress(BlockingIOError):
            return os.read(self.read_fd, 1 << 20)
        return b""

    async def lines(self, enough: int) -> list[bytes]:
        """Read until there are `enough` whole lines."""
        got = b""

        def more() -> bool:
            nonlocal got
            got += self.read()
            return got.count(b"\n") >= enough

        await eventually(more, f"{enough} lines")
        assert got.endswith(b"\n")
        return got.splitlines()

    def close(self) -> None:
        """Nothing writes to the descriptor any more when its number is free for somebody else."""
        self.close_reader()
        for log in self._logs:
            log.close()
            assert not log._thread.is_alive()
        os.close(self.write_fd)

    def close_reader(self) -> None:
        if self.read_fd >= 0:
            os.close(self.read_fd)
            self.read_fd = -1


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    pipe.close()


def stuff(log: AccessLog) -> int:
    """Write batches until one is dropped, with nobody reading; how many lines the dropped ones held."""
    log.write(b"x" * (1 << 20) + b"\n", 1)  # more than any pipe holds: the writing thread is stuck in it
    while not log._queue.empty():
        time.sleep(0.001)
    for _ in range(BATCHES):
        log.write(b"kept\n", 1)
    for _ in range(7):
        log.write(b"lost\nlost\n", 2)
    return 14


async def everything(pipe: Pipe, log: AccessLog) -> list[bytes]:
    """Read on after stuff() until the log has owned up."""
    lines = await pipe.lines(1 + BATCHES)
    while log.owing:
        log.write(b"", 0)
    return [*lines, *await pipe.lines(1)]


@aio
async def test_lines_come_out_whole_and_in_order_without_a_further_call(pipe: Pipe) -> None:
    log = pipe.log()
    for batch in range(20):
        log.write(b"".join([b'{"n":%d}\n' % (50 * batch + number) for number in range(50)]), 50)
    assert [json.loads(line)["n"] for line in await pipe.lines(1000)] == list(range(1000))
    log.write(b"later\n", 1)
    assert await pipe.lines(1) == [b"later"]
    log.close()


@aio
async def test_close_writes_what_is_left(pipe: Pipe) -> None:
    log = pipe.log()
    log.write(b"last words\n", 1)
    log.close()
    assert pipe.read() == b"last words\n"
    assert not log._thread.is_alive()


@aio
async def test_closing_twice_does_no_harm(pipe: Pipe) -> None:
    log = pipe.log()
    log.write(b"x\n", 1)
    log.close()
    log.close()
    assert pipe.read() == b"x\n"


@aio
async def test_a_reader_that_stops_does_not_stop_the_loop_and_what_was_lost_is_owned_up_to(
    pipe: Pipe,
) -> None:
    log = pipe.log()
    lost = stuff(log)  # returned: no call waited for the reader
    turns = 0
    for _ in range(50):
        await asyncio.sleep(0)
        turns += 1
    assert turns == 50
    lines = await everything(pipe, log)
    assert lines[0] == b"x" * (1 << 20)
    assert lines[1:-1] == [b"kept"] * BATCHES
    assert json.loads(lines[-1]) == {"outcome": "log_lines_dropped", "count": lost}
    log.write(b"on we go\n", 1)
    assert await pipe.lines(1) == [b"on we go"]
    log.close()


@aio
async def test_what_waits_for_a_stuck_reader_is_bounded(pipe: Pipe) -> None:
    log = pipe.log()
    stuff(log)
    for _ in range(1000):
        log.write(b"y" * 1000 + b"\n", 1)
    assert log._queue.qsize() <= BATCHES
    lines = await everything(pipe, log)
    assert json.loads(lines[-1])["count"] == 1014
    log.close()


@aio
async def test_close_waits_for_a_stuck_reader_only_so_long(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accesslog, "CLOSE_S", 0.05)
    log = pipe.log()
    stuff(log)
    log.close()  # with a queue that is full
    assert log._thread.is_alive()
    pipe.close_reader()  # lets the thread go: its write fails


@aio
async def test_a_reader_that_is_gone_costs_the_lines_and_nothing_else(pipe: Pipe) -> None:
    log = pipe.log()
    pipe.close_reader()
    log.write(b"to nobody\n", 1)
    log.write(b"to nobody either\n", 1)
    log.close()
    assert not log._thread.is_alive()


@aio
async def test_a_descriptor_that_somebody_made_non_blocking_loses_nothing(pipe: Pipe) -> None:
    # Three times what a pipe holds; it is a page for a user who has very many of them (pipe(7)).
    os.set_blocking(pipe.write_fd, False)
    log = pipe.log()
    log.write(b"".join([b"%d " % number + b"x" * 1000 + b"\n" for number in range(200)]), 200)
    lines = await pipe.lines(200)
    assert [int(line.split()[0]) for line in lines] == list(range(200))
    log.close()
