"""Reads the chunked transfer coding (RFC 9112 §7.1) piece by piece, strictly, for the rig's two raw ends."""

from __future__ import annotations

import re

__all__ = ["ChunkedError", "ChunkedReader"]

_MAX_LINE = 4096  # a chunk-size line or trailer line longer than this is nobody's real framing
_MAX_TRAILERS = 64

# no white space around a bare size: RFC 9112 §7.1.1 has it only beside an extension's semicolon
_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?")
_TRAILER_LINE = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*")


class ChunkedError(ValueError):
    """The peer's chunked framing is not what RFC 9112 §7.1 allows; the message says where."""


class ChunkedReader:
    """Feed it raw bytes, take content slices out.

    ``done`` turns true after the last chunk and its trailer section; ``rest`` then holds the bytes that
    came after the message. Raises `ChunkedError` on malformed framing, and on a size of more than 16 digits,
    a line of more than 4,096 bytes or more than 64 trailers. What an extension says is not looked at.
    """

    def __init__(self) -> None:
        self.done = False
        self.rest = b""
        self._buffer = b""
        self._left = 0  # content bytes of the current chunk still to come
        self._state = "size"
        self._trailers = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Return the content slices that ``data`` completes, in order."""
        buffer = self._buffer + data if self._buffer else data
        content: list[bytes] = []
        at = 0
        while not self.done:
            if self._state == "content":
                piece = buffer[at : at + self._left]
                if not piece:
                    break
                content.append(piece)
                at += len(piece)
                self._left -= len(piece)
                if self._left:
                    break
                self._state = "content-end"
            if self._state == "content-end":
                line_end = buffer[at : at + 2]
                if not b"\r\n".startswith(line_end):
                    raise ChunkedError("chunk content is longer than its size")
                if len(line_end) < 2:
                    break
                at += 2
                self._state = "size"
            end = buffer.find(b"\r\n", at)
            if (len(buffer) - 1 if end < 0 else end) - at > _MAX_LINE:
                raise ChunkedError(f"a {self._state} line is longer than {_MAX_LINE} bytes")
            if end < 0:
                break
            self._line(buffer[at:end])
            at = end + 2
        if self.done:
            self.rest, self._buffer = buffer[at:], b""
        else:
            self._buffer = buffer[at:]
        return content

    def _line(self, line: bytes) -> None:
        if self._state == "size":
            found = _SIZE_LINE.fullmatch(line)
            if found is None:
                raise ChunkedError(f"chunk size {line[:32]!r} is not hexadecimal, in 1 to 16 digits")
            self._left = int(found[1], 16)
            self._state = "content" if self._left else "trailer"
        elif not line:
            self.done = True
        else:
            self._trailers += 1
            if self._trailers > _MAX_TRAILERS or not _TRAILER_LINE.fullmatch(line):
                raise ChunkedError(f"trailer line {line[:32]!r} is no field, or more than {_MAX_TRAILERS}")
