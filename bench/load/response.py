"""Reads HTTP/1.1 responses strictly and fast: the load engine's half of RFC 9112."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from shared.harness.origin.chunked import ChunkedError, ChunkedReader

__all__ = ["Head", "Mismatch", "Response", "ResponseReader"]

_MAX_HEAD = 64 * 1024
_CACHED_HEADS = 512


class Mismatch(Exception):
    """A response is not what it has to be; ``kind`` is the word it is counted under."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind = kind


class Head(NamedTuple):
    """A response head: what decides how the body is read. ``length`` is None when chunked or until close."""

    status: int
    length: int | None
    chunked: bool
    keep_alive: bool
    content_type: bytes


class Response(NamedTuple):
    """A complete response."""

    head: Head
    body: bytes


class ResponseReader:
    """One connection's responses, one at a time: feed bytes, get a `Response` when it is whole.

    ``on_body`` takes body slices as they come instead of collecting them (for streams).
    Raises `Mismatch` for framing that RFC 9112 does not allow and for bytes past the end of a response.
    """

    def __init__(self, on_body: Callable[[bytes], None] | None = None) -> None:
        self.on_body = on_body
        self._heads: dict[bytes, Head] = {}
        self._buffer = b""
        self._head: Head | None = None
        self._body: list[bytes] = []
        self._left = 0
        self._chunks: ChunkedReader | None = None

    @property
    def idle(self) -> bool:
        """Whether nothing of a response has been read yet."""
        return self._head is None and not self._buffer

    @property
    def partial(self) -> Response | None:
        """What has come of a response that is not whole; None before the end of its head."""
        return None if self._head is None else Response(self._head, b"".join(self._body))

    def feed(self, data: bytes) -> Response | None:
        """Take what one read delivered; return the response it completes, if it does."""
        if self._head is None:
            if self._buffer:
                data = self._buffer + data
                self._buffer = b""
            end = data.find(b"\r\n\r\n") + 4
            if end < 4:
                if len(data) > _MAX_HEAD:
                    raise Mismatch("framing", f"response head longer than {_MAX_HEAD} bytes")
                self._buffer = data
                return None
            head = self._read_head(data[:end])
            data = data[end:]
            if 100 <= head.status < 200:
                return self.feed(data) if data else None
            # nearly every response of a load run arrives whole in one read
            if head.length == len(data) and self.on_body is None:
                return Response(head, data)
            self._head = head
            self._left = head.length or 0
            self._chunks = ChunkedReader() if head.chunked else None
        return self._take(data)

    def end(self) -> Response | None:
        """The peer closed the connection: the response that this completes; Mismatch when it cuts one off."""
        if self.idle:
            return None
        head = self._head
        if head is None or head.chunked or head.length is not None:
            raise Mismatch("truncated", "connection closed inside a response")
        return self._finish()

    def _take(self, data: bytes) -> Response | None:
        head = self._head
        assert head is not None
        rest = b""
        if self._chunks is not None:
            try:
                pieces = self._chunks.feed(data)
            except ChunkedError as error:
                raise Mismatch("framing", str(error)) from None
            for piece in pieces:
                self._deliver(piece)
            if not self._chunks.done:
                return None
            rest = self._chunks.rest
        elif head.length is None:
            self._deliver(data)
            return None
        else:
            rest = data[self._left :]
            self._deliver(data[: self._left])
            self._left -= len(data) - len(rest)
            if self._left:
                return None
        if rest:
            raise Mismatch("framing", f"{len(rest)} bytes past the end of a response")
        return self._finish()

    def _deliver(self, piece: bytes) -> None:
        if self.on_body is not None:
            self.on_body(piece)
        else:
            self._body.append(piece)

    def _finish(self) -> Response:
        assert self._head is not None
        response = Response(self._head, b"".join(self._body))
        self._head, self._body, self._chunks, self._left = None, [], None, 0
        return response

    def _read_head(self, raw: bytes) -> Head:
        head = self._heads.get(raw)
        if head is None:
            head = _parse_head(raw)
            # heads that differ each time (request ids) must not pile up
            if len(self._heads) >= _CACHED_HEADS:
                self._heads.clear()
            self._heads[raw] = head
        return head


def _parse_head(raw: bytes) -> Head:
    status_line, *lines = raw[:-4].split(b"\r\n")
    if status_line[:9] != b"HTTP/1.1 " or not status_line[9:12].isdigit():
        raise Mismatch("framing", f"status line {status_line[:40]!r}")
    length: int | None = None
    chunked = False
    keep_alive = True
    content_type = b""
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not name or name != name.strip():
            raise Mismatch("framing", f"header line {line[:40]!r}")
        name, value = name.lower(), value.strip()
        if name == b"content-length":
            if not value.isdigit() or length is not None:
                raise Mismatch("framing", f"Content-Length {value[:20]!r}, or more than one")
            length = int(value)
        elif name == b"transfer-encoding":
            if value.lower() != b"chunked" or chunked:
                raise Mismatch("framing", f"Transfer-Encoding {value[:20]!r}, or more than one")
            chunked = True
        elif name == b"connection" and b"close" in value.lower():
            keep_alive = False
        elif name == b"content-type":
            content_type = value
    if chunked and length is not None:
        raise Mismatch("framing", "both Content-Length and Transfer-Encoding")
    return Head(int(status_line[9:12]), length, chunked, keep_alive, content_type)
