"""RSP: which response fields reach the client, and with which bytes."""

import re

from shared.harness.origin.channel import WAIT_S, within
from shared.harness.origin.http1 import parse_response
from tests.contract.case import case
from tests.contract.expect import absent, ok, same
from tests.contract.talk import Exchange, Talk

_DATE = "Tue, 15 Nov 1994 08:12:31 GMT"

# What a proxy or its server may add to a response of its own accord; anything else would be an invention.
_ITS_OWN = {"connection", "keep-alive", "content-length", "transfer-encoding", "date", "server", "via"}


# A minute: four hundred requests, each with a client of its own at 40 ms, are slow and not wrong.
@case("RSP-01", requirement="RFC 9110 §15", anchor="Go TestReverseProxy", deadline_s=60)
async def statuses(talk: Talk) -> None:
    """Every status from 200 to 599 goes through, registered or not, and the connection carries them all."""
    client = await talk.connect()
    bodiless = (204, 205, 304)  # RSP-15, RSP-16, RSP-27
    for status in (status for status in range(200, 600) if status not in bodiless):
        x = await talk.exchange(client)
        _, response = await x.trip(status=f"{status} Some Reason")
        ok(response, status=status)


@case("RSP-03", requirement="RFC 9110 §7.6.1", anchor="Go; GoConn")
async def hop_by_hop(talk: Talk) -> None:
    """The upstream's Connection, and the fields that it lists, end at the proxy; others go on."""
    x = await talk.exchange()
    _, response = await x.trip(
        reply=(
            "Connection: keep-alive, X-Hop, x-other",
            "Keep-Alive: timeout=77",
            "X-Hop: 1",
            "X-Other: 2",
            "X-Kept: 3",
        )
    )
    ok(response)
    absent(response.head, "X-Hop", "X-Other")
    assert b"timeout=77" not in response.head.raw, "the upstream's Keep-Alive went through"
    for value in response.all("Connection"):
        assert value.lower() in (b"close", b"keep-alive"), f"Connection is {value!r}"
    same(response.head, "X-Kept", "3")


@case("RSP-03-unlisted", level="S", requirement="RFC 9110 §7.6.1", anchor="Go hopHeaders")
async def hop_by_hop_unlisted(talk: Talk) -> None:
    """Response fields that are known to be about the connection, Keep-Alive and Upgrade among them, end at
    the proxy where the upstream does not list them, too.
    """
    x = await talk.exchange()
    _, response = await x.trip(
        reply=("Keep-Alive: timeout=77", "Proxy-Connection: keep-alive", "TE: trailers", "Upgrade: foo/2")
    )
    ok(response)
    absent(response.head, "Proxy-Connection", "TE", "Upgrade")
    assert b"timeout=77" not in response.head.raw, "the upstream's Keep-Alive went through"


@case(
    "RSP-04",
    requirement="RFC 6265 §3; RFC 9110 §5.3",
    anchor="backend.ai #13193; OpenSandbox #1858; ray #16647",
)
async def set_cookie(talk: Talk) -> None:
    """Set-Cookie lines stay lines: three of them, in order, also with a comma in a date."""
    cookies = ("a=1; Path=/", f"b=2; Expires={_DATE}; HttpOnly", "a=3; Path=/x; Secure")
    x = await talk.exchange()
    _, response = await x.trip(reply=[f"Set-Cookie: {cookie}" for cookie in cookies])
    ok(response)
    same(response.head, "Set-Cookie", *cookies)


@case("RSP-05", requirement="RFC 9110 §5.3", anchor="RFC 9110 §5.3")
async def repeated_fields(talk: Talk) -> None:
    """Repeated response fields keep their order."""
    fields = {
        "Link": ("</a>; rel=preload", "</b>; rel=next"),
        "Vary": ("Accept", "Origin"),
        "WWW-Authenticate": ('Basic realm="x"', 'Digest realm="y", qop="auth, auth-int"'),
    }
    lines = [f"{name}: {value}" for n in range(2) for name, value in ((k, v[n]) for k, v in fields.items())]
    x = await talk.exchange()
    _, response = await x.trip(status="401 Unauthorized", reply=lines)
    ok(response, status=401)
    for name, values in fields.items():
        joined = b", ".join(response.all(name))
        assert joined == ", ".join(values).encode(), f"{name} is {response.all(name)}"


@case("RSP-06", level="S", requirement="RFC 9110 §7.7", anchor="nginx proxy_pass_header: it tells its own")
async def date_and_server(talk: Talk) -> None:
    """The upstream's Date and Server go through: they say when and where the response was made."""
    x = await talk.exchange()
    _, response = await x.trip(reply=(f"Date: {_DATE}", "Server: upstream/1.0"))
    ok(response)
    same(response.head, "Date", _DATE)
    same(response.head, "Server", "upstream/1.0")


@case("RSP-06-once", requirement="RFC 9110 §5.3", anchor="OpenSandbox #1470; vllm production-stack #998")
async def one_date_one_server(talk: Talk) -> None:
    """A response has one Date and one Server, whoever's: neither is a list."""
    x = await talk.exchange()
    _, response = await x.trip(reply=(f"Date: {_DATE}", "Server: upstream/1.0"))
    ok(response)
    for name in ("Date", "Server"):
        assert len(response.all(name)) <= 1, f"{name} is {response.all(name)}"


@case("RSP-07", requirement="RFC 9110 §6.6.1", anchor="RFC 9110 §6.6.1 MUST")
async def date_added(talk: Talk) -> None:
    """A response without a Date gets one."""
    x = await talk.exchange()
    _, response = await x.trip()
    ok(response)
    date = response.one("Date")
    assert date is not None, "no Date"
    assert len(date) == len(_DATE), f"Date is {date!r}"
    assert date.endswith(b" GMT"), f"Date is {date!r}"


@case(
    "RSP-08",
    level="S",  # no RFC forbids it; of Content-Type §8.3 says who may guess, and that it is the recipient
    requirement="promise: nobody is made to say what they did not; RFC 9110 §8.3",
    anchor="Litestar ASGIResponse; Go: no sniffing in a proxy",
)
async def nothing_invented(talk: Talk) -> None:
    """What the upstream did not say, the client does not hear: no Content-Type, no Cache-Control, ..."""
    for content in (b"{}", b"<html></html>", b""):
        x = await talk.exchange()
        _, response = await x.trip(content=content)
        ok(response, content)
        invented = set(response.head.names()) - _ITS_OWN
        assert not invented, f"invented: {sorted(invented)}"


@case("RSP-09", requirement="RFC 9110 §5.5", anchor="YARP EmptyResponseHeader, latin-1")
async def odd_values(talk: Talk) -> None:
    """Bytes above 0x7F and empty values go through as they are."""
    x = await talk.exchange()
    _, response = await x.trip(
        reply=(b"X-Latin: caf\xe9", b"X-Utf8: \xe2\x82\xac", b"X-Any: \x80\xff", "X-Empty:", "X-Tab: a\tb")
    )
    ok(response)
    same(response.head, "X-Latin", b"caf\xe9")
    same(response.head, "X-Utf8", b"\xe2\x82\xac")
    same(response.head, "X-Any", b"\x80\xff")
    same(response.head, "X-Empty", "")
    same(response.head, "X-Tab", "a\tb")


@case("RSP-10", requirement="RFC 9110 §5.5", anchor="fastify-http-proxy #472")
async def cr_and_nul(talk: Talk) -> None:
    """CR or NUL in a value is answered 502, or replaced by a space; it never splits or silences."""
    for bad in (b"a\rb", b"a\0b", b"a\rX-Injected: 1"):
        response = await (await _answering(talk, bad)).response()
        assert response.status in (200, 502), f"{bad!r}: status {response.status}"
        assert response.complete, f"{bad!r}: the response was cut"
        absent(response.head, "X-Injected")
        if response.status == 200:  # the strict parse has found neither
            ok(response)


@case("RSP-10-ctl", requirement="RFC 9110 §5.5", anchor="fastify-http-proxy #472")
async def control_characters(talk: Talk) -> None:
    """Any other control character is answered 502, or replaced, or kept as it is; it never silences."""
    for bad in (b"a\x01b", b"a\x0bb", b"a\x7fb"):  # recipients MAY retain them: nginx and HAProxy do
        x = await _answering(talk, bad)
        raw = await within(WAIT_S, "a response head", x.client.reader.head())
        head = parse_response(re.sub(rb"(?<=a)[\x01\x0b\x7f](?=b)", b" ", raw))
        assert head.status in (200, 502), f"{bad!r}: status {head.status}"
        if head.status == 200:
            same(head, "X-Bad", "a b")


async def _answering(talk: Talk, value: bytes) -> Exchange:
    """An exchange that the upstream has answered with that value in its head."""
    x = await talk.exchange()
    await x.ask()
    up = await x.arrival()
    await up.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Bad: ", value, "\r\n\r\nok")
    up.release()
    return x


@case("RSP-13", requirement="RFC 9110 §15.4", anchor="httpx follow_redirects; InvalidURL is no HTTPError")
async def redirects(talk: Talk) -> None:
    """Redirects are the client's to follow: relayed as they are, one request each, also when no URL is in
    them.
    """
    assert talk.elsewhere is not None
    elsewhere = f"http://127.0.0.1:{talk.elsewhere.port}/x"
    for method in ("GET", "POST"):
        for status in (301, 302, 303, 307, 308):
            for location in ("/relative?a=b", "../up", elsewhere, "http://[bad", "//x:99999/", "\u00e9"):
                x = await talk.exchange()
                body = b"content" if method == "POST" else None
                _, response = await x.trip(
                    method, body=body, status=f"{status} Moved", reply=(f"Location: {location}",)
                )
                ok(response, status=status)
                same(response.head, "Location", location)


# S: §7.7 says SHOULD NOT, and allows what privacy or security makes necessary.
@case("RSP-19", level="S", requirement="RFC 9110 §7.7", anchor="Caddy drops Alt-Svc")
async def metadata(talk: Talk) -> None:
    """Validators, freshness and the rest that is said of the representation go through as they are."""
    fields = {
        "ETag": 'W/"weak"',
        "Last-Modified": _DATE,
        "Vary": "*",
        "Cache-Control": 'private="set-cookie", max-age=0',
        "Age": "10",
        "Expires": "0",
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Language": "de",
        "Content-Disposition": "attachment; filename*=UTF-8''%e2%82%ac.txt",
        "Access-Control-Allow-Origin": "*",
        "Strict-Transport-Security": "max-age=1",
    }
    x = await talk.exchange()
    _, response = await x.trip(reply=[f"{name}: {value}" for name, value in fields.items()])
    ok(response)
    for name, value in fields.items():
        same(response.head, name, value)
