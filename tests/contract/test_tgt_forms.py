"""TGT: targets that users meet, and what a proxy may and may not make of them."""

from shared.harness.origin.scripted import Arrival
from tests.contract.case import case
from tests.contract.expect import ok
from tests.contract.talk import Talk
from tests.contract.wire import wire_bytes


async def _same_or_refused(talk: Talk, target: str | bytes, *statuses: int) -> Arrival | None:
    """The target arrives byte for byte; or the proxy refuses it so: then None."""
    x = await talk.exchange()
    await x.ask("GET", target=target)
    result = await x.reaches()
    if not isinstance(result, Arrival):
        assert result.status in statuses, f"{target[:80]!r}: status {result.status}, not one of {statuses}"
        return None
    seen = result.head.target
    assert seen == wire_bytes(target), f"{target[:80]!r} became {seen[:80]!r}, {len(seen)} bytes"
    await result.answer()
    ok(await x.response())
    return result


@case("TGT-05", level="O", requirement="RFC 9110 §4.2.3, §7.7", anchor="nginx; ASGI query_string cannot tell")
async def empty_query(talk: Talk) -> None:
    """Whether `/p?`, which is not `/p` to every upstream, keeps its `?`."""
    x = await talk.exchange()
    for name, target in (("an empty query", f"{x.path}?"), ("no query", x.path)):
        y = await talk.exchange()
        seen, response = await y.trip(target=target)
        ok(response)
        assert seen.target in (f"{x.path}?".encode(), x.path.encode()), f"{target!r} became {seen.target!r}"
        talk.note(f"{name} arrives as", "an empty query" if seen.target.endswith(b"?") else "no query")


@case(
    "TGT-06",
    level="P",
    requirement="RFC 9110 §7.7; RFC 3986 §3.4: a query is no list of parameters",
    anchor="Go TestReverseProxyQueryParameterSmuggling",
    needs=("query",),
)
async def parameters(talk: Talk) -> None:
    """A query that a proxy could read in another way than the upstream goes on untouched, or cleaned, as
    declared; a large one may be refused.
    """
    for query in ("a=1&a=2;b=3", "a=1;b=2", "a=%zz&b=2", "&".join(f"a{n}" for n in range(10_001))):
        x = await talk.exchange()
        target = f"{x.path}?{query}"
        if talk.manifest.query == "verbatim":
            arrived = await _same_or_refused(talk, target, 400, 414, 431)
            assert arrived is not None or len(query) > 8000, f"{query!r} was refused"
            continue
        await x.ask("GET", target=target)
        result = await x.reaches()
        if isinstance(result, Arrival):
            assert b";" not in result.head.target, f"declared as cleaned: {result.head.target!r}"
            assert b"%zz" not in result.head.target, f"declared as cleaned: {result.head.target!r}"
            await result.answer()
            ok(await x.response())
        else:
            assert result.status in (400, 414, 431), f"status {result.status}"


@case(
    "TGT-14",
    level="S",
    requirement="RFC 9112 §3.2; RFC 3986 §3.5: a fragment is never sent",
    anchor="HAProxy h1_fragment_block; CVE-2023-45539",
)
async def fragment(talk: Talk) -> None:
    """A `#` in a target is refused: readers disagree on what the path is then."""
    x = await talk.exchange()
    for target in (f"{x.path}/public#/../admin", f"{x.path}#", "/#"):
        assert await _same_or_refused(talk, target, 400, 404) is None, f"{target!r} was forwarded"


@case("TGT-15", requirement="RFC 9110 §7.7; CWE-93", anchor="nginx $uri in proxy_pass; CRLF injection")
async def escaped_line_ends(talk: Talk) -> None:
    """An escaped line end stays escaped: it never becomes a line of the upstream's request."""
    x = await talk.exchange()
    for target in (
        f"{x.path}/a%0d%0aX-Injected:%201",
        f"{x.path}?a=%0d%0a%0d%0aGET%20/SMUGGLED%20HTTP/1.1",
        f"{x.path}/%0aX-Injected:1",
        f"{x.path}/%00",
        f"{x.path}/%20HTTP/1.1",
    ):
        up = await _same_or_refused(talk, target, 400)
        assert up is None or not up.head.all("X-Injected"), "a line was injected"


@case(
    "TGT-16",
    level="S",
    requirement="RFC 9112 §3.2: an invalid target should be refused, and not be corrected",
    anchor="RFC 9110 §7.7; links typed by hand",
)
async def invalid_characters(talk: Talk) -> None:
    """A target with characters that no URI has is refused, or goes on as it is: nobody escapes it anew."""
    x = await talk.exchange()
    for piece in ('/{a}|"b"<c>^`', "/[x]", "/%", "/%2", "/%zz", "?{a}[]"):
        await _same_or_refused(talk, x.path + piece, 400)


@case(
    "TGT-16-bytes",
    level="S",
    requirement="RFC 9112 §3.2; RFC 3986 §2.1",
    anchor="links that carry UTF-8 as it is",
)
async def invalid_bytes(talk: Talk) -> None:
    """Bytes above 0x7F in a target are refused, or escaped; what reaches the upstream is a valid request."""
    for raw, escaped in ((b"/caf\xc3\xa9", b"/caf%c3%a9"), (b"/caf\xe9", b"/caf%e9"), (b"?\xff", b"?%ff")):
        x = await talk.exchange()
        await x.ask("GET", target=wire_bytes(x.path, raw))
        result = await x.reaches()
        if isinstance(result, Arrival):
            assert result.head.target.lower() == wire_bytes(x.path, escaped), f"became {result.head.target!r}"
            await result.answer()
            ok(await x.response())
        else:
            assert result.status == 400, f"{raw!r}: status {result.status}"


@case("TGT-17", requirement="RFC 9112 §3.2.2; RFC 9110 §4.2.4", anchor="RFC 9110 §4.2.4: userinfo")
async def odd_absolute_forms(talk: Talk) -> None:
    """An absolute target with a user, without a host, or of another scheme reaches the upstream's own path,
    or is refused; it opens no connection elsewhere.
    """
    assert talk.elsewhere is not None
    canary = f"127.0.0.1:{talk.elsewhere.port}"
    x = await talk.exchange()
    for target in (
        f"http://user:password@{canary}{x.path}",
        f"http://{canary}@front.test{x.path}",
        f"http:///{canary}{x.path}",
        f"http:{x.path}",
        f"ftp://{canary}{x.path}",
        f"HTTP://{canary}{x.path}",
        f"https://{canary}{x.path}",
        f"//{canary}{x.path}",
        f"http://{canary}",
    ):
        y = await talk.exchange()
        await y.ask("GET", target=target)
        result = await y.reaches()
        if isinstance(result, Arrival):
            # `//…` is a path; of the rest only the path may be left.
            assert result.head.target.startswith(b"/"), f"{target!r} became {result.head.target!r}"
            assert b"password" not in result.head.target, f"{target!r} became {result.head.target!r}"
            await result.answer()
            ok(await y.response())
        else:
            assert result.status in (400, 404, 421, 501), f"{target!r}: status {result.status}"


@case(
    "TGT-18", requirement="RFC 9112 §3.2; CWE-918", anchor="SSRF through Host: the client chooses no upstream"
)
async def host_chooses_nothing(talk: Talk) -> None:
    """Whatever Host says, the request goes to the configured upstream."""
    assert talk.elsewhere is not None
    canary = f"127.0.0.1:{talk.elsewhere.port}"
    for host in (canary, "localhost", "169.254.169.254", "upstream.invalid"):
        x = await talk.exchange()
        await x.ask("GET", f"X-Forwarded-Host: {canary}", f"X-Host: {canary}", host=host)
        up = await x.arrival()
        await up.answer()
        ok(await x.response())
