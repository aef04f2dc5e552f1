"""Location and Content-Location where Host is rewritten: the upstream's own URLs become the client's. Pure.

An upstream that sees `Host: app.internal:8080` redirects to `http://app.internal:8080/x`, which means nothing
to a client. What it gets is `/x`, which cannot be wrong: the scheme and the authority stay those that the
client itself used (RFC 3986 section 5.2.2), whatever stands in front of this proxy. docs/decisions/0010 has
why.
"""

import ipaddress
import re

from shared.messages import Headers
from shared.reqtarget import climbs
from shared.variables import UpstreamURL

__all__ = ["REFERENCES", "client_reference", "for_the_client"]

REFERENCES = frozenset((b"location", b"content-location"))
# No userinfo, and no byte that a browser drops from a URL: what is odd is left as it came.
_ABSOLUTE = re.compile(
    rb"(?i)(https?)://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::([0-9]{0,5}))?(/[!\"$->@-~\x80-\xff]*)?((?:[?#][!-~\x80-\xff]*)?)"
)


def for_the_client(headers: Headers, upstream: UpstreamURL) -> Headers:
    """The fields, with every reference to the upstream itself turned into one to this proxy."""
    return [
        (name, client_reference(value, upstream)) if name.lower() in REFERENCES else (name, value)
        for name, value in headers
    ]


def client_reference(value: bytes, upstream: UpstreamURL) -> bytes:
    """A URL below the upstream's, as the path below this proxy; anything else as it came."""
    match = _ABSOLUTE.fullmatch(value)
    if match is None:
        return value
    scheme, host, port, path, rest = match.groups(b"")
    if scheme.lower() != upstream.scheme.encode("ascii") or _plain(host) != upstream.host:
        return value
    if int(port or (443 if upstream.scheme == "https" else 80)) != upstream.port:
        return value
    if upstream.base:
        below = path.removeprefix(upstream.base)
        if below == path or (below and not below.startswith(b"/")) or climbs(below):
            return value  # outside of what this proxy can reach
        path = below
    path = path or b"/"
    if path[1:2] in (b"/", b"\\"):
        path = b"/." + path  # `//name` would be another host (RFC 3986 section 4.2); browsers read `\` so too
    return path + rest


def _plain(host: bytes) -> str:
    """As UpstreamURL writes it: lower case, an IPv6 address short and without brackets."""
    text = host.decode("ascii").lower()
    if not text.startswith("["):
        return text
    try:
        return str(ipaddress.IPv6Address(text[1:-1]))
    except ValueError:
        return text
