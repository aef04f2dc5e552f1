"""A request as bytes on the wire, and what may be done with it. Pure."""

import re

from shared.errors import BadRequest
from shared.messages import UpstreamRequest
from shared.remember import remembering

__all__ = ["content_length", "head_of", "may_repeat"]

_SAFE = frozenset((b"GET", b"HEAD", b"OPTIONS", b"TRACE"))  # RFC 9110 section 9.2.1


_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_PLAIN = bytes({*range(256)} - {*range(0x20), 0x7F} | {0x09})  # what may stand between two line ends


def head_of(request: UpstreamRequest) -> bytes:
    """Request line and fields, byte for byte as given.

    Raises BadRequest when they would not be read as what they are: the core has checked every part, and a
    line break that got past it must still not become a request of its own.
    """
    start = request.method + b" " + request.target + b" HTTP/1.1"
    fields = request.headers
    head = b"\r\n".join([start, *[_before(name) + value for name, value in fields], b"", b""])
    if start.count(b" ") != 2 or head.translate(None, _PLAIN) != b"\r\n" * (len(fields) + 2):
        raise _unwritable()
    return head


@remembering
def _before(name: bytes) -> bytes:
    """What stands before a field's value. Raises BadRequest when that is no name."""
    if not _NAME.fullmatch(name):
        raise _unwritable()
    return name + b": "


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
