"""Reads the chunked transfer coding (RFC 9112 §7.1) piece by piece, strictly, for the rig's two raw ends."""

from __future__ import annotations

__all__ = ["ChunkedError", "ChunkedReader"]

_MAX_LINE = 4096  # a chunk-size line or trailer line longer than this is nobody's real framing


class ChunkedError(ValueError):
    """The peer's chunked framing is not what RFC 9112 §7.1 allows; the message says where."""


class ChunkedReader:
    """Feed it raw bytes, take content slices out.

    ``done`` turns true after the last chunk and its trailer section; ``rest`` then holds the bytes that
    came after the message. Raises `ChunkedError` on malformed framing.
    """

    def __init__(self) -> None:
        self.done = False
        self.rest = b""
        self._buffer = b""
        self._left = 0  # content bytes of the current chunk still to come
        self._state = "size"

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
                continue
            end = buffer.find(b"\r\n", at)
            if end < 0:
                if len(buffer) - at > _MAX_LINE:
                    raise ChunkedError(f"no line end within {_MAX_LINE} bytes of a {self._state} line")
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
            digits = line.split(b";", 1)[0].strip()
            if not digits or digits.strip(b"0123456789abcdefABCDEF"):
                raise ChunkedError(f"chunk size {line[:32]!r} is not hexadecimal")
            self._left = int(digits, 16)
            self._state = "content" if self._left else "trailer"
        elif self._state == "content-end":
            if line:
                raise ChunkedError("chunk content is longer than its size")
            self._state = "size"
        elif not line:
            self.done = True
