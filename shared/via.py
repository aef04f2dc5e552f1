"""The Via field: each hop adds itself (RFC 9110 section 7.6.3), and knows itself again when a request comes
round. Pure, but for the name that a process gives itself.

A request that this proxy has sent on before is refused rather than forwarded to itself for ever (section
7.6). docs/decisions/0009 has why the name is what it is.
"""

import secrets

from shared.messages import Headers

__all__ = ["OWN_NAME", "PRODUCT", "has_passed", "via"]

PRODUCT = b"tandem"

# A pseudonym that no other process has, and that tells nobody an address.
OWN_NAME = b"%s-%s" % (PRODUCT, secrets.token_hex(4).encode("ascii"))


def via(headers: Headers, http_version: str, name: bytes) -> tuple[bytes, bytes]:
    """The Via field with this hop added; received-protocol is the client's."""
    came = [value for field, value in headers if field.lower() == b"via" and value]
    return b"Via", b", ".join([*came, http_version.encode("ascii") + b" " + name])


def has_passed(headers: Headers, name: bytes) -> bool:
    """Whether a hop of that name stands in Via, on any line, also where Connection lists Via.

    Members are told apart by their commas alone. A reader of comments would be blind behind one that a client
    left open: `Via: 1.1 x (` swallows every hop that is added after it.
    """
    for field, value in headers:
        if field.lower() == b"via" and name in value:
            for member in value.split(b","):
                if member.split()[1:2] == [name]:
                    return True
    return False
