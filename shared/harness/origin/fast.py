"""The origin for load: precomputed bytes on a raw `asyncio.Protocol`, so that it is never what gets measured.

    GET  /json                       1 KiB of JSON, Content-Length
    GET  /bytes/<n>                  n bytes of a known pattern, Content-Length, back-pressure kept
    GET  /sse?every_us=&phase_us=    events of `payload.EVENT_SIZE` bytes for as long as the client stays:
                                     one at once, then one at every grid time k * every + phase
    GET  /step/<id>                  the same events, but each waits for a POST to the same path
    POST /step/<id>                  lets one more event out of that stream
    POST, PUT anything else          the body is swallowed and counted: {"bytes": n}
    GET  /hold                       the JSON, but not before the next POST to /hold
    GET  /stats                      {"open_streams": n, "requests": n, "connections": n, "held": n}

Every event carries its number and the CLOCK_MONOTONIC nanosecond at which it was handed to the socket, so
that a reader on the same machine knows its one-way delay instead of guessing it. Streams share one time grid
whatever the moment they opened: the events of n streams with n phases arrive evenly spread, and in the same
pattern for every subject.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import signal
import sys
import time
from collections.abc import Callable
from typing import cast
from urllib.parse import parse_qs

from shared.harness.origin.chunked import ChunkedError, ChunkedReader
from shared.harness.origin.payload import JSON_BODY, PATTERN, event

__all__ = ["FastOrigin", "OriginState", "loop_factory", "main"]

_HIGH_WATER = 256 * 1024
_MAX_HEAD = 64 * 1024


def _answer(body: bytes, *, kind: bytes = b"application/json", status: bytes = b"200 OK") -> bytes:
    head = b"HTTP/1.1 %s\r\ncontent-type: %s\r\ncontent-length: %d\r\n\r\n" % (status, kind, len(body))
    return head + body


_JSON = _answer(JSON_BODY)
_NOT_FOUND = _answer(b'{"error":"no such path"}', status=b"404 Not Found")
_BAD_REQUEST = _answer(b'{"error":"bad request"}', status=b"400 Bad Request")
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_SSE_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-store\r\n"
    b"transfer-encoding: chunked\r\n\r\n"
)


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


class OriginState:
    """What all connections of one origin share: the counters, and the streams that wait for a step."""

    def __init__(self) -> None:
        self.open_streams = 0
        self.requests = 0
        self.connections = 0
        self.held: set[FastOrigin] = set()
        self.steps: dict[bytes, Callable[[], None]] = {}

    def counts(self) -> bytes:
        """Return what /stats answers."""
        counts = (self.open_streams, self.requests, self.connections, len(self.held))
        return b'{"open_streams":%d,"requests":%d,"connections":%d,"held":%d}' % counts


class FastOrigin(asyncio.Protocol):
    """One connection. Subclass and override `get` to play an origin with a fault."""

    def __init__(self, state: OriginState) -> None:
        self.state = state
        self.transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()
        self._buffer = b""
        self._upload: ChunkedReader | None = None  # the chunked request body being read
        self._upload_left = 0  # or what is left of one with Content-Length
        self._upload_bytes = 0
        self._target = b""
        self._end_stream: Callable[[], None] | None = None
        self._resume: Callable[[], None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's transports are no subclass of it
        self.transport.set_write_buffer_limits(high=_HIGH_WATER)
        self.state.connections += 1

    def connection_lost(self, exc: Exception | None) -> None:
        self.state.connections -= 1
        self.state.held.discard(self)
        if self._end_stream is not None:
            self._end_stream()
        self._resume = None
        self.transport = None

    def resume_writing(self) -> None:
        if self._resume is not None:
            self._resume()

    def data_received(self, data: bytes) -> None:
        data = self._buffer + data if self._buffer else data
        self._buffer = b""
        try:
            while data and self.transport is not None:
                if self._upload is not None or self._upload_left:
                    data = self._swallow(data)
                    continue
                end = data.find(b"\r\n\r\n")
                if end < 0:
                    if len(data) > _MAX_HEAD:
                        raise ValueError("request head too long")
                    self._buffer = data
                    return
                head, data = data[:end], data[end + 4 :]
                self._request(head)
        except (ValueError, ChunkedError):
            if self.transport is not None:
                self.transport.write(_BAD_REQUEST)
                self.transport.close()

    def _request(self, head: bytes) -> None:
        self.state.requests += 1
        method, target, _ = head.split(b"\r\n", 1)[0].split(b" ", 2)
        fields = head.lower()
        self._target = target
        if b"\r\nexpect:" in fields:
            self.write(_CONTINUE)
        if b"\r\ntransfer-encoding:" in fields:
            # clients that stream a body of unknown length chunk it, even the empty body of a GET
            self._upload, self._upload_bytes = ChunkedReader(), 0
        elif (at := fields.find(b"\r\ncontent-length:")) >= 0:
            self._upload_left = int(fields[at + 17 :].split(b"\r\n", 1)[0])
            self._upload_bytes = 0
        self._method = method
        if self._upload is None and not self._upload_left:
            self._complete()

    def _swallow(self, data: bytes) -> bytes:
        if self._upload is not None:
            self._upload_bytes += sum(map(len, self._upload.feed(data)))
            if not self._upload.done:
                return b""
            rest = self._upload.rest
            self._upload = None
        else:
            taken = min(self._upload_left, len(data))
            self._upload_left -= taken
            self._upload_bytes += taken
            if self._upload_left:
                return b""
            rest = data[taken:]
        self._complete()
        return rest

    def _complete(self) -> None:
        if self._method in (b"GET", b"HEAD"):
            self.get(self._target)
        elif self._target.startswith(b"/step/"):
            release = self.state.steps.get(self._target)
            if release is not None:
                release()
            self.write(_answer(b'{"released":%s}' % (b"true" if release else b"false")))
        elif self._target == b"/hold":
            held, self.state.held = self.state.held, set()
            for connection in held:
                connection.write(_JSON)
            self.write(_answer(b'{"released":%d}' % len(held)))
        else:
            self.write(_answer(b'{"bytes":%d}' % self._upload_bytes))
        self._upload_bytes = 0

    def get(self, target: bytes) -> None:
        """Answer one GET; ``target`` is the request target as it came."""
        if target in (b"/json", b"/json?"):  # httpx.URL(query=b"") makes the second of the first
            self.write(_JSON)
        elif target.startswith(b"/sse"):
            self._stream_paced(target)
        elif target.startswith(b"/step/"):
            self._stream_stepped(target.rstrip(b"?"))
        elif target.startswith(b"/bytes/") and target[7:].rstrip(b"?").isdigit():
            self._send_body(int(target[7:].rstrip(b"?")))
        elif target in (b"/hold", b"/hold?"):
            self.state.held.add(self)
        elif target == b"/stats":
            self.write(_answer(self.state.counts()))
        else:
            self.write(_NOT_FOUND)

    def write(self, data: bytes) -> None:
        """Send, unless the connection is gone."""
        if self.transport is not None:
            self.transport.write(data)

    def _send_body(self, size: int) -> None:
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\ncontent-length: %d\r\n\r\n"
        if size <= len(PATTERN):
            self.write(head % size + PATTERN[:size])
            return
        self.write(head % size)
        left = size

        def push() -> None:
            nonlocal left
            while left and self.transport is not None:
                piece = PATTERN if left >= len(PATTERN) else PATTERN[:left]
                left -= len(piece)
                self.transport.write(piece)
                if self.transport.get_write_buffer_size() > _HIGH_WATER:
                    return  # resume_writing() calls again
            self._resume = None

        self._resume = push
        push()

    def _open_stream(self, stop: Callable[[], None]) -> None:
        self.state.open_streams += 1

        def end() -> None:
            self._end_stream = None
            self.state.open_streams -= 1
            stop()

        self._end_stream = end

    def _stream_paced(self, target: bytes) -> None:
        query = parse_qs(target.partition(b"?")[2].decode("ascii", "replace"))
        every_ns = int(query.get("every_us", ["20000"])[0]) * 1000
        phase_ns = int(query.get("phase_us", ["0"])[0]) * 1000
        if every_ns < 1_000_000 or phase_ns < 0:
            raise ValueError("every_us must be at least 1000, phase_us at least 0")
        number = 0
        now_ns = time.monotonic_ns()
        due_ns = ((now_ns - phase_ns) // every_ns + 1) * every_ns + phase_ns
        timer: asyncio.TimerHandle | None = None

        def tick() -> None:
            nonlocal number, due_ns, timer
            now_ns = time.monotonic_ns()
            self.write(_chunk(event(number, now_ns)))
            number += 1
            due_ns += every_ns
            # a tick that comes late is not made up for by a burst: the stream then simply has a gap,
            # which the stamps show as the origin's own
            while due_ns <= now_ns:
                due_ns += every_ns
            timer = self._loop.call_later((due_ns - now_ns) / 1e9, tick)

        self._open_stream(lambda: timer.cancel() if timer is not None else None)
        self.write(_SSE_HEAD + _chunk(event(number, now_ns)))
        number = 1
        timer = self._loop.call_later((due_ns - now_ns) / 1e9, tick)

    def _stream_stepped(self, target: bytes) -> None:
        number = 0

        def release() -> None:
            nonlocal number
            self.write(_chunk(event(number, time.monotonic_ns())))
            number += 1

        self.state.steps[target] = release
        self._open_stream(lambda: self.state.steps.pop(target, None) and None)
        self.write(_SSE_HEAD)


async def _serve(host: str, port: int) -> None:
    loop = asyncio.get_running_loop()
    state = OriginState()
    server = await loop.create_server(lambda: FastOrigin(state), host, port, backlog=4096)
    bound = server.sockets[0].getsockname()[1]
    print(f"fast origin on http://{host}:{bound}", flush=True)
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    # nothing here makes cycles per request; a collection in a timed window would only be a pause
    gc.collect()
    gc.freeze()
    gc.disable()
    await stopped.wait()
    server.close()


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return what makes the rig's event loops, for both of its ends: uvloop's, or None for asyncio's own
    where there is no uvloop.
    """
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m shared.harness.origin.fast", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one, which the first line names")
    options = parser.parse_args(arguments)
    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(_serve(options.host, options.port))
    except OSError as failure:
        print(
            f"fast origin: cannot listen on {options.host}:{options.port}: {failure.strerror}",
            file=sys.stderr,
        )
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
