"""Which fields go on, in which form (RFC 9110 section 7.6, RFC 9112 section 6). Pure functions over raw
pairs.

Names are compared without regard to case and passed on as they came.
"""

import re
from email.utils import formatdate
from functools import lru_cache
from itertools import compress
from typing import Literal, TypeAlias

from shared.errors import BadRequest, HeaderTooLarge, ProtocolError
from shared.hops import via
from shared.messages import Fields, Headers, by_name
from shared.names import HOP_BY_HOP
from shared.remember import remembering
from shared.reqtarget import AUTHORITY

__all__ = [
    "Framing",
    "asks_first",
    "check_head",
    "check_host",
    "check_version",
    "check_written",
    "connection_options",
    "end_to_end",
    "http_date",
    "request_framing",
    "request_headers",
    "response_headers",
]

Framing: TypeAlias = Literal["none", "length", "chunked"]

_CONTROL = bytes({*range(0x20), 0x7F} - {0x09})
_DIGITS = 18  # more would pass every integer that somebody down the line might read them into
_HOST = re.compile(AUTHORITY)
# "2" and "3" is how ASGI calls connections that have agreed on one; no request line can say so.
_VERSIONS = frozenset((*(f"1.{minor}" for minor in range(10)), "2", "3"))


_NONE: frozenset[bytes] = frozenset()


def connection_options(fields: Fields) -> frozenset[bytes]:
    """The field names that Connection lists, lower case, over all of its lines."""
    return _options(b",".join(fields.get(b"connection")))


@remembering
def _options(connection: bytes) -> frozenset[bytes]:
    options = (option.strip(b" \t").lower() for option in connection.split(b","))
    return frozenset(option for option in options if option)


def end_to_end(headers: Headers, fields: Fields) -> Headers:
    """The headers that are meant for the recipient beyond this hop, in a list of their own. `fields` are the
    same by name."""
    gone = HOP_BY_HOP | connection_options(fields)
    return [field for field in headers if field[0].lower() not in gone]


def check_head(method: bytes, target: bytes, fields: Fields, *, limit: int) -> None:
    """Raises HeaderTooLarge when the request head, as it stood on the wire with single spaces, takes more
    than `limit` bytes; BadRequest for a name that is none, or a control character in a value (RFC 9110
    sections 5.1 and 5.5)."""
    names, values = fields.names, b"".join([value for _, value in fields.headers])
    if len(method) + len(target) + 14 + names.size + len(values) > limit:
        raise HeaderTooLarge
    if not names.fit or len(values.translate(None, _CONTROL)) < len(values):
        raise BadRequest("a header field holds bytes that no field may hold")


def request_framing(fields: Fields, http_version: str) -> tuple[Framing, bytes | None]:
    """How the request body is framed, and its Content-Length.

    Raises BadRequest for a framing that two readers could read in two ways, Transfer-Encoding beside
    Content-Length first of all (RFC 9112 section 6.1): uvicorn-h11 and hypercorn accept both, read by the one
    and keep the connection open.
    """
    came = fields.names.places
    if b"transfer-encoding" in came:
        if b"content-length" in came:
            raise BadRequest("a request has Content-Length or Transfer-Encoding, not both")
        if [coding.strip(b" \t").lower() for coding in fields.get(b"transfer-encoding")] != [b"chunked"]:
            raise BadRequest("the only transfer coding this proxy knows is chunked")
        if http_version == "1.0":
            raise BadRequest("HTTP/1.0 has no transfer codings")
        return "chunked", None
    if b"content-length" not in came:
        return "none", None
    lengths = fields.get(b"content-length")
    if len(set(lengths)) > 1 or not _is_length(lengths[0]):
        raise BadRequest("Content-Length is not one decimal number")
    return "length", lengths[0]


def _is_length(value: bytes) -> bool:
    return value.isdigit() and len(value) <= _DIGITS


def check_version(http_version: str) -> None:
    """Raises BadRequest for a version that would be another message format (RFC 9110 section 2.5).

    h11 and llhttp take any digits, `HTTP/2.0` as the text of an HTTP/1 request among them. A later minor
    version is to be served as the highest that is known.
    """
    if http_version not in _VERSIONS:
        raise BadRequest("this proxy speaks HTTP/1")


def check_host(fields: Fields, http_version: str) -> bytes | None:
    """The Host field's value. Raises BadRequest unless there is exactly one and it is host[:port] (RFC 9112
    section 3.2).

    HTTP/1.0 may do without. llhttp checks none of this, h11 the count only.
    """
    hosts = fields.get(b"host")
    if not hosts and http_version == "1.0":
        return None
    if len(hosts) != 1:
        raise BadRequest("a request needs exactly one Host field")
    if not _is_host(hosts[0]):
        raise BadRequest("the Host field is not host[:port]")
    return hosts[0]


@remembering
def _is_host(value: bytes) -> bool:
    return _HOST.fullmatch(value) is not None


def asks_first(fields: Fields, http_version: str) -> bool:
    """Whether the client waits for a 100 before it sends its body (RFC 9110 section 10.1.1).

    Not in HTTP/1.0, not without a body to send; and not beside an upgrade, where only its bytes tell whether
    there is one.
    """
    if http_version != "1.1" or b"upgrade" in fields.names.places:
        return False
    announced = b"transfer-encoding" in fields.names.places or any(
        length != b"0" for length in fields.get(b"content-length")
    )
    return announced and any(value.lower() == b"100-continue" for value in fields.get(b"expect"))


def request_headers(
    headers: Headers,
    fields: Fields,
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
    names, places = fields.names, fields.names.places
    kept = list(compress(headers, names.to_upstream))
    listed = connection_options(fields) if b"connection" in places else _NONE
    if listed and not listed.isdisjoint(places):
        kept = [field for field in kept if field[0].lower() not in listed]
    if b"expect" in places:
        kept = [field for field in kept if not _is_continue(field)]
    if hops is not None:
        less = b"%d" % (hops - 1)
        kept = [(name, less if name.lower() == b"max-forwards" else value) for name, value in kept]
    came = fields.get(b"via") if b"via" in places and b"via" not in listed else ()
    sent = [(b"Host", host), *kept, via(came, http_version, via_name), *forwarding]
    if framing == "chunked":
        sent.append((b"Transfer-Encoding", b"chunked"))
    elif length is not None:
        sent.append((b"Content-Length", length))
    return sent


def _is_continue(field: tuple[bytes, bytes]) -> bool:
    return field[0].lower() == b"expect" and field[1].lower() == b"100-continue"


def response_headers(headers: Headers, fields: Fields, *, status: int, now_s: float) -> Headers:
    """The client response's fields: what is end to end, at most one Content-Length, exactly one Date.

    204 and 304 go without Content-Length: uvicorn-httptools counts the bytes it announces and raises at a 304
    that (rightly) has none (RFC 9110 section 8.6 makes it optional there). Date: RFC 9110 section 6.6.1.
    Raises ProtocolError for a length that some reader could take for another.
    """
    names, places = fields.names, fields.names.places
    gone = connection_options(fields) if b"connection" in places else _NONE
    if b"content-length" in places:
        if status in (204, 304) or b"transfer-encoding" in places:  # a transfer coding makes the length void
            gone |= {b"content-length"}
        elif not _is_length(headers[places[b"content-length"][0]][1]):  # the others are equal, or refused
            raise ProtocolError("the upstream's answer announces more than anyone can count")
    kept = list(compress(headers, names.to_client))
    if gone and not gone.isdisjoint(places):
        kept = [field for field in kept if field[0].lower() not in gone]
    if b"date" not in places or b"date" in gone:
        kept.append((b"Date", http_date(int(now_s))))
    return kept


def check_written(headers: Headers) -> None:
    """Raises ProtocolError for a response field that no server could write: it would answer the client with
    nothing at all."""
    values = b"".join([value for _, value in headers])
    if len(values.translate(None, _CONTROL)) < len(values) or not by_name(headers).names.fit:
        raise ProtocolError("the upstream's answer has a header field that cannot be passed on")


@lru_cache(maxsize=2)
def http_date(second: int) -> bytes:
    """IMF-fixdate of RFC 9110 section 5.6.7."""
    return formatdate(second, usegmt=True).encode("ascii")
