"""The connection's states over a transport that only notes what it is told, and the rule of reuse."""

import asyncio
import contextlib
import itertools
import ssl
from types import SimpleNamespace
from typing import Any, get_args

import pytest

from shared.errors import BodyIncomplete, Terminated, TLSFailed, WriteTimeout
from shared.upstream.wire import connection as module
from shared.upstream.wire.connection import Connection
from shared.upstream.wire.state import TRANSITIONS, Event, State, may_be_reused
from tests.unit.aio import aio, settle
from tests.unit.upstream.origin import HELLO

HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
OPEN = b"HTTP/1.1 200 OK\r\n\r\n"  # to the end of the connection


def _wants(_: int) -> bytes:
    raise ssl.SSLWantReadError


ENDED, LEFT = SimpleNamespace(read=lambda _: b""), SimpleNamespace(read=lambda _: b"x")
CUT = SimpleNamespace(read=_wants)


class Transport(asyncio.Transport):
    """A transport without a socket."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.writes = 0
        self.aborted = 0
        self.reading = True
        self.tls: SimpleNamespace | None = None
        self.unsent: list[int] = []  # what it says it has not sent, the next time and on

    def write(self, data: Any) -> None:
        self.written += data
        self.writes += 1

    def get_write_buffer_size(self) -> int:
        return self.unsent.pop(0)

    def abort(self) -> None:
        self.aborted += 1

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self.tls


class Wired:
    """A connection on such a transport, and how often it has told that it ended."""

    def __init__(self) -> None:
        self.lost = 0
        self.transport = Transport()
        self.buffer = memoryview(bytearray(65536))
        self.connection = Connection(asyncio.get_running_loop(), self.buffer, self._lost)
        self.connection.connection_made(self.transport)

    def _lost(self, _: Connection) -> None:
        self.lost += 1

    def begin(self) -> None:
        self.reader = self.connection.begin(HEAD, to_head=False, sent=True)

    def comes(self, data: bytes) -> None:
        self.connection.get_buffer(-1)[: len(data)] = data
        self.connection.buffer_updated(len(data))

    def into(self, state: State) -> None:
        if state == "exchanging":
            self.begin()
        elif state == "closed":
            self.connection.abort()

    def happens(self, event: Event) -> None:
        does: dict[Event, Any] = {
            "begin": self.begin,
            "bytes": lambda: self.comes(b"HTTP/1.1 2"),
            "end": self.connection.eof_received,
            "lost": lambda: self.connection.connection_lost(None),
            "reuse": self._reuse,
            "abort": self.connection.abort,
        }
        does[event]()

    def _reuse(self) -> None:
        if self.connection.state == "exchanging":
            self.comes(HELLO)
        assert self.connection.finish()


@pytest.mark.parametrize("event", get_args(Event))
@pytest.mark.parametrize("state", get_args(State))
@aio
async def test_each_event_in_each_state_does_what_the_table_says(state: State, event: Event) -> None:
    wired = Wired()
    wired.into(state)
    assert wired.connection.state == state
    if event in TRANSITIONS[state]:
        wired.happens(event)
        assert wired.connection.state == TRANSITIONS[state][event]
        if state == "idle" and event in ("bytes", "end"):
            assert (wired.lost, wired.transport.aborted) == (1, 1), "told at once, and closed"
    elif event == "begin":
        with pytest.raises(Terminated if state == "closed" else KeyError):
            wired.begin()
    else:
        assert not wired.connection.finish(), "nothing to reuse"
        assert wired.connection.closed


def test_the_picture_is_the_table() -> None:
    lines = (module.__doc__ or "").splitlines()
    start = next(number for number, line in enumerate(lines) if "state \\ event" in line)
    events = lines[start].split()[3:]
    drawn = {}
    for line in lines[start + 1 : start + 1 + len(TRANSITIONS)]:
        state, *cells = line.split()
        drawn[state] = {event: to for event, to in zip(events, cells, strict=True) if to != "-"}
    assert drawn == TRANSITIONS
    assert set(events) == set(get_args(Event))


def test_a_connection_is_reused_when_all_five_agree_and_never_else() -> None:
    for facts in itertools.product((True, False), repeat=5):
        is_open, sent, whole, kept, followed = facts
        reused = may_be_reused(is_open=is_open, sent=sent, whole=whole, kept=kept, followed=followed)
        assert reused is (facts == (True, True, True, True, False))


@aio
async def test_who_ends_while_idle_is_told_once_more_when_the_transport_says_so() -> None:
    wired = Wired()
    wired.comes(b"x")
    wired.comes(b"y")
    wired.connection.connection_lost(None)
    assert (wired.lost, wired.transport.aborted) == (2, 1)


@aio
async def test_half_open_goes_on_in_clear_text_alone() -> None:
    for tls in (None, ENDED, CUT):
        wired = Wired()
        wired.transport.tls = tls
        wired.begin()
        wired.comes(HELLO[:-1])
        assert wired.connection.eof_received() is (tls is None)


@pytest.mark.parametrize(
    ("came", "tls", "meaning"),
    [
        (b"", CUT, Terminated),
        (OPEN, CUT, BodyIncomplete),
        (OPEN, LEFT, BodyIncomplete),
        (OPEN, ENDED, None),
        (HELLO, CUT, None),
    ],
)
@aio
async def test_an_end_that_tls_does_not_tell_of_is_a_lost_connection(
    came: bytes, tls: SimpleNamespace, meaning: type[Exception] | None
) -> None:
    wired = Wired()
    wired.transport.tls = tls
    wired.begin()
    wired.comes(came)
    wired.connection.eof_received()
    wait = wired.connection.more if wired.reader.headed else wired.connection.head
    with pytest.raises(meaning) if meaning else contextlib.nullcontext():
        await wait(wired.reader, 1.0)


@pytest.mark.parametrize(
    ("came", "cause", "meaning"),
    [
        (b"", None, Terminated),
        (b"HTTP/1.1 2", ConnectionResetError(), Terminated),
        (b"", ssl.SSLError(), TLSFailed),  # an alert after the handshake
        (CHUNKED, ssl.SSLError(), BodyIncomplete),
        (CHUNKED, None, BodyIncomplete),
    ],
)
@aio
async def test_what_a_lost_connection_means_depends_on_what_had_come(
    came: bytes, cause: Exception | None, meaning: type[Exception]
) -> None:
    wired = Wired()
    wired.begin()
    wired.comes(came)
    wired.connection.connection_lost(cause)
    wait = wired.connection.more if wired.reader.headed else wired.connection.head
    with pytest.raises(meaning):
        await wait(wired.reader, 1.0)


@aio
async def test_the_first_reason_is_the_one_that_is_told() -> None:
    wired = Wired()
    wired.begin()
    wired.connection.cut(BodyIncomplete())
    wired.connection.connection_lost(ConnectionResetError())
    with pytest.raises(BodyIncomplete):
        await wired.connection.head(wired.reader, 1.0)


@aio
async def test_nothing_is_written_to_a_connection_that_has_ended() -> None:
    wired = Wired()
    wired.begin()
    wired.connection.connection_lost(None)
    with pytest.raises(Terminated):
        await wired.connection.write(b"more", 1.0)
    assert wired.transport.written == HEAD


@aio
async def test_what_was_read_is_handed_on_though_the_connection_has_ended() -> None:
    """The socket rested; nobody reads on where there is no socket any more."""
    wired = Wired()
    wired.begin()
    wired.comes(CHUNKED)
    for _ in range(3):
        wired.comes(b"7530\r\n" + bytes(30000) + b"\r\n")
    assert not wired.transport.reading
    wired.connection.connection_lost(ConnectionResetError())
    await wired.connection.more(wired.reader, 1.0)
    assert len(wired.connection.take(wired.reader)) == 90000
    assert not wired.transport.reading
    with pytest.raises(BodyIncomplete):
        await wired.connection.more(wired.reader, 1.0)


@aio
async def test_a_head_leaves_with_the_first_piece_of_its_body() -> None:
    wired = Wired()
    wired.connection.begin(HEAD, to_head=False, sent=False)
    assert wired.transport.writes == 0
    await wired.connection.write(b"4\r\nbody\r\n", 1.0)
    wired.connection.write_head()
    await wired.connection.write(b"more", 1.0)
    assert wired.transport.written == HEAD + b"4\r\nbody\r\nmore"
    assert wired.transport.writes == 2


@pytest.mark.parametrize("lost", [False, True])
@aio
async def test_a_head_whose_body_is_late_leaves_alone_where_there_is_a_connection(lost: bool) -> None:
    wired = Wired()
    wired.connection.begin(HEAD, to_head=False, sent=False)
    if lost:
        wired.connection.connection_lost(None)
    for _ in range(2):
        wired.connection.write_head()
    assert wired.transport.written == (b"" if lost else HEAD)


@aio
async def test_a_write_goes_on_as_long_as_anything_leaves() -> None:
    """Three timeouts go by; after the first two some of it had gone."""
    wired = Wired()
    wired.begin()
    wired.connection.pause_writing()
    wired.transport.unsent = [9, 8, 8, 7, 7, 7]
    with pytest.raises(WriteTimeout):
        await wired.connection.write(b"more", 0.01)
    assert wired.transport.unsent == []


@pytest.mark.parametrize("lost", [False, True])
@aio
async def test_a_write_that_waits_ends_with_room_or_with_the_connection(lost: bool) -> None:
    wired = Wired()
    wired.begin()
    wired.connection.pause_writing()
    wired.transport.unsent = [9]
    task = asyncio.create_task(wired.connection.write(b"more", 1.0))
    await settle()
    assert not task.done()
    if lost:
        wired.connection.connection_lost(None)
        with pytest.raises(Terminated):
            await task
    else:
        wired.connection.resume_writing()
        await task
