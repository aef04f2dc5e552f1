"""What each event means in each state of a connection, and when one may carry another exchange. Pure."""

from typing import Literal, TypeAlias

__all__ = ["TRANSITIONS", "Event", "State", "may_be_reused"]

State: TypeAlias = Literal["idle", "exchanging", "closed"]
Event: TypeAlias = Literal["begin", "bytes", "end", "lost", "reuse", "abort"]

# What is not here cannot happen, and is a KeyError. connection.py draws it.
TRANSITIONS: dict[State, dict[Event, State]] = {
    "idle": {
        "begin": "exchanging",
        "bytes": "closed",  # nobody has asked for anything: RFC 9112 section 9.3
        "end": "closed",
        "lost": "closed",
        "abort": "closed",
    },
    "exchanging": {
        "bytes": "exchanging",
        "end": "exchanging",  # half open: an upload may still be wanted
        "lost": "closed",
        "reuse": "idle",
        "abort": "closed",
    },
    "closed": {
        "bytes": "closed",  # a transport may hand over what it had read before it was told
        "end": "closed",
        "lost": "closed",
        "abort": "closed",
    },
}


def may_be_reused(*, is_open: bool, sent: bool, whole: bool, kept: bool, followed: bool) -> bool:
    """Whether a connection may carry another exchange once this one is over.

    is_open: neither side has closed it. sent: the request, whole (RFC 9112 section 9.3: the rest of a request
    would be read as the next one). whole: the response, exactly to its end (section 6.3). kept: neither side
    has said that it will close (section 9.6). followed: bytes came after that end, which could be taken for
    the next response (section 6.3), or the connection's own end did.
    """
    return is_open and sent and whole and kept and not followed
