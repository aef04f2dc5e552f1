"""A request as bytes on the wire, and what may be done with it. Pure."""

from shared.errors import BadRequest
from shared.messages import UpstreamRequest
from shared.names import names_of
from shared.remember import remembering_heads

__all__ = ["content_length", "head_of", "may_repeat"]

_SAFE = frozenset((b"GET", b"HEAD", b"OPTIONS", b"TRACE"))  # RFC 9110 section 9.2.1

_SPACE = 0x20
_CONTROL = bytes({*range(0x20), 0x7F} - {0x09})  # what may stand at the end of a line only


def head_of(request: UpstreamRequest) -> bytes:
    """Request line and fields, byte for byte as given.

    Raises BadRequest when they would not be read as what they are: the core has checked every part, and a
    line break that got past it must still not become a request of its own.
    """
    method, target, headers = request.method, request.target, request.headers
    names, values = zip(*headers)  # noqa: B905 - all are pairs; to have it looked at costs as much again
    head = _form(names) % (method, target, *values)
    breaks = 2 * (len(headers) + 2)  # bytes
    if _SPACE in method or _SPACE in target or len(head.translate(None, _CONTROL)) + breaks != len(head):
        raise _unwritable()
    return head


@remembering_heads
def _form(names: tuple[bytes, ...]) -> bytes:
    """The head with a place for each value. Raises BadRequest when a name is none."""
    if not names_of(names).fit:
        raise _unwritable()
    fields = [name.replace(b"%", b"%%") + b": %b\r\n" for name in names]
    return b"%b %b HTTP/1.1\r\n" + b"".join(fields) + b"\r\n"


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
