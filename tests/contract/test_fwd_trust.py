"""FWD: what a proxy believes of a proxy in front that it trusts; the client of these cases is that proxy."""

from tests.contract.case import case
from tests.contract.expect import ok, same
from tests.contract.talk import FRONT, Talk


@case(
    "FWD-04",
    level="P",
    requirement="RFC 7239 §4, §6",
    anchor="HAProxy forwarded-header-7239.vtc",
    settings="trusting",
    needs=("forwarded",),
)
async def forwarded(talk: Talk) -> None:
    """Forwarded is continued, replaced or left alone, as declared; what came, IPv6 in its quotes and brackets
    and commas in strings, stays as it is, and an own member comes last.
    """
    lines = ('for="[2001:db8::1]:4711";proto=https', 'for=unknown;by="_a, b";host="x:1", FOR=192.0.2.60')
    x = await talk.exchange()
    seen, response = await x.trip("GET", *(f"Forwarded: {line}" for line in lines))
    ok(response)
    joined, came = b", ".join(seen.all("Forwarded")).decode("latin-1"), ", ".join(lines)
    if talk.manifest.forwarded == "append":
        assert joined.startswith(f"{came}, "), f"Forwarded is {joined!r}"
        peer = talk.manifest.peer.lower()
        node = f'"[{peer}]"' if ":" in peer else peer
        assert f"for={node}" in joined.removeprefix(f"{came}, ").lower(), f"Forwarded is {joined!r}"
    elif talk.manifest.forwarded == "replace":
        assert "2001:db8" not in joined, f"Forwarded is {joined!r}"
    else:
        assert joined == came, f"Forwarded is {joined!r}"


@case(
    "FWD-07",
    level="P",
    requirement="RFC 7239 §7.4; de facto X-Forwarded-For",
    anchor="Go TestXForwardedFor; Traefik trustedIPs; Caddy trusted_proxies",
    settings="trusting",
)
async def a_list_continued(talk: Talk) -> None:
    """X-Forwarded-For is one list in the order it came in, the peer last: IPv6, ports and `unknown` as they
    are.
    """
    x = await talk.exchange()
    seen, response = await x.trip(
        "GET",
        "X-Forwarded-For: 2001:db8::1, 203.0.113.9:4711",
        "X-Forwarded-For:",
        "X-Forwarded-For: [2001:db8::2]:443, unknown",
    )
    ok(response)
    members = b",".join(seen.all("X-Forwarded-For")).replace(b" ", b"").split(b",")
    joined = b",".join(
        member for member in members if member
    )  # empty ones count for nothing (RFC 9110 §5.6.1.2)
    came = b"2001:db8::1,203.0.113.9:4711,[2001:db8::2]:443,unknown"
    peer = talk.manifest.peer.encode()
    wanted = {"append": came + b"," + peer, "replace": peer, "none": came}
    assert joined == wanted[talk.manifest.forwarded_for], f"X-Forwarded-For is {seen.all('X-Forwarded-For')}"


@case(
    "FWD-08",
    level="P",
    requirement="RFC 7239 §5.3, §5.4; de facto X-Forwarded-*",
    anchor="Traefik forwardedHeaders.trustedIPs; Caddy trusted_proxies",
    settings="trusting",
    needs=("forwarded_host",),
)
async def scheme_and_host_kept(talk: Talk) -> None:
    """What the trusted proxy says of the client's scheme and Host is told on, not what it did itself; what it
    does not say is filled in.
    """
    x = await talk.exchange()
    seen, response = await x.trip("GET", "X-Forwarded-Proto: https", "X-Forwarded-Host: shop.test:8443")
    ok(response)
    same(seen, "X-Forwarded-Proto", "https")
    same(seen, "X-Forwarded-Host", "shop.test:8443")
    y = await talk.exchange()
    seen, response = await y.trip("GET", "X-Forwarded-For: 203.0.113.9")
    ok(response)
    same(seen, "X-Forwarded-Proto", "http")
    same(seen, "X-Forwarded-Host", FRONT)


@case(
    "FWD-09",
    level="S",  # nothing in a manifest declares it
    requirement="de facto X-Forwarded-*",
    anchor="Traefik forwarded_header.go; Spring ForwardedHeaderFilter",
    settings="trusting",
)
async def others_kept(talk: Talk) -> None:
    """The other forwarding fields of a trusted proxy go through as they came."""
    fields = {
        "X-Forwarded-Port": "8443",
        "X-Forwarded-Prefix": "/shop",
        "X-Forwarded-Ssl": "on",
        "X-Real-IP": "203.0.113.9",
    }
    x = await talk.exchange()
    seen, response = await x.trip("GET", *(f"{name}: {value}" for name, value in fields.items()))
    ok(response)
    for name, value in fields.items():
        same(seen, name, value)


@case(
    "FWD-10",
    level="P",
    requirement="RFC 7239 §8.1",
    anchor="Traefik forwarded_header.go; Go RewriteStripsForwarded",
    needs=("replaces",),
)
async def others_forged(talk: Talk) -> None:
    """From a client nobody trusts no forwarding field goes through, whichever the upstream may know."""
    names = ["Port", "Prefix", "Ssl", "Scheme", "Server", "By", "Uri", "Method", "User", "Groups"]
    names += ["Tls-Client-Cert", "Proto-Version"]
    x = await talk.exchange()
    seen, response = await x.trip(
        "GET",
        *(f"X-Forwarded-{name}: forged" for name in names),
        "x-forwarded-port: forged",
        "X-Forwarded: forged",
    )
    ok(response)
    assert b"forged" not in seen.raw, f"a forged field went through: {seen.raw!r}"


@case(
    "FWD-11",
    level="P",
    requirement="RFC 3875 §4.1.18",
    anchor="nginx underscores_in_headers",
    settings="trusting",
    needs=("underscores",),
)
async def other_spellings(talk: Talk) -> None:
    """A trusted proxy passes on what its clients send: a forwarding field spelled with `_` is theirs, not its
    own.
    """
    x = await talk.exchange()
    await x.ask("GET", "X-Forwarded-For: 203.0.113.9", "X_Forwarded_For: 6.6.6.6", "X_Real_IP: 6.6.6.6")
    up = await x.arrival()
    await up.answer()
    ok(await x.response())
    if talk.manifest.underscores == "relay":
        for name in ("X_Forwarded_For", "X_Real_IP"):
            same(up.head, name, "6.6.6.6")
    else:
        assert b"6.6.6.6" not in up.head.raw, f"a forged address went through: {up.head.raw!r}"


@case(
    "FWD-12",
    requirement="RFC 9110 §7.6.1",
    anchor="CVE-2024-45410: Connection that lists X-Forwarded-*",
    settings="trusting",
)
async def listed_in_connection(talk: Talk) -> None:
    """A request that lists forwarding fields in Connection loses its own; the proxy's come all the same."""
    x = await talk.exchange()
    seen, response = await x.trip(
        "GET",
        "Connection: close, X-Forwarded-For, X-Forwarded-Proto, X-Real-IP, Forwarded",
        "X-Forwarded-For: 203.0.113.9",
        "X-Forwarded-Proto: https",
        "X-Real-IP: 203.0.113.9",
        "Forwarded: for=203.0.113.9",
    )
    ok(response)
    assert b"203.0.113.9" not in seen.raw, f"a listed field went through: {seen.raw!r}"
    if talk.manifest.forwarded_for != "none":
        same(seen, "X-Forwarded-For", talk.manifest.peer)
        same(seen, "X-Forwarded-Proto", "http")


@case("FWD-13", level="O", requirement="names that products made up", anchor="Symfony CVE-2018-14773")
async def made_up_names(talk: Talk) -> None:
    """Which other names for the client's address or the request's URL go through; an upstream that believes
    one has to know who wrote it.
    """
    names = ["True-Client-IP", "X-Client-IP", "X-Cluster-Client-IP", "CF-Connecting-IP", "X-Original-URL"]
    names += ["X-Rewrite-URL", "X-Original-Host", "Front-End-Https", "X-Url-Scheme", "X-Scheme"]
    x = await talk.exchange()
    seen, response = await x.trip("GET", *(f"{name}: forged" for name in names))
    ok(response)
    relayed = [name for name in names if seen.all(name)]
    talk.note("relayed", "all of them" if relayed == names else ", ".join(relayed) or "none of them")
