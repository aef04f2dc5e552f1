"""The origin for load: precomputed bytes on a raw `asyncio.Protocol`, so that it is never what gets measured.

    GET  /json                       1 KiB of JSON, Content-Length
    GET  /json/<anything>            the same: as many paths as one likes
    GET  /bytes/<n>                  n bytes of a known pattern, Content-Length, back-pressure kept
    GET  /sse?every_us=&phase_us=    events of `payload.EVENT_SIZE` bytes for as long as the client stays:
                                     one at once, then one at every grid time k * every + phase
    GET  /stay?us=                   a stream that ends: one of these events at once, one so much later
    GET  /step/<id>                  the same events, but each waits for a POST to the same path
    POST /step/<id>                  lets one more event out of that stream
    POST, PUT anything else          the body is swallowed and counted: {"bytes": n}
    POST, PUT /upload/<name>         the same, and compared with the pattern
    GET  /uploads                    what came of those, and when they were whole (`uploads`)
    POST /uploads                    forgets them
    GET  /burst/<n>                  n tiny events at once, each a chunk of its own
    GET  /hold                       the JSON, but not before the next POST to /hold
    GET  /stats                      {"open_streams": n, "requests": n, "connections": n, "held": n}
    GET  …?watch=<name>              the same, watched: how much of it is accepted, when it is closed
    GET  /watched                    what is known of those (`watched`)
    POST /watched                    closes those that do not end by themselves, and forgets all

What asks for `Connection: close` gets it, once its answer is whole.

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
from collections.abc import Callable
from typing import cast
from urllib.parse import parse_qs

from shared.harness.loop import loop_factory
from shared.harness.origin.chunked import ChunkedError, ChunkedReader
from shared.harness.origin.fast_bodies import HIGH_WATER, paced, send_body, send_burst, stay, stepped
from shared.harness.origin.payload import JSON_BODY
from shared.harness.origin.uploads import Upload, Uploads
from shared.harness.origin.watched import Watched

__all__ = ["FastOrigin", "OriginState", "main"]

_MAX_HEAD = 64 * 1024


def _answer(body: bytes, *, kind: bytes = b"application/json", status: bytes = b"200 OK") -> bytes:
    head = b"HTTP/1.1 %s\r\ncontent-type: %s\r\ncontent-length: %d\r\n\r\n" % (status, kind, len(body))
    return head + body


_JSON = _answer(JSON_BODY)
_NOT_FOUND = _answer(b'{"error":"no such path"}', status=b"404 Not Found")
_BAD_REQUEST = _answer(b'{"error":"bad request"}', status=b"400 Bad Request")
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class OriginState:
    """What all connections of one origin share: the counters, and the streams that wait for a step."""

    def __init__(self) -> None:
        self.open_streams = 0
        self.requests = 0
        self.connections = 0
        self.held: set[FastOrigin] = set()
        self.steps: dict[bytes, Callable[[], None]] = {}
        self.watched = Watched()
        self.uploads = Uploads()

    def counts(self) -> bytes:
        """Return what /stats answers."""
        counts = (self.open_streams, self.requests, self.connections, len(self.held))
        return b'{"open_streams":%d,"requests":%d,"connections":%d,"held":%d}' % counts


class FastOrigin(asyncio.Protocol):
    """One connection. Subclass and override `get` to play an origin with a fault."""

    def __init__(self, state: OriginState) -> None:
        self.state = state
        self.transport: asyncio.Transport | None = None
        self._buffer = b""
        self._upload: ChunkedReader | None = None  # the chunked request body being read
        self._upload_left = 0  # or what is left of one with Content-Length
        self._got = Upload()
        self._target = b""
        self._close = False  # after this answer
        self._end_stream: Callable[[], None] | None = None
        self.resume: Callable[[], None] | None = None  # sends on when there is room again
        self.unsent = 0  # of the body that is being sent

    @property
    def answering(self) -> bool:
        """Whether an answer has begun, or is held back, and does not end by itself."""
        return self in self.state.held or self._end_stream is not None or self.unsent > 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's transports are no subclass of it
        self.transport.set_write_buffer_limits(high=HIGH_WATER)
        self.state.connections += 1

    def connection_lost(self, exc: Exception | None) -> None:
        self.state.connections -= 1
        self.state.held.discard(self)
        self.state.watched.gone(self)
        if self._end_stream is not None:
            self._end_stream()
        self.resume = None
        self.transport = None

    def eof_received(self) -> None:
        # with bytes left to send the connection is lost only once they are gone, which may be never
        self.state.watched.gone(self)

    def resume_writing(self) -> None:
        if self.resume is not None:
            self.resume()

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
        self._close = b"\r\nconnection: close" in fields
        if b"\r\nexpect:" in fields:
            self.write(_CONTINUE)
        if b"\r\ntransfer-encoding:" in fields:
            # clients that stream a body of unknown length chunk it, even the empty body of a GET
            self._upload = ChunkedReader()
        elif (at := fields.find(b"\r\ncontent-length:")) >= 0:
            self._upload_left = int(fields[at + 17 :].split(b"\r\n", 1)[0])
        self._method = method
        if self._upload is None and not self._upload_left:
            self._complete()

    def _swallow(self, data: bytes) -> bytes:
        if self._upload is not None:
            for piece in self._upload.feed(data):
                self._got.take(piece)
            if not self._upload.done:
                return b""
            rest = self._upload.rest
            self._upload = None
        else:
            taken = min(self._upload_left, len(data))
            self._upload_left -= taken
            self._got.take(data[:taken])
            if self._upload_left:
                return b""
            rest = data[taken:]
        self._complete()
        return rest

    def _complete(self) -> None:
        got = self._got
        if got.size:
            self._got = Upload()
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
        elif self._target == b"/watched":
            self.write(_answer(b'{"closed":%d}' % self.state.watched.forget()))
        elif self._target == b"/uploads":
            self.write(_answer(b'{"forgotten":%d}' % self.state.uploads.forget()))
        else:
            path = self._target.partition(b"?")[0]
            if path.startswith(b"/upload/"):
                self.state.uploads.end(path[8:].decode("ascii", "replace"), got)
            self.write(_answer(b'{"bytes":%d}' % got.size))
        if self._close and not self.answering and self.transport is not None:
            self.transport.close()

    def get(self, target: bytes) -> None:
        """Answer one GET; ``target`` is the request target as it came."""
        # httpx.URL(query=b"") makes /json? of /json
        if target in (b"/json", b"/json?") or target.startswith(b"/json/"):
            self.write(_JSON)
            return
        path, _, query = target.partition(b"?")
        asked = parse_qs(query.decode("ascii", "replace")) if query else {}
        if "watch" in asked:
            self.state.watched.begin(asked["watch"][0], self)
        if path == b"/sse":
            paced(self, asked)
        elif path == b"/stay":
            stay(self, int(asked["us"][0]) / 1e6)
        elif path.startswith(b"/step/"):
            stepped(self, path)
        elif path.startswith(b"/bytes/") and path[7:].isdigit():
            send_body(self, int(path[7:]))
        elif path.startswith(b"/burst/") and path[7:].isdigit():
            send_burst(self, int(path[7:]))
        elif path == b"/hold":
            self.state.held.add(self)
        elif path == b"/stats":
            self.write(_answer(self.state.counts()))
        elif path == b"/watched":
            self.write(_answer(self.state.watched.report()))
        elif path == b"/uploads":
            self.write(_answer(self.state.uploads.report()))
        else:
            self.write(_NOT_FOUND)

    def write(self, data: bytes) -> None:
        """Send, unless the connection is gone."""
        if self.transport is not None:
            self.transport.write(data)

    def open_stream(self, stop: Callable[[], None]) -> Callable[[], None]:
        """Count a stream that ends with the connection, or when what is returned is called; ``stop`` is
        called then."""
        self.state.open_streams += 1

        def end() -> None:
            self._end_stream = None
            self.state.open_streams -= 1
            stop()

        self._end_stream = end
        return end


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
