"""HDR: fields that a proxy has a policy about, and those that only look as if they were somebody's own."""

from tests.contract.case import case
from tests.contract.expect import absent, next_is_its_own, ok, same
from tests.contract.moves import SMUGGLED
from tests.contract.talk import Talk
from tests.contract.wire import Response

_END_TO_END = ("Cookie", "Authorization", "Content-Type")


@case(
    "HDR-05",
    level="O",
    requirement="RFC 9110 §7.6.1: a sender must not list what is meant for the recipient",
    anchor="Go StripHeadersPresentInConnection",
)
async def connection_lists_end_to_end(talk: Talk) -> None:
    """Told: what becomes of Cookie, Authorization and Content-Type where Connection lists them."""
    x = await talk.exchange()
    await x.ask(
        "POST",
        f"Connection: {', '.join(_END_TO_END)}",
        *("Cookie: a=b", "Authorization: Basic eDp5", "Content-Type: text/plain"),
        body=b"content",
    )
    result = await x.reaches()
    if isinstance(result, Response):
        talk.note("refused", result.status)
        return
    dropped = [name for name in _END_TO_END if not result.head.all(name)]
    talk.note("dropped", ", ".join(dropped) or "none of them")
    await result.answer()
    ok(await x.response())


@case(
    "HDR-05-framed",
    requirement="RFC 9112 §3.2, §6.3; RFC 9110 §7.6.1",
    anchor="hop-by-hop abuse: a client that takes away what the proxy needs",
)
async def connection_lists_framing(talk: Talk) -> None:
    """A request whose Connection lists its own framing or its Host is 400, or arrives whole, framed and
    addressed: its content is not the next request.
    """
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED)
    for framing, tail in (
        (f"Content-Length: {len(SMUGGLED)}", SMUGGLED),
        ("Transfer-Encoding: chunked", chunked),
    ):
        for listed in (
            "Content-Length",
            "transfer-encoding",
            "Host",
            "Content-Length, Transfer-Encoding, Host",
        ):
            x = await talk.exchange()
            await x.ask("POST", f"Connection: {listed}", framing, tail=tail)
            result = await x.reaches()
            if isinstance(result, Response):
                assert result.status == 400, f"{listed}: status {result.status}"
                continue
            assert await result.content() == SMUGGLED, f"{listed}: another content"
            assert len(result.head.all("Host")) == 1, f"{listed}: Host is {result.head.all('Host')}"
            await result.answer()
            ok(await x.response())
            await next_is_its_own(talk, x)


@case(
    "HDR-14-kept",
    level="P",
    requirement="RFC 9110 §7.2",
    anchor="Traefik passHostHeader; nginx proxy_set_header Host $http_host",
    settings="trusting",
)
async def host_kept(talk: Talk) -> None:
    """A Host that is preserved is so in every byte: its case, its port, its last dot."""
    for host in ("some-name:8443", "Some-Name.TEST", "some-name.test.", "[2001:db8::1]:80", "192.0.2.1"):
        x = await talk.exchange()
        await x.ask(host=host)
        up = await x.arrival()
        await up.answer()
        ok(await x.response())
        if talk.manifest.host == "preserve":
            same(up.head, "Host", host)
        if talk.manifest.forwarded_host:
            same(up.head, "X-Forwarded-Host", host)


# P although §7.6.2 says MUST: it is a tool for tracing, a response is as right without it, and of the proxies
# that the contract was measured on none does it. Who declares it is held to it.
@case(
    "HDR-18",
    level="P",
    requirement="RFC 9110 §7.6.2",
    anchor="YARP #1113; Co-Advisor maxForwardsPstv-OPTIONS, maxForwardsZero-OPTIONS",
    needs=("max_forwards",),
)
async def max_forwards(talk: Talk) -> None:
    """Max-Forwards of OPTIONS is one less at the next hop, and at 0 the proxy itself answers."""
    for came, next_hop in (("5", "4"), ("1", "0"), ("012", "11")):
        x = await talk.exchange()
        seen, response = await x.trip("OPTIONS", f"Max-Forwards: {came}")
        ok(response)
        same(seen, "Max-Forwards", next_hop)
    client = await talk.connect()
    for target in (None, "*"):
        x = await talk.exchange(client)
        await x.ask("OPTIONS", "Max-Forwards: 0", target=target)
        response = await x.response()
        assert response.status in (200, 204), f"status {response.status}"
        assert response.complete, f"the answer was cut ({response.body.cut})"
        assert x.expected.count == 0, "Max-Forwards was 0, and it went on"
    ok((await (await talk.exchange(client)).trip())[1])


@case("HDR-18-others", level="S", requirement="RFC 9110 §7.6.2", anchor="Apache counts all methods")
async def max_forwards_of_others(talk: Talk) -> None:
    """For other methods Max-Forwards is an ordinary field."""
    for method in ("GET", "POST"):
        x = await talk.exchange()
        seen, response = await x.trip(method, "Max-Forwards: 7")
        ok(response)
        same(seen, "Max-Forwards", "7")


@case(
    "HDR-19",
    level="P",
    requirement="RFC 3875 §4.1.18: `-` becomes `_`, so that two names become one variable",
    anchor="nginx underscores_in_headers; gunicorn header_map; WSGI servers that join both spellings",
    needs=("underscores",),
)
async def underscores(talk: Talk) -> None:
    """A name with `_` is relayed, dropped or refused, as declared; guarded, it never imitates a field that
    the proxy decides about.
    """
    plain, twins = (
        "X_Plain",
        ("Content_Length", "Transfer_Encoding", "X_Forwarded_For", "Proxy_Authorization"),
    )
    x = await talk.exchange()
    await x.ask("POST", f"{plain}: 1", *(f"{name}: 99" for name in twins), body=b"content")
    result = await x.reaches()
    if isinstance(result, Response):
        assert talk.manifest.underscores == "refuse", f"refused with {result.status}"
        assert result.status == 400, f"status {result.status}"
        return
    seen, policy = result.head, talk.manifest.underscores
    assert await result.content() == b"content"
    await result.answer()
    ok(await x.response())
    same(seen, plain, *([] if policy == "drop" else ["1"]))
    if policy == "relay":
        for name in twins:
            same(seen, name, "99")
    else:
        absent(seen, *twins)
    assert policy != "refuse", "declared as refused, and relayed"


@case("HDR-20", requirement="RFC 8586 §2", anchor="RFC 8586: not to be modified by others")
async def cdn_loop(talk: Talk) -> None:
    """CDN-Loop, which outer networks know their own loops by, goes through as it came."""
    x = await talk.exchange()
    seen, response = await x.trip(
        "GET", 'CDN-Loop: foo123.foocdn.test, barcdn.test; trace="abcdef"', "CDN-Loop: AnotherCDN"
    )
    ok(response)
    joined = b", ".join(seen.all("CDN-Loop"))
    assert joined == b'foo123.foocdn.test, barcdn.test; trace="abcdef", AnotherCDN', f"CDN-Loop is {joined!r}"


@case("HDR-21", requirement="RFC 6265 §5.4; RFC 9113 §8.2.3", anchor="Go #4800; HTTP/2 cookie crumbs")
async def cookie_lines(talk: Talk) -> None:
    """Cookie lines stay lines, or are joined by `; `: a comma would be part of a value."""
    x = await talk.exchange()
    seen, response = await x.trip("GET", "Cookie: a=1", "Cookie: b=2; c=3")
    ok(response)
    joined = b"; ".join(seen.all("Cookie"))
    assert joined == b"a=1; b=2; c=3", f"Cookie is {seen.all('Cookie')}"


@case(
    "HDR-22",
    level="P",
    requirement="RFC 9110 §7.6.1, §7.8",
    anchor="h2c smuggling: a proxy that relays the upgrade is talked past",
    needs=("upgrade",),
    compare="verdict",
)
async def upgrade_to_h2c(talk: Talk) -> None:
    """An offer to speak HTTP/2 in clear text is between the client and the proxy, which may take it; the
    upstream hears of none, but from a proxy that is declared to relay upgrades.
    """
    for connection in ("Upgrade, HTTP2-Settings", "HTTP2-Settings, upgrade", "upgrade"):
        x = await talk.exchange()
        await x.ask(
            "GET", f"Connection: {connection}", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA"
        )
        result = await x.reaches()
        if isinstance(result, Response):
            assert result.status in (101, 400, 426, 501), f"status {result.status}"
            if result.status != 101:
                continue
            result = await x.arrival()
        if talk.manifest.upgrade != "relay":
            absent(result.head, "Upgrade")
            assert b"upgrade" not in b",".join(result.head.all("Connection")).lower(), "an upgrade is offered"
        if "HTTP2-Settings" in connection and talk.manifest.upgrade != "relay":
            absent(result.head, "HTTP2-Settings")
        await result.answer()
        response = x.responses[0] if x.responses else await x.response()
        if (
            response.status != 101
        ):  # else the answer comes in frames, and the client leaves before it has them
            ok(response)


@case("HDR-23", requirement="RFC 9112 §9.6", anchor="GoConn; nginx proxy_keepalive.t", needs=("keepalive",))
async def close_is_the_clients(talk: Talk) -> None:
    """A client that closes after its response ends its own connection, not the proxy's to the upstream."""
    carried = set()
    for _ in range(3):
        x = await talk.exchange()
        await x.ask("GET", "Connection: close")
        up = await x.arrival()
        assert b"close" not in b",".join(up.head.all("Connection")).lower(), "close was passed on"
        carried.add(up.connection.number)
        await up.answer()
        ok(await x.response())
        await x.client.peer_closed()
    assert len(carried) == 1, f"{len(carried)} connections for three requests"


@case("HDR-24", level="O", requirement="CVE-2016-5385", anchor="httpoxy: `Proxy` becomes HTTP_PROXY in CGI")
async def httpoxy(talk: Talk) -> None:
    """Whether a field named Proxy goes through, which an upstream behind CGI would take for its own proxy."""
    x = await talk.exchange()
    seen, response = await x.trip("GET", "Proxy: http://evil.test")
    ok(response)
    talk.note("Proxy", "relayed" if seen.all("Proxy") else "dropped")
