"""Hops: who has had the request (Via), how often it may still be sent on (Max-Forwards). Pure.

A request that this proxy has sent on before is refused rather than forwarded to itself for ever (RFC 9110
section 7.6).
"""

import re
from collections.abc import Collection

from shared.errors import BadRequest
from shared.messages import Fields

__all__ = ["PRODUCT", "has_passed", "hops_left", "via"]

PRODUCT = b"tandem"


def via(came: Collection[bytes], http_version: str, name: bytes) -> tuple[bytes, bytes]:
    """The Via field: what came, and this hop (section 7.6.3); received-protocol is the client's."""
    here = http_version.encode("ascii") + b" " + name
    return b"Via", b", ".join([*filter(None, came), here]) if came else here


def has_passed(fields: Fields, name: bytes) -> bool:
    """Whether a hop of that name stands in Via, on any line, also where Connection lists Via.

    Members are told apart by their commas alone. A reader of comments would be blind behind one that a client
    left open: `Via: 1.1 x (` swallows every hop that is added after it.
    """
    members = b",".join(fields.get(b"via")).split(b",")
    return any(member.split()[1:2] == [name] for member in members)


def hops_left(method: bytes, fields: Fields) -> int | None:
    """How often the request may still be sent on: not at all at 0, None where nobody set a limit.

    Only OPTIONS is counted: for other methods a recipient may ignore the field (section 7.6.2), and TRACE is
    refused. Raises BadRequest unless the field is one number.
    """
    if method != b"OPTIONS":
        return None
    values = fields.get(b"max-forwards")
    if not values:
        return None
    if len(values) > 1 or not re.fullmatch(rb"[0-9]+", values[0]):
        raise BadRequest("Max-Forwards is not one decimal number")
    digits = values[0].lstrip(b"0")
    # "the lesser of a) the received value decremented by one (1) or b) the recipient's maximum"
    return int(digits or b"0") if len(digits) <= 9 else 10**9
