"""Which fields go on, in which form (RFC 9110 section 7.6, RFC 9112 section 6). Pure functions over raw
pairs.

Names are compared without regard to case and passed on as they came.
"""

import ipaddress
import re
from email.utils import formatdate
from functools import lru_cache
from typing import Literal, TypeAlias

from shared.errors import BadRequest, ProtocolError
from shared.hops import via
from shared.messages import Headers
from shared.reqtarget import AUTHORITY
from shared.variables import Network

__all__ = [
    "FORWARDING",
    "HOP_BY_HOP",
    "Framing",
    "asks_first",
    "asks_upgrade",
    "check_host",
    "check_version",
    "connection_options",
    "end_to_end",
    "forwarding_fields",
    "head_size",
    "http_date",
    "is_trusted",
    "request_framing",
    "request_headers",
    "response_headers",
    "says_who_asked",
]

Framing: TypeAlias = Literal["none", "length", "chunked"]

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

_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_FORBIDDEN_IN_VALUE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
# More digits would pass every integer that somebody down the line might read them into.
_LENGTH = re.compile(rb"[0-9]{1,18}")
_HOST = re.compile(AUTHORITY)
# "2" and "3" is how ASGI calls connections that have agreed on one; no request line can say so.
_VERSION = re.compile(r"1\.[0-9]|[23]")


def connection_options(headers: Headers) -> frozenset[bytes]:
    """The field names that Connection lists, lower case, over all of its lines."""
    values = [value for name, value in headers if name.lower() == b"connection"]
    if not values:
        return frozenset()
    options = (option.strip(b" \t").lower() for option in b",".join(values).split(b","))
    return frozenset(option for option in options if option)


def end_to_end(headers: Headers) -> Headers:
    """The fields that are meant for the recipient beyond this hop (RFC 9110 section 7.6.1)."""
    gone = HOP_BY_HOP | connection_options(headers)
    return [field for field in headers if field[0].lower() not in gone]


def head_size(method: bytes, target: bytes, headers: Headers) -> int:
    """Bytes of the request head as it stood on the wire, single spaces assumed."""
    return len(method) + len(target) + 14 + sum(len(name) + len(value) + 4 for name, value in headers)


def request_framing(headers: Headers, http_version: str) -> tuple[Framing, bytes | None]:
    """How the request body is framed, and its Content-Length.

    Raises BadRequest for a framing that two readers could read in two ways, Transfer-Encoding beside
    Content-Length first of all (RFC 9112 section 6.1): uvicorn-h11 and hypercorn accept both, read by the one
    and keep the connection open.
    """
    codings = [value.strip(b" \t").lower() for name, value in headers if name.lower() == b"transfer-encoding"]
    lengths = {value for name, value in headers if name.lower() == b"content-length"}
    if codings:
        if lengths:
            raise BadRequest("a request has Content-Length or Transfer-Encoding, not both")
        if codings != [b"chunked"]:
            raise BadRequest("the only transfer coding this proxy knows is chunked")
        if http_version == "1.0":
            raise BadRequest("HTTP/1.0 has no transfer codings")
        return "chunked", None
    if not lengths:
        return "none", None
    length = lengths.pop()
    if lengths or not _LENGTH.fullmatch(length):
        raise BadRequest("Content-Length is not one decimal number")
    return "length", length


def check_version(http_version: str) -> None:
    """Raises BadRequest for a version that would be another message format (RFC 9110 section 2.5).

    h11 and llhttp take any digits, `HTTP/2.0` as the text of an HTTP/1 request among them. A later minor
    version is to be served as the highest that is known.
    """
    if not _VERSION.fullmatch(http_version):
        raise BadRequest("this proxy speaks HTTP/1")


def check_host(headers: Headers, http_version: str) -> bytes | None:
    """The Host field's value. Raises BadRequest unless there is exactly one and it is host[:port] (RFC 9112
    section 3.2).

    HTTP/1.0 may do without. llhttp checks none of this, h11 the count only.
    """
    hosts = [value for name, value in headers if name.lower() == b"host"]
    if not hosts and http_version == "1.0":
        return None
    if len(hosts) != 1:
        raise BadRequest("a request needs exactly one Host field")
    if not _HOST.fullmatch(hosts[0]):
        raise BadRequest("the Host field is not host[:port]")
    return hosts[0]


def is_trusted(peer: str, networks: tuple[Network, ...]) -> bool:
    """Whether forwarding fields from this address are believed."""
    if not networks:
        return False
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped  # how a socket bound to :: shows an IPv4 peer
    return any(address in network for network in networks)


def forwarding_fields(
    headers: Headers, *, peer: str, scheme: str, host: bytes | None, trusted: bool
) -> Headers:
    """X-Forwarded-For, -Proto and -Host for the upstream, and Forwarded where a trusted proxy used it (RFC
    7239).

    From a trusted proxy the lists are continued, its -Proto, -Host and whatever else it says kept; from
    anybody else they count for nothing and are replaced whole, so that no forged half survives.
    """
    came: dict[bytes, list[bytes]] = {name: [] for name in FORWARDING}
    others: Headers = []
    for name, value in end_to_end(headers) if trusted else ():
        if name.lower() in FORWARDING:
            if value:  # no empty members (RFC 9110 section 5.6.1.1)
                came[name.lower()].append(value)
        elif says_who_asked(name.lower()) and b"_" not in name:
            others.append((name, value))
    address = _address(peer).encode("ascii", "replace")
    fields = [
        (b"X-Forwarded-For", b", ".join([*came[b"x-forwarded-for"], address])),
        (b"X-Forwarded-Proto", b", ".join(came[b"x-forwarded-proto"]) or scheme.encode("ascii")),
    ]
    if forwarded_host := b", ".join(came[b"x-forwarded-host"]) or host:
        fields.append((b"X-Forwarded-Host", forwarded_host))
    if came[b"forwarded"]:
        node = b'"[' + address + b']"' if b":" in address else address
        fields.append((b"Forwarded", b", ".join([*came[b"forwarded"], b"for=" + node])))
    fields.extend(others)
    fields.extend((b"X-Real-IP", value) for value in came[b"x-real-ip"])
    return fields


def _address(peer: str) -> str:
    """The peer as others can read it: without a zone, which this machine alone understands (RFC 4007 section
    6), and IPv4 as such where a socket bound to `::` shows it mapped."""
    if ":" not in peer:
        return peer
    address = peer.partition("%")[0]
    try:
        return str(ipaddress.IPv6Address(address).ipv4_mapped or address)
    except ValueError:
        return peer


def says_who_asked(name: bytes) -> bool:
    """Whether a lower-case name is, or imitates, a forwarding field.

    -Port, -Prefix, -Ssl, -User …: no list is complete, and upstreams believe whichever they know. CGI and
    WSGI read an underscore in a name as they read a dash.
    """
    dashed = name.replace(b"_", b"-")
    return dashed in FORWARDING or dashed.startswith(b"x-forwarded")


def _is_twin(name: bytes) -> bool:
    """Content_Length is Content-Length to CGI and WSGI, and would be read beside the one that counts."""
    return b"_" in name and name.replace(b"_", b"-") in _DECIDED


def asks_upgrade(headers: Headers) -> bool:
    """Whether the client would like to speak another protocol (RFC 9110 section 7.8). It may; we go on in
    HTTP.
    """
    return any(name.lower() == b"upgrade" for name, _ in headers)


def asks_first(headers: Headers, http_version: str) -> bool:
    """Whether the client waits for a 100 before it sends its body (RFC 9110 section 10.1.1).

    Not in HTTP/1.0, not without a body to send; and not beside an upgrade, where only its bytes tell whether
    there is one.
    """
    if http_version != "1.1" or not any(
        name.lower() == b"expect" and value.lower() == b"100-continue" for name, value in headers
    ):
        return False
    announced = any(
        name.lower() == b"transfer-encoding" or (name.lower() == b"content-length" and value != b"0")
        for name, value in headers
    )
    return announced and not asks_upgrade(headers)


def request_headers(
    headers: Headers,
    *,
    host: bytes,
    framing: Framing,
    length: bytes | None,
    forwarding: Headers,
    http_version: str,
    via_name: bytes,
    hops: int | None = None,
) -> Headers:
    """The upstream request's fields: Host, what is end to end, Via, forwarding fields, one framing field.

    What Connection lists goes first, then Via and forwarding fields are made: a client can neither have its
    own believed nor ours removed that way.

    hops: what Max-Forwards says, where this hop has to count it.

    Expect: 100-continue is left out: where the server in front answers it, sending it on would ask the
    upstream to answer it again.
    """
    for name, value in headers:
        if _FORBIDDEN_IN_VALUE.search(value) or not _NAME.fullmatch(name):
            raise BadRequest("a header field holds bytes that no field may hold")
    fields: Headers = [(b"Host", host)]
    kept = end_to_end(headers)
    for name, value in kept:
        lower = name.lower()
        if lower in _REWRITTEN or says_who_asked(lower) or _is_twin(lower):
            continue
        if lower == b"max-forwards" and hops is not None:
            fields.append((name, b"%d" % (hops - 1)))
        elif lower != b"expect" or value.lower() != b"100-continue":
            fields.append((name, value))
    fields.append(via(kept, http_version, via_name))
    fields.extend(forwarding)
    if framing == "chunked":
        fields.append((b"Transfer-Encoding", b"chunked"))
    elif length is not None:
        fields.append((b"Content-Length", length))
    return fields


def response_headers(headers: Headers, *, status: int, now_s: float) -> Headers:
    """The client response's fields: what is end to end, at most one Content-Length, exactly one Date.

    204 and 304 go without Content-Length: uvicorn-httptools counts the bytes it announces and raises at a 304
    that (rightly) has none (RFC 9110 section 8.6 makes it optional there). Date: RFC 9110 section 6.6.1.
    Raises ProtocolError for a field that no server could write (it would answer the client with nothing at
    all).
    """
    chunked = any(name.lower() == b"transfer-encoding" for name, _ in headers)
    bodiless = status in (204, 304)
    fields: Headers = []
    length: bytes | None = None
    dated = False
    for name, value in end_to_end(headers):
        lower = name.lower()
        if _FORBIDDEN_IN_VALUE.search(value) or not _NAME.fullmatch(name):
            raise ProtocolError("the upstream's answer has a header field that cannot be passed on")
        if lower == b"content-length":
            # Duplicates are equal or the engine has refused them; with a transfer coding the length is void.
            if length is not None or chunked or bodiless:
                continue
            if not _LENGTH.fullmatch(value):
                raise ProtocolError("the upstream's answer announces more than anyone can count")
            length = value
        elif lower == b"date":
            if dated:
                continue
            dated = True
        fields.append((name, value))
    if not dated:
        fields.append((b"Date", http_date(int(now_s))))
    return fields


@lru_cache(maxsize=2)
def http_date(second: int) -> bytes:
    """IMF-fixdate of RFC 9110 section 5.6.7."""
    return formatdate(second, usegmt=True).encode("ascii")
