"""Answers about short byte strings, kept for the next time. Pure."""

from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["remembering"]

T = TypeVar("T")

_SHORT = 64  # bytes
_MANY = 1024


def remembering(answer: Callable[[bytes], T]) -> Callable[[bytes], T]:
    """Looks up what has been asked before. Whoever writes a header field chooses what is asked, so nothing
    long is kept, _MANY names of 64 KiB would be 64 MiB; and when there are too many, all are forgotten."""
    return _Known(answer).__getitem__


class _Known(dict[bytes, T], Generic[T]):
    """A dict, because to find something there takes no call of a Python function."""

    def __init__(self, answer: Callable[[bytes], T]) -> None:
        self._answer = answer

    def __missing__(self, asked: bytes) -> T:
        answer = self._answer(asked)
        if len(asked) <= _SHORT:
            if len(self) == _MANY:
                self.clear()
            self[asked] = answer
        return answer
