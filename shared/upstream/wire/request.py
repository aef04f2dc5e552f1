"""A request as bytes on the wire, and what may be done with it. Pure."""

import re

from shared.errors import BadRequest
from shared.messages import UpstreamRequest
from shared.remember import remembering

__all__ = ["content_length", "head_of", "may_repeat"]

_SAFE = frozenset((b"GET", b"HEAD", b"OPTIONS", b"TRACE"))  # RFC 9110 section 9.2.1


_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_SPACE = 0x20
_CONTROL = bytes({*range(0x20), 0x7F} - {0x09})  # what may stand at the end of a line only


def head_of(request: UpstreamRequest) -> bytes:
    """Request line and fields, byte for byte as given.

    Raises BadRequest when they would not be read as what they are: the core has checked every part, and a
    line break that got past it must still not become a request of its own.
    """
    method, target = request.method, request.target
    parts = [method, b" ", target, b" HTTP/1.1"]
    add = parts.append
    for name, value in request.headers:
        add(_before(name))
        add(value)
    add(b"\r\n\r\n")
    head = b"".join(parts)
    breaks = 2 * (len(request.headers) + 2)  # bytes
    if _SPACE in method or _SPACE in target or len(head.translate(None, _CONTROL)) + breaks != len(head):
        raise _unwritable()
    return head


@remembering
def _before(name: bytes) -> bytes:
    """What stands before a field's value. Raises BadRequest when that is no name."""
    if not _NAME.fullmatch(name):
        raise _unwritable()
    return b"\r\n" + name + b": "


def _unwritable() -> BadRequest:
    return BadRequest("the request cannot be written as HTTP/1.1")


def content_length(request: UpstreamRequest) -> int | None:
    """The length that the request announces, None when its body is chunked."""
    for name, value in request.headers:
        if name.lower() == b"content-length":
            return int(value)
    return None


def may_repeat(request: UpstreamRequest) -> bool:
    """Whether a request that may have been received can be sent again (RFC 9110 section 9.2.2)."""
    return request.body is None and request.method in _SAFE
