"""What a client asks, how often, when it leaves, and what may come of it. Data and one pure decision."""

from __future__ import annotations

from typing import Literal, NamedTuple

from bench.soak.body import LARGEST

__all__ = ["KINDS", "Answer", "Kind", "Outcome", "outcome"]

Outcome = Literal["right", "refused", "incomplete", "left", "WRONG"]


class Kind(NamedTuple):
    """One kind of exchange.

    may: what the proxy may make of it. upload: how a body is framed, if there is one. leaves: after so many
    seconds, 0 for not at all, or in the middle of its own upload. slow: it reads with pauses. length: of the
    body, 0 for any.
    """

    name: str
    path: str
    weight: int
    may: frozenset[Outcome] = frozenset({"right"})
    upload: Literal["", "length", "chunked"] = ""
    leaves: float | Literal["upload"] = 0.0
    slow: bool = False
    length: int = 0


_FAILS: frozenset[Outcome] = frozenset({"refused"})
_BREAKS: frozenset[Outcome] = frozenset({"refused", "incomplete"})
_LEAVES: frozenset[Outcome] = frozenset({"left"})

KINDS: tuple[Kind, ...] = (
    Kind("body", "whole", 24),
    Kind("chunked body", "chunked", 16),
    Kind("body until close", "close", 4),
    Kind("interim response", "hint", 4),
    Kind("late answer", "late", 4),
    Kind("slow reader", "whole", 4, slow=True),
    Kind("upload", "upload", 8, upload="length"),
    Kind("chunked upload", "upload", 8, upload="chunked"),
    Kind("excess bytes", "excess", 6),
    # a 413 that overtakes its upload may be lost to a reset (RFC 9112 section 9.6); a body cut short may not
    Kind("early answer", "early", 3, may=_BREAKS, upload="length"),
    Kind("short body", "short", 3, may=_BREAKS),
    Kind("cut chunks", "cut", 3, may=_BREAKS),
    Kind("reset", "reset", 3, may=_BREAKS),
    Kind("no answer", "refuse", 3, may=_FAILS),
    Kind("garbage", "garbage", 3, may=_FAILS),
    Kind("leaves before the head", "late", 4, may=_LEAVES, leaves=0.01),
    Kind("leaves a silent upstream", "stall", 3, may=_LEAVES, leaves=0.05),
    Kind("leaves a stream", "trickle", 6, may=_LEAVES, leaves=0.2),
    Kind("leaves a download", "whole", 4, may=_LEAVES, leaves=0.005, length=LARGEST),
    Kind("leaves its upload", "upload", 4, may=_LEAVES, upload="length", leaves="upload"),
)


class Answer(NamedTuple):
    """What a client has: a status, or None when nothing came; the body; whether the framing says that it is
    whole, and whether the connection may be used again."""

    status: int | None
    body: bytes
    whole: bool = False
    kept: bool = False


def outcome(answer: Answer, expected: bytes) -> Outcome:
    """Return what came of an exchange that the client did not leave.

    A refusal is an answer of the proxy's own, or of an origin's that did not want the body. Incomplete has to
    show: bytes that are not the expected ones, or too many of them, are wrong however they end.
    """
    if answer.status is None:
        return "incomplete"
    if answer.whole and answer.status in (413, 502, 503, 504):
        return "refused"
    if answer.status != 200 or not expected.startswith(answer.body):
        return "WRONG"
    if not answer.whole:
        return "incomplete"
    return "right" if answer.body == expected else "WRONG"
