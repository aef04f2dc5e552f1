"""Answers about short byte strings and about the names of a head, kept for the next time. Pure.

Whoever writes a header field chooses what is asked. So nothing long is kept, _MANY names of 64 KiB would be
64 MiB; and when there are too many answers, all are forgotten.
"""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

__all__ = ["remembering", "remembering_heads"]

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")

_SHORT = 64  # bytes
_MANY = 1024

# Of a head, the names of its fields. The largest that browsers and gateways send have thirty.
_FIELDS = 48
_SHORT_HEAD = 1024  # bytes
_HEADS = 256  # with what follows from them 3.5 MiB at most


def remembering(answer: Callable[[bytes], T]) -> Callable[[bytes], T]:
    """Looks up what has been asked before."""
    return _Known(answer, lambda word: len(word) <= _SHORT, _MANY).__getitem__


def remembering_heads(answer: Callable[[tuple[bytes, ...]], T]) -> Callable[[tuple[bytes, ...]], T]:
    """The same for the names of a head's fields, as they came: a client sends the same ones with each
    request, an upstream with each response. (Values are others each time, and may be secrets.)"""
    return _Known(answer, _is_short_head, _HEADS).__getitem__


def _is_short_head(names: tuple[bytes, ...]) -> bool:
    return len(names) <= _FIELDS and sum(map(len, names)) <= _SHORT_HEAD


class _Known(dict[K, T], Generic[K, T]):
    """A dict, because to find something there takes no call of a Python function."""

    def __init__(self, answer: Callable[[K], T], is_short: Callable[[K], bool], many: int) -> None:
        self._answer = answer
        self._is_short = is_short
        self._many = many

    def __missing__(self, asked: K) -> T:
        answer = self._answer(asked)
        if self._is_short(asked):
            if len(self) == self._many:
                self.clear()
            self[asked] = answer
        return answer
