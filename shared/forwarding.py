"""Forwarding fields: who asked, for which host, over which scheme, and whose word counts for it. Pure."""

import ipaddress

from shared.messages import Headers
from shared.names import FORWARDING, says_who_asked
from shared.variables import Network

__all__ = ["forwarding_fields", "is_trusted"]


def is_trusted(peer: str, networks: tuple[Network, ...]) -> bool:
    """Whether forwarding fields from this address are believed."""
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped  # how a socket bound to :: shows an IPv4 peer
    return any(address in network for network in networks)


def forwarding_fields(believed: Headers, *, peer: str, scheme: str, host: bytes | None) -> Headers:
    """X-Forwarded-For, -Proto and -Host for the upstream, and Forwarded where a trusted proxy used it (RFC
    7239).

    `believed` are the end-to-end fields of a trusted proxy: the lists are continued, its -Proto, -Host and
    whatever else it says kept. From anybody else they are none, and what that one said is replaced whole, so
    that no forged half survives.
    """
    address = (_address(peer) if ":" in peer else peer).encode("ascii", "replace")
    if believed:
        return _continued(believed, address, scheme.encode("ascii"), host)
    ours = [(b"X-Forwarded-For", address), (b"X-Forwarded-Proto", scheme.encode("ascii"))]
    if host:
        ours.append((b"X-Forwarded-Host", host))
    return ours


def _continued(headers: Headers, address: bytes, scheme: bytes, host: bytes | None) -> Headers:
    came: dict[bytes, list[bytes]] = {name: [] for name in FORWARDING}
    others: Headers = []
    for name, value in headers:
        lower = name.lower()
        if lower in FORWARDING:
            if value:  # no empty members (RFC 9110 section 5.6.1.1)
                came[lower].append(value)
        elif says_who_asked(lower) and b"_" not in name:
            others.append((name, value))
    fields = [
        (b"X-Forwarded-For", b", ".join([*came[b"x-forwarded-for"], address])),
        (b"X-Forwarded-Proto", b", ".join(came[b"x-forwarded-proto"]) or scheme),
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
    """An IPv6 peer as others can read it: without a zone, which this machine alone understands (RFC 4007
    section 6), and IPv4 as such where a socket bound to `::` shows it mapped."""
    address = peer.partition("%")[0]
    try:
        return str(ipaddress.IPv6Address(address).ipv4_mapped or address)
    except ValueError:
        return peer
