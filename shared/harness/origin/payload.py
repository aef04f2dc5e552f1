"""What the fast origin sends, and how its reader knows that not a byte of it changed."""

from __future__ import annotations

__all__ = [
    "EVENT_SIZE",
    "JSON_BODY",
    "PATTERN",
    "TINY_SIZE",
    "event",
    "is_pattern",
    "pattern",
    "read_event",
    "tiny_event",
]

_FILL = b"the quick brown fox jumps over the lazy dog, then does so again, and again."
_EVENT = b"data: %010d %020d " + _FILL + b"\n\n"
EVENT_SIZE = len(_EVENT % (0, 0))
_EVENT_TAIL = b" " + _FILL + b"\n\n"

_TINY = b"data: %010d\n\n"
TINY_SIZE = len(_TINY % 0)

PATTERN = bytes(range(256)) * 256  # 64 KiB
_LONGEST_PIECE = 1024 * 1024
_REPEATED = PATTERN * (_LONGEST_PIECE // len(PATTERN) + 1)


def _json_body() -> bytes:
    row = '{"id":%d,"name":"item-%d","ok":true,"price":%d.5}'
    rows = ",".join(row % (i, i, i) for i in range(1000, 1016))
    body = '{"rows":[' + rows + '],"pad":"'
    return (body + "x" * (1024 - len(body) - 2) + '"}').encode()


JSON_BODY = _json_body()
"""The 1,024 bytes that ``GET /json`` answers with."""


def pattern(size: int) -> bytes:
    """Return the body of ``GET /bytes/<size>``."""
    whole, rest = divmod(size, len(PATTERN))
    return PATTERN * whole + PATTERN[:rest]


def is_pattern(piece: bytes, offset: int) -> bool:
    """Return whether ``piece`` is what stands in the repeated pattern from byte ``offset`` on."""
    at = offset % len(PATTERN)
    if len(piece) <= _LONGEST_PIECE:  # compared where it lies, nothing is copied
        return _REPEATED.startswith(piece, at)
    return piece == pattern(at + len(piece))[at:]


def event(number: int, stamp_ns: int) -> bytes:
    """Return one SSE event, `EVENT_SIZE` bytes, stamped with a CLOCK_MONOTONIC nanosecond."""
    return _EVENT % (number, stamp_ns)


def read_event(data: bytes) -> tuple[int, int]:
    """Return (number, stamp_ns) of one event; ValueError when a single byte is not as `event` wrote it."""
    if len(data) != EVENT_SIZE or not data.startswith(b"data: ") or not data.endswith(_EVENT_TAIL):
        raise ValueError(f"not an event of this origin: {data[:48]!r}")
    return int(data[6:16]), int(data[17:37])


def tiny_event(number: int) -> bytes:
    """Return one SSE event of `TINY_SIZE` bytes that holds its number and nothing else."""
    return _TINY % number
