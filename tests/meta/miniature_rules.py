"""The miniature's rules: what is sent for what has come, as pure functions over heads."""

import re
import sys
import time

from tests.meta.miniature_wire import Fields, Framing, Refused, head_of, options, values

__all__ = [
    "UPSTREAM",
    "failure",
    "interim_head",
    "refuse_doubtful",
    "request_head",
    "response_head_for",
]

UPSTREAM, SLASH, BASE = sys.argv[1].partition("/")

HOP = b"connection keep-alive proxy-authorization proxy-connection te trailer upgrade".split()
FRAMING = b"content-length transfer-encoding".split()
OURS = b"host", b"via", b"forwarded", b"x-real-ip"
ADDED: Fields = [(b"X-Forwarded-Proto", b"http")]
NAME = b"miniature"

HOST = re.compile(rb"[A-Za-z0-9.\-_]+(:[0-9]+)?|\[[0-9A-Fa-f:.]+\](:[0-9]+)?")
ABSOLUTE = re.compile(rb"(?i)https?://([^/?]*)(.*)")
ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")
CLIMBS = re.compile(rb"(?<![\w.-])\.\.(?![\w.-])|[\xc0\xc1]")  # those two are `.` and `/` to bad decoders
REASONS = {400: b"Bad Request", 502: b"Bad Gateway", 503: b"Service Unavailable", 504: b"Gateway Timeout"}


def refuse_doubtful(fields: Fields, old: bool) -> None:
    """Raises: Refused for a request without one clear Host, or one that has been here before."""
    hosts = values(fields, b"host") or [UPSTREAM.encode()] * old  # HTTP/1.0 may do without
    if len(hosts) != 1 or not HOST.fullmatch(hosts[0]):
        raise Refused(400)
    hops = [hop.split() for hop in b",".join(values(fields, b"via")).split(b",")]
    if any(hop[1:2] == [NAME] for hop in hops):  # RFC 9110 section 7.6.3; RFC 9209 proxy_loop_detected
        raise Refused(502)


def plain(name: bytes) -> bytes:
    """As a CGI-like upstream reads it, to which `X_Real_IP` is `X-Real-IP`."""
    return name.lower().replace(b"_", b"-")


def end_to_end(fields: Fields) -> Fields:
    gone = {*HOP, *FRAMING, *options(fields)}
    return [field for field in fields if plain(field[0]) not in gone]


def ours(name: bytes) -> bool:
    return name in OURS or name.startswith(b"x-forwarded")


def target_of(method: bytes, target: bytes) -> bytes:
    """What to ask the upstream for; never another host, never above BASE."""
    if absolute := ABSOLUTE.fullmatch(target):
        target = absolute[2] if absolute[2].startswith(b"/") else b"/" + absolute[2]
    if method == b"CONNECT" or not (target.startswith(b"/") or (target, method) == (b"*", b"OPTIONS")):
        raise Refused(400)
    path, escaped = target.partition(b"?")[0], b""
    while path != escaped:  # until there is no escape left, as an upstream might that reads twice
        path, escaped = ESCAPE.sub(lambda m: bytes([int(m[1], 16)]), path), path
    if BASE and CLIMBS.search(path):
        raise Refused(400)
    return (SLASH + BASE).rstrip("/").encode() + target


def request_head(
    method: bytes, target: bytes, fields: Fields, framing: Framing | None, chunked: bool, peer: str
) -> bytes:
    """Ours for theirs. Raises: Refused for a target that is not the upstream's."""
    kept = end_to_end(fields)
    sent: Fields = [(b"Host", UPSTREAM.encode())]
    sent += [field for field in kept if not ours(plain(field[0]))]
    sent += [(b"Via", b", ".join([*values(kept, b"via"), b"1.1 " + NAME]))]
    sent += [(b"X-Forwarded-For", peer.encode()), *ADDED]
    sent += [(b"X-Forwarded-Host", host) for host in values(fields, b"host")]
    if chunked:
        sent += [(b"Transfer-Encoding", b"chunked")]
    elif framing is not None:
        sent += [(b"Content-Length", b"%d" % int(framing))]
    return head_of(b"%s %s HTTP/1.1" % (method, target_of(method, target)), sent)


def response_head_for(
    answer: re.Match[bytes], came: Fields, length: Framing, chunked: bool, keep: bool
) -> bytes:
    sent = end_to_end(came)
    if isinstance(length, int) and answer[2] != b"204":
        sent += [(b"Content-Length", b"%d" % length)]
    if chunked:
        sent += [(b"Transfer-Encoding", b"chunked")]
    if not values(sent, b"date"):
        sent += [(b"Date", date())]
    if not keep:
        sent += [(b"Connection", b"close")]
    return head_of(b"HTTP/1.1 %s%s" % (answer[2], answer[3] or b" "), sent)


def date() -> bytes:
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime()).encode()


def interim_head(answer: re.Match[bytes], came: Fields) -> bytes:
    return head_of(b"HTTP/1.1 %s%s" % (answer[2], answer[3] or b" "), end_to_end(came))


def failure(status: int, last: bool) -> bytes:
    """An answer of the proxy's own; last: and the connection's."""
    start = b"HTTP/1.1 %d %s" % (status, REASONS[status])
    fields = [(b"Content-Length", b"0"), (b"Date", date())]
    return head_of(start, fields + ([(b"Connection", b"close")] if last else []))
