"""Answers about short byte strings, kept for the next time. Pure."""

from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

__all__ = ["remembering"]

T = TypeVar("T")

_SHORT = 64  # bytes
_MANY = 1024


def remembering(answer: Callable[[bytes], T]) -> Callable[[bytes], T]:
    """Looks up what has been asked of late. Whoever writes a header field chooses what is asked, so nothing
    long is kept: _MANY names of 64 KiB would be 64 MiB."""
    known = lru_cache(_MANY)(answer)
    return lambda asked: known(asked) if len(asked) <= _SHORT else answer(asked)
