"""FWD: what the upstream is told about the client, and what it is not made to believe."""

from tests.contract.case import case
from tests.contract.expect import absent, ok, same
from tests.contract.talk import FRONT, Talk


@case("FWD-01", level="P", requirement="RFC 7239 §7.4; de facto X-Forwarded-*", anchor="Go TestXForwardedFor")
async def the_peer(talk: Talk) -> None:
    """The upstream learns the client's address, scheme and Host, as declared."""
    x = await talk.exchange()
    seen, response = await x.trip()
    ok(response)
    if talk.manifest.forwarded_for == "none":
        absent(seen, "X-Forwarded-For")
    else:
        same(seen, "X-Forwarded-For", "127.0.0.1")
        same(seen, "X-Forwarded-Proto", "http")
    if talk.manifest.forwarded_host:
        same(seen, "X-Forwarded-Host", FRONT)


@case("FWD-02", level="P", requirement="RFC 7239 §8.1", anchor="Go; Caddy trusted_proxies")
async def a_list_that_came(talk: Talk) -> None:
    """A list from a client is continued or replaced, as declared; either way it is one list in order."""
    x = await talk.exchange()
    seen, response = await x.trip("GET", "X-Forwarded-For: 1.1.1.1", "X-Forwarded-For: 2.2.2.2")
    ok(response)
    joined = b",".join(seen.all("X-Forwarded-For")).replace(b" ", b"")
    wanted = {
        "append": b"1.1.1.1,2.2.2.2,127.0.0.1",
        "replace": b"127.0.0.1",
        "none": b"1.1.1.1,2.2.2.2",
    }[talk.manifest.forwarded_for]
    assert joined == wanted, f"X-Forwarded-For is {seen.all('X-Forwarded-For')}"


@case(
    "FWD-03", level="P", requirement="RFC 7239 §8.1", anchor="Go RewriteStripsForwarded", needs=("replaces",)
)
async def forged(talk: Talk) -> None:
    """Forwarding fields of a client nobody trusts are gone whole: no forged half survives beside a true
    one.
    """
    x = await talk.exchange()
    seen, response = await x.trip(
        "GET",
        "Forwarded: for=6.6.6.6;host=forged.test",
        "X-Forwarded-For: 6.6.6.6",
        "x-forwarded-host: forged.test",
        "X-FORWARDED-PROTO: forged",
        "X-Real-IP: 6.6.6.6",
        # A CGI-like upstream reads `_` as `-`, and some read the draft of RFC 7239.
        "X_Forwarded_For: 6.6.6.6",
        "X-Forwarded: for=6.6.6.6",
        "X_Real_IP: 6.6.6.6",
    )
    ok(response)
    assert b"6.6.6.6" not in seen.raw, f"a forged address went through: {seen.raw!r}"
    assert b"forged" not in seen.raw, f"a forged field went through: {seen.raw!r}"


@case("FWD-05", level="S", requirement="RFC 9110 §7.6.3", anchor="Caddy", needs=("via",))
async def via(talk: Talk) -> None:
    """The proxy adds itself to Via, after those that came before it."""
    assert talk.manifest.via is not None
    x = await talk.exchange()
    seen, response = await x.trip("GET", "Via: 1.0 fred")
    ok(response)
    joined = b", ".join(seen.all("Via"))
    assert joined == b"1.0 fred, " + talk.manifest.via.encode(), f"Via is {seen.all('Via')}"
