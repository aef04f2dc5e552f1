"""What the names of a head's fields decide by themselves, whatever their values (RFC 9110 section 7.6). Pure.

They are nearly always names that came before, so what follows from them is worked out once and remembered.
Names are compared without regard to case and passed on as they came.
"""

import re
from collections.abc import Mapping, Sequence

import msgspec

from shared.remember import remembering_heads

__all__ = ["FORWARDING", "HOP_BY_HOP", "Names", "names_of", "says_who_asked"]

# RFC 9110 section 7.6.1, and those that old senders use without listing them in Connection. Trailer goes with
# the trailers, which this proxy does not relay; Proxy-Authenticate and -Authorization speak of this hop
# (section 11.7).
HOP_BY_HOP = frozenset(
    (
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    )
)
FORWARDING = frozenset(
    (b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"x-real-ip")
)
# Written by the proxy itself on every request, so never copied.
_REWRITTEN = frozenset((b"host", b"content-length", b"via"))
_DECIDED = HOP_BY_HOP | _REWRITTEN  # by this proxy, so that no other spelling may say otherwise
_ONCE = frozenset((b"content-length", b"date"))  # in a response, however often the upstream says it

_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")


class Names(msgspec.Struct, frozen=True):
    """places: lower-case name -> where in the head its fields stand. fit: all are names (section 5.1).

    size: what they take on the wire, in bytes, with a colon, a space and a line end each. to_upstream,
    to_client: for each field of a request, or of a response, whether it goes on as it came, unless
    Connection lists it.
    """

    places: Mapping[bytes, Sequence[int]]
    fit: bool
    size: int
    to_upstream: tuple[bool, ...]
    to_client: tuple[bool, ...]


@remembering_heads
def names_of(came: tuple[bytes, ...]) -> Names:
    """What these names say, given as they came."""
    names = [name.lower() for name in came]
    places: dict[bytes, list[int]] = {name: [] for name in names}
    for place, name in enumerate(names):
        places[name].append(place)
    return Names(
        places,
        fit=all(map(_NAME.fullmatch, came)),
        size=sum(map(len, came)) + 4 * len(came),
        to_upstream=tuple([_goes_up(name) for name in names]),
        to_client=tuple(
            [_goes_down(name, again=place > places[name][0]) for place, name in enumerate(names)]
        ),
    )


def _goes_up(name: bytes) -> bool:
    return not (name in _DECIDED or says_who_asked(name) or _is_twin(name))


def _goes_down(name: bytes, *, again: bool) -> bool:
    return name not in HOP_BY_HOP and not (again and name in _ONCE)


def _is_twin(name: bytes) -> bool:
    """Content_Length is Content-Length to CGI and WSGI, and would be read beside the one that counts."""
    return b"_" in name and name.replace(b"_", b"-") in _DECIDED


def says_who_asked(name: bytes) -> bool:
    """Whether a lower-case name is, or imitates, a forwarding field.

    -Port, -Prefix, -Ssl, -User …: no list is complete, and upstreams believe whichever they know. CGI and
    WSGI read an underscore in a name as they read a dash.
    """
    dashed = name.replace(b"_", b"-")
    return dashed in FORWARDING or dashed.startswith(b"x-forwarded")
