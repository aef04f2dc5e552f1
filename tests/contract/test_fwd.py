"""FWD: what the upstream is told about the client, and what it is not made to believe."""

import re

from shared.harness.origin.scripted import Arrival
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
        same(seen, "X-Forwarded-For", talk.manifest.peer)
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
    peer = talk.manifest.peer.encode()
    wanted = {
        "append": b"1.1.1.1,2.2.2.2," + peer,
        "replace": peer,
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


_VIA = r"(HTTP/)?1\.[01] [^ ,]+( \(.*\))?"  # received-protocol, received-by, comment: RFC 9110 §7.6.3


# S although §7.6.3 says MUST of a gateway: no upstream reads a request otherwise without it, and of the
# references none adds it unless told. What Via is for, that loops end, is FWD-06.
@case("FWD-05", level="S", requirement="RFC 9110 §7.6.3", anchor="Caddy")
async def via(talk: Talk) -> None:
    """The proxy adds itself to Via, after those that came before it, by the name that is declared."""
    itself = talk.manifest.via or _VIA
    x = await talk.exchange()
    seen, response = await x.trip("GET", "Via: 1.0 fred", "Via: 1.1 p.test:8080 (a comment, of its own)")
    ok(response)
    members = "1.0 fred, 1.1 p.test:8080 (a comment, of its own), "
    joined = b", ".join(seen.all("Via")).decode("latin-1")
    assert joined.startswith(members), f"Via is {seen.all('Via')}"
    assert re.fullmatch(itself, joined.removeprefix(members)), f"Via is {seen.all('Via')}"


_HOPS = 20  # a loop that is longer has no bound that anybody would notice in time


# S although §7.6 says MUST NOT: a gateway comes to itself only by its operator's mistake, and none of the
# references looks for that.
@case(
    "FWD-06",
    level="S",
    requirement="RFC 9110 §7.6, §7.6.3; RFC 9209 §2.3.32",
    anchor="Apache Traffic Server proxy.config.http.max_proxy_cycles; Squid's forwarding loop",
)
async def loop(talk: Talk) -> None:
    """A request that the upstream sends to the proxy again is refused after a bounded number of rounds, and
    every round before it ends.
    """
    x = await talk.exchange()
    await x.ask("POST", "Connection: close, Via", "Via: 1.1 x (never closed", body=b"round and round")
    waiting = []
    while isinstance(up := await x.reaches(), Arrival):
        waiting.append((x.client, up))
        assert len(waiting) < _HOPS, f"{_HOPS} rounds and no end"
        content = await up.content()
        x.client = await talk.connect()
        x.asked += 1
        await x.client.send(up.head.raw, content)  # as a hop would that knows no Via of its own
    assert 400 <= up.status <= 599, f"the loop ended in {up.status}"
    assert up.complete, "the refusal was cut"
    if talk.manifest.failures == "tandem":
        assert up.status == 502, f"status {up.status}, not 502"
        assert b"error=proxy_loop_detected" in (up.one("Proxy-Status") or b""), f"head is {up.head.raw!r}"
    talk.note("rounds", len(waiting))
    for client, arrival in reversed(waiting):
        await arrival.answer(f"{up.status} Loop", body=up.content)
        ok(await client.response("POST"), up.content, up.status)


@case(
    "FWD-06-chain", requirement="RFC 9110 §7.6.3", anchor="two proxies of one make in a row", needs=("via",)
)
async def chain(talk: Talk) -> None:
    """Another proxy of the same make before this one is no loop, nor is a comment that tells its name."""
    x = await talk.exchange()
    seen, response = await x.trip()
    ok(response)
    protocol, _, name = (seen.one("Via") or b"").partition(b" ")
    for line in (b"1.1 another-" + name, b"1.1 fred (went through " + name + b")", protocol + b" fred"):
        y = await talk.exchange()
        _, response = await y.trip("GET", b"Via: " + line)
        ok(response)
