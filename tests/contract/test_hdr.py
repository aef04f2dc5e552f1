"""HDR: which request header fields reach the upstream, and with which bytes."""

import re

from tests.contract.case import case
from tests.contract.expect import absent, ok, same
from tests.contract.talk import FRONT, Talk

# What a proxy may add to a request of its own accord; anything else would be an invention.
_ITS_OWN = {
    "host",
    "connection",
    "via",
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
}


@case("HDR-01", requirement="RFC 9110 §7.6.1", anchor="Go TestReverseProxy; YARP RequestUtilities")
async def hop_by_hop(talk: Talk) -> None:
    """Connection itself, and the fields about the connection to the proxy that it lists, end at the proxy."""
    x = await talk.exchange()
    seen, response = await x.trip(
        "GET",
        "Connection: keep-alive, Proxy-Connection, TE",
        *("Keep-Alive: timeout=5", "Proxy-Connection: x", "TE: gzip"),
    )
    ok(response)
    absent(seen, "Keep-Alive", "Proxy-Connection", "TE")
    # A Connection field of the proxy's own is its own business.
    for value in seen.all("Connection"):
        assert value.lower() in (b"close", b"keep-alive"), f"Connection is {value!r}"


@case("HDR-01-unlisted", level="S", requirement="RFC 9110 §7.6.1", anchor="Go hopHeaders; nginx, HAProxy")
async def hop_by_hop_unlisted(talk: Talk) -> None:
    """Keep-Alive, Proxy-Connection and TE, known to be about the connection, end at the proxy where no
    Connection lists them, too.
    """
    x = await talk.exchange()
    seen, response = await x.trip("GET", "Keep-Alive: timeout=5", "Proxy-Connection: x", "TE: gzip")
    ok(response)
    absent(seen, "Keep-Alive", "Proxy-Connection", "TE")


@case(
    "HDR-02",
    requirement="RFC 9110 §7.6.1",
    anchor="Go StripHeadersPresentInConnection; Caddy hopheaders_test",
)
async def connection_listed(talk: Talk) -> None:
    """Fields that Connection lists, on any of its lines and in any case, end at the proxy."""
    x = await talk.exchange()
    seen, response = await x.trip(
        "GET", "Connection: X-A, x-b", "X-A: 1", "X-B: 2", "Connection:  X-C", "X-C: 3", "X-D: 4"
    )
    ok(response)
    absent(seen, "X-A", "X-B", "X-C")
    same(seen, "X-D", "4")


@case("HDR-03", requirement="RFC 9110 §7.6.1, §5.6.1.2", anchor="Go StripEmptyConnection (46313)")
async def empty_connection(talk: Talk) -> None:
    """A Connection field that lists nothing takes nothing away."""
    for value in ("", " ", ",,", " , ,"):
        x = await talk.exchange()
        seen, response = await x.trip("GET", f"Connection:{value}", "X-Kept: 1")
        ok(response)
        same(seen, "X-Kept", "1")
        assert seen.method == b"GET"


@case("HDR-04", requirement="RFC 9110 §7.6.1", anchor="Go: stripping happens before X-Forwarded-For is added")
async def connection_lists_forwarding(talk: Talk) -> None:
    """A client that lists the proxy's own fields in Connection removes its own, not the proxy's."""
    x = await talk.exchange()
    seen, response = await x.trip(
        "GET",
        "Connection: close, X-Forwarded-For, Via",
        "X-Forwarded-For: 6.6.6.6",
        "Via: 1.1 forged",
    )
    ok(response)
    everything = seen.raw
    assert b"6.6.6.6" not in everything, f"a forged address went through: {seen.all('X-Forwarded-For')}"
    assert b"forged" not in everything, f"a forged Via went through: {seen.all('Via')}"
    if talk.manifest.forwarded_for != "none":
        same(seen, "X-Forwarded-For", talk.manifest.peer)
    if talk.manifest.via is not None:
        added = b", ".join(seen.all("Via")).decode("latin-1")
        assert re.fullmatch(talk.manifest.via, added), f"Via is {added!r}"


@case("HDR-06", level="S", requirement="RFC 9110 §10.1.4", anchor="HAProxy http_transfer_encoding.vtc")
async def te(talk: Talk) -> None:
    """TE is gone, or says `trailers` and nothing else."""
    x = await talk.exchange()
    seen, response = await x.trip("GET", "TE: gzip, trailers;q=1", "Connection: TE")
    ok(response)
    assert seen.all("TE") in ([], [b"trailers"]), f"TE is {seen.all('TE')}"


@case(
    "HDR-07",
    level="P",
    requirement="RFC 9110 §11.7.2",
    anchor="Go hopHeaders",
    needs=("proxy_authorization",),
)
async def proxy_authorization(talk: Talk) -> None:
    """Credentials for a proxy end here or go on to the next one, as declared."""
    x = await talk.exchange()
    seen, response = await x.trip("GET", "Proxy-Authorization: Basic eDp5")
    ok(response)
    if talk.manifest.proxy_authorization == "drop":
        absent(seen, "Proxy-Authorization")
    else:
        same(seen, "Proxy-Authorization", "Basic eDp5")


@case("HDR-08", requirement="RFC 9110 §5.1, §11.6, §13.2.1; RFC 9218", anchor="RFC 9110 §5.1")
async def end_to_end(talk: Talk) -> None:
    """Everything else goes through with the same bytes, known or unknown."""
    fields = {
        "X-Foo": 'a "quoted, string"; b=\\c',
        "Priority": "u=1,i",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "Authorization": "Bearer a.b.c==",
        "Range": "bytes=0-99,200-",
        "If-None-Match": '"x", W/"y"',
        "If-Modified-Since": "Sat, 29 Oct 1994 19:43:31 GMT",
        "Last-Event-ID": "42",
        "Cookie": "a=1; b=2",
        "Accept-Language": "de, en;q=0.5",
        "Referer": f"http://{FRONT}/?a=b",
    }
    x = await talk.exchange()
    seen, response = await x.trip("GET", *(f"{name}: {value}" for name, value in fields.items()))
    ok(response)
    for name, value in fields.items():
        same(seen, name, value)


@case("HDR-09", requirement="RFC 9110 §5.3", anchor="YARP MultiHeaders")
async def repeated_fields(talk: Talk) -> None:
    """Request field lines of one name keep their order."""
    x = await talk.exchange()
    seen, response = await x.trip("GET", "X-M: a", "X-N: z", "X-M: b", "X-M: c")
    ok(response)
    joined = b",".join(seen.all("X-M")).replace(b" ", b"")
    assert joined == b"a,b,c", f"X-M is {seen.all('X-M')}"
    same(seen, "X-N", "z")


@case("HDR-11", requirement="RFC 9110 §5.5", anchor="YARP latin-1 and utf-8 tests")
async def obs_text(talk: Talk) -> None:
    """Bytes above 0x7F in a value go through as they are, whatever encoding they were meant in."""
    x = await talk.exchange()
    seen, response = await x.trip(
        "GET", b"X-Latin: caf\xe9", b"X-Utf8: \xc3\xa9\xe2\x82\xac", b"X-Any: \x80\xff"
    )
    ok(response)
    same(seen, "X-Latin", b"caf\xe9")
    same(seen, "X-Utf8", b"\xc3\xa9\xe2\x82\xac")
    same(seen, "X-Any", b"\x80\xff")


@case("HDR-12", requirement="RFC 9110 §5.5", anchor="YARP EmptyRequestHeader_Proxied")
async def empty_value(talk: Talk) -> None:
    """A request field without a value goes through as one: it is there, and empty."""
    x = await talk.exchange()
    seen, response = await x.trip("GET", "X-Empty:", "X-Blank:   ")
    ok(response)
    same(seen, "X-Empty", "")
    same(seen, "X-Blank", "")


# S: no RFC forbids a proxy to add fields, and some add X-Real-IP or an id on purpose.
@case(
    "HDR-13",
    level="S",
    requirement="promise: nobody is made to say what they did not",
    anchor="Go TestUserAgentHeader (15524); httpx adds four",
)
async def nothing_invented(talk: Talk) -> None:
    """What the client did not say, the upstream does not hear: no User-Agent, Accept, Accept-Encoding, ..."""
    x = await talk.exchange()
    seen, response = await x.trip("GET")
    ok(response)
    invented = set(seen.names()) - _ITS_OWN - {"case-token"}
    assert not invented, f"invented: {sorted(invented)}"


@case("HDR-14", level="P", requirement="RFC 9110 §7.2", anchor="Go TestSetURL; nginx $proxy_host")
async def host_policy(talk: Talk) -> None:
    """Host is the client's or the upstream's, as declared, and the client's is not lost."""
    x = await talk.exchange()
    await x.ask("GET", host="some-name:8443")
    up = await x.arrival()
    await up.answer()
    await x.response()
    if talk.manifest.host == "preserve":
        same(up.head, "Host", "some-name:8443")
        return
    same(up.head, "Host", talk.authority)
    if talk.manifest.forwarded_host:
        same(up.head, "X-Forwarded-Host", "some-name:8443")


@case(
    "HDR-16", level="S", requirement="RFC 9110 §5.4", anchor="nginx proxy buffers; Go DefaultMaxHeaderBytes"
)
async def many_and_large(talk: Talk) -> None:
    """A hundred lines and a value of 8 KiB go through."""
    x = await talk.exchange()
    seen, response = await x.trip("GET", *(f"X-{n}: {n}" for n in range(100)), f"X-Large: {'v' * 8192}")
    ok(response)
    for n in range(100):
        same(seen, f"X-{n}", str(n))
    same(seen, "X-Large", "v" * 8192)


@case(
    "HDR-16-over",
    level="P",
    requirement="RFC 6585 §5",
    anchor="nginx large_client_header_buffers",
    needs=("max_header",),
)
async def over_the_limit(talk: Talk) -> None:
    """A head beyond the declared size is refused by the proxy and the upstream hears nothing of it."""
    assert talk.manifest.max_header is not None
    x = await talk.exchange()
    await x.ask("GET", f"X-Large: {'v' * (talk.manifest.max_header + 10_000)}")
    response = await x.response()
    assert response.status in (400, 431), f"status {response.status}"
    assert x.expected.count == 0
