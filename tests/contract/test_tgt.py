"""TGT: the request target goes through byte for byte, and never chooses where the request goes."""

import re

from shared.harness.origin.scripted import Arrival
from tests.contract.case import case
from tests.contract.expect import ok
from tests.contract.talk import Talk
from tests.contract.wire import wire_bytes


async def _exact(talk: Talk, target: str) -> None:
    """That target arrives as it is."""
    x = await talk.exchange()
    seen, response = await x.trip("GET", target=target)
    ok(response)
    assert seen.target == wire_bytes(target), f"target is {seen.target!r}, not {target!r}"


async def _arrives_or_refused(talk: Talk, method: str, target: str, *statuses: int) -> Arrival | None:
    """The request arrives and gets its 200; or the proxy refuses it so: then None."""
    x = await talk.exchange()
    await x.ask(method, target=target)
    result = await x.reaches()
    if not isinstance(result, Arrival):
        assert result.status in statuses, f"{target!r}: status {result.status}, not one of {statuses}"
        return None
    await result.answer()
    ok(await x.response())
    return result


@case(
    "TGT-01",
    requirement="RFC 9110 §7.7; RFC 3986 §2.2, §2.4",
    anchor="Go TestJoinURLPath; request signatures break otherwise",
)
async def escapes(talk: Talk) -> None:
    """Escapes stay as they were written: neither decoded, nor encoded again, nor changed in case."""
    x = await talk.exchange()
    await _exact(talk, f"{x.path}/a%2Fb%20c/%C3%A9/%c3%a9/~!$&'()*+,;=:@-._")


@case("TGT-02", level="S", requirement="RFC 9110 §7.7", anchor="nginx without URI form; merge_slashes")
async def slashes(talk: Talk) -> None:
    """Double and trailing slashes are part of the name."""
    x = await talk.exchange()
    for target in ("//x", f"{x.path}//b", f"{x.path}/a/", f"{x.path}/a", f"{x.path}//", "/"):
        await _exact(talk, target)


@case("TGT-03", requirement="RFC 3986 §5.2.4", anchor="Rustchain #5117; apme #499", settings="based")
async def base_path(talk: Talk) -> None:
    """With a base path in the upstream URL, no spelling of a dot-dot segment leads out of it."""
    for target in (
        "/../admin",
        "/..",
        "/..?a=b",
        "/./../admin",
        "/a/../../admin",
        "//../../admin",
        "/%2e%2e/admin",
        "/.%2E/admin",
        "/a/..%2fadmin",
        "/a%2f..%2f..%2fadmin",
        "/a/%2e%2e%2f%2e%2e/admin",
        "/..;/admin",
        "/..;x=y/admin",
        "/%2e%2e%3b/admin",
        "/..\\admin",
        "/..%5cadmin",
    ):
        await _stays_below(talk, target)


@case(
    "TGT-03-lenient",
    level="S",  # RFC 3986 §2.4 forbids to decode twice, and RFC 3629 §3 the long forms; upstreams do it still
    requirement="RFC 3986 §2.4; RFC 3629 §3",
    anchor="CVE-2000-0884; CVE-2001-0333; CVE-2021-42013",
    settings="based",
)
async def base_path_read_leniently(talk: Talk) -> None:
    """With a base path in the upstream URL, nothing leads out of it that only a lenient upstream would take
    for a dot-dot segment: escaped twice, in two bytes, before a NUL, beside a blank.
    """
    for target in (
        "/%252e%252e/admin",
        "/..%252fadmin",
        "/%25252e%25252e/admin",
        "/..%255cadmin",
        "/..%c0%afadmin",
        "/%c0%ae%c0%ae/admin",
        "/..%00/admin",
        "/..%20/admin",
    ):
        await _stays_below(talk, target, lenient=True)


async def _stays_below(talk: Talk, target: str, *, lenient: bool = False) -> None:
    base = talk.manifest.base.encode()
    up = await _arrives_or_refused(talk, "GET", target, 400, 403, 404)
    if up is not None:
        path = up.head.target.partition(b"?")[0]
        assert path.startswith(base), f"{target!r} became {up.head.target!r}"
        assert _resolved(path, lenient=lenient).startswith(base), f"{target!r} became {up.head.target!r}"


def _resolved(path: bytes, *, lenient: bool = False) -> bytes:
    """What a reader could make of a path: escapes read, `\\` as `/`, parameters cut, dots applied; a lenient
    one reads escapes again, takes UTF-8 in too many bytes, ends names at a NUL and sees no blanks.
    """
    for _ in range(4 if lenient else 1):
        path = re.sub(rb"%([0-9A-Fa-f]{2})", lambda m: bytes([int(m[1], 16)]), path)
    if lenient:
        path = path.replace(b"\xc0\xae", b".").replace(b"\xc0\xaf", b"/")
    kept: list[bytes] = []
    for segment in path.replace(b"\\", b"/").split(b"/")[1:]:
        name = segment.partition(b";")[0]
        if lenient:
            name = name.partition(b"\0")[0].strip()
        if name == b"..":
            kept = kept[:-1]
        elif name != b".":
            kept.append(name)
    return b"/" + b"/".join(kept)


@case("TGT-04", requirement="RFC 9110 §7.7; RFC 3986 §3.4", anchor="Go RewritePreservesRawQuery")
async def query(talk: Talk) -> None:
    """A query is a string of bytes, not a list of parameters."""
    x = await talk.exchange()
    await _exact(talk, f"{x.path}?a=%20&b=+&c=%2B&e=%25&&g&h=?/../x&a=2;b=3&%c3%A9")


@case("TGT-04-odd", level="S", requirement="RFC 9112 §3.2; RFC 9110 §7.7", anchor="PHP writes f[]; Go %zz")
async def odd_query(talk: Talk) -> None:
    """What the grammar of a query does not allow goes through as it is, or is 400: it is not mended."""
    x = await talk.exchange()
    for piece in ("?f[]=1", "?a=%zz", "?a=%", "?a=|", '?a="b"', "?a={b}"):
        up = await _arrives_or_refused(talk, "GET", x.path + piece, 400)
        assert up is None or up.head.target == (x.path + piece).encode(), f"{piece!r}: {up.head.target!r}"


@case("TGT-09", requirement="RFC 9112 §3.2.2", anchor="uvicorn PR #3097")
async def absolute_form(talk: Talk) -> None:
    """An absolute target means the configured upstream, or is refused; it never chooses a host."""
    assert talk.elsewhere is not None
    x = await talk.exchange()
    for authority in ("evil.test", f"127.0.0.1:{talk.elsewhere.port}"):
        up = await _arrives_or_refused(talk, "GET", f"http://{authority}{x.path}/x?q=1", 400)
        if up is not None:
            assert up.head.target == f"{x.path}/x?q=1".encode(), f"target is {up.head.target!r}"
            if talk.manifest.host == "rewrite":
                assert up.head.one("Host") == talk.authority.encode()


@case("TGT-10", requirement="RFC 9110 §7.6", anchor="httpx _merge_url: an absolute URL ignores base_url")
async def other_hosts(talk: Talk) -> None:
    """No path, however it is spelt, is taken for an authority: the canary hears nothing."""
    assert talk.elsewhere is not None
    canary = f"127.0.0.1:{talk.elsewhere.port}"
    for target in (
        f"//{canary}/x",
        f"/\\{canary}/x",
        f"/@{canary}/x",
        f"/http://{canary}/x",
        f"///{canary}/x",
    ):
        up = await _arrives_or_refused(talk, "GET", target, 400, 404)
        if up is not None:  # RFC 3986 §2: a backslash has no place in a target, so it may be encoded
            became = up.head.target.replace(b"%5C", b"\\")
            assert became == target.encode(), f"{target!r} became {up.head.target!r}"


@case("TGT-10-at", requirement="RFC 9112 §3.2", anchor="concatenation: `http://upstream` + `@evil.test`")
async def authority_without_slash(talk: Talk) -> None:
    """A target without its leading slash cannot lengthen the upstream's authority."""
    assert talk.elsewhere is not None
    canary = f"127.0.0.1:{talk.elsewhere.port}"
    for target in (f"@{canary}/x", f".{canary}/x", f":80@{canary}/x"):
        up = await _arrives_or_refused(talk, "GET", target, 400, 404)
        assert up is None or up.head.target.startswith(b"/"), f"{target!r} became {up.head.target!r}"


@case("TGT-11", level="S", requirement="RFC 9112 §3.2", anchor="HAProxy h1_request_target_validation.vtc")
async def odd_forms(talk: Talk) -> None:
    """`*` belongs to OPTIONS, authority-form to CONNECT, and a reverse proxy opens no tunnel."""
    x = await talk.exchange()
    # 200: the proxy speaks for itself, as RFC 9110 §9.3.7 has it of `*`; Caddy does.
    up = await _arrives_or_refused(talk, "OPTIONS", "*", 200, 400, 404, 405, 501)
    assert up is None or up.head.target == b"*", "OPTIONS * became something else"
    for method, target in (("GET", "*"), ("GET", x.path[1:]), ("CONNECT", "evil.test:1")):
        up = await _arrives_or_refused(talk, method, target, 400, 404, 405, 501)
        assert up is None, f"{method} {target} was forwarded as {up.head.raw[:80]!r}"


@case("TGT-12", requirement="RFC 9112 §3", anchor="httptools #142: lengths in 16 bits")
async def long_target(talk: Talk) -> None:
    """A target of 64 KiB goes through whole or is refused in so many words; it is never cut to another."""
    x = await talk.exchange()
    for target in (f"{x.path}/{'a' * 65536}", f"{x.path}?{'a' * 65536}", f"{x.path}/{'a' * 65536}?q=1"):
        up = await _arrives_or_refused(talk, "GET", target, 400, 414, 431)
        assert up is None or up.head.target == target.encode(), f"{len(up.head.target)} bytes of it arrived"


@case(
    "TGT-13",
    level="P",
    requirement="promise: the base path comes first, and one slash between",
    anchor="Go SingleJoinSlash, JoinURLPath",
    settings="based",
    needs=("base",),
)
async def joined(talk: Talk) -> None:
    """The base path that is declared and the target are joined by one slash."""
    await _joined(talk, "/", "{}", "{}/", "{}?a=/b")


@case(
    "TGT-13-exact",
    level="S",
    requirement="RFC 9110 §7.7",
    anchor="Go JoinURLPath: escapes; nginx proxy_pass with a URI",
    settings="based",
    needs=("base",),
)
async def joined_exactly(talk: Talk) -> None:
    """Nothing else of the target changes: neither slashes, nor escapes, nor dots in the query."""
    await _joined(talk, "/{}", "{}//b", "{}/%2Fx", "{}/%c3%A9", "{}?a=/../b")


async def _joined(talk: Talk, *targets: str) -> None:
    for each in targets:
        x = await talk.exchange()
        target = each.replace("{}", x.path)
        seen, response = await x.trip("GET", target=target)
        ok(response)
        assert seen.target == (talk.manifest.base + target).encode(), f"{target!r} became {seen.target!r}"
