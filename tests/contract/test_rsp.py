"""RSP: response heads and bodies as the client sees them."""

import gzip
import re

from shared.harness.origin.channel import WAIT_S, LateError, within
from shared.harness.origin.http1 import parse_response
from tests.contract.case import case
from tests.contract.expect import absent, noise, ok, same
from tests.contract.talk import Exchange, Talk

_DATE = "Tue, 15 Nov 1994 08:12:31 GMT"

# What a proxy or its server may add to a response of its own accord; anything else would be an invention.
_ITS_OWN = {"connection", "keep-alive", "content-length", "transfer-encoding", "date", "server", "via"}


@case("RSP-01", requirement="RFC 9110 §15", anchor="Go TestReverseProxy")
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
    """So do those that are known to be about the connection, where the upstream does not list them."""
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
    """Repeated fields keep their order."""
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


@case("RSP-15", requirement="RFC 9110 §15.4.5, §8.6", anchor="nginx-tests not_modified_proxy.t")
async def not_modified(talk: Talk) -> None:
    """A 304 that announces the length it would have had has no body, and the connection carries the next."""
    client = await talk.connect()
    for reply in (("Content-Length: 1234",), ()):
        x = await talk.exchange(client)
        seen, response = await x.trip(
            "GET", 'If-None-Match: "v"', status="304 Not Modified", reply=('ETag: "v"', *reply), content=None
        )
        same(seen, "If-None-Match", '"v"')
        ok(response, b"", 304)
        same(response.head, "ETag", '"v"')
    y = await talk.exchange(client)
    ok((await y.trip())[1])


@case("RSP-16", requirement="RFC 9110 §8.6; RFC 9112 §6.1", anchor="Go; h11")
async def no_content(talk: Talk) -> None:
    """A 204 has no body and no framing field, whatever the upstream announced."""
    client = await talk.connect()
    for method in ("GET", "DELETE"):
        for reply in ((), ("Content-Length: 0",)):
            x = await talk.exchange(client)
            _, response = await x.trip(method, status="204 No Content", reply=reply, content=None)
            ok(response, b"", 204)
            absent(response.head, "Content-Length", "Transfer-Encoding")
    y = await talk.exchange(client)
    ok((await y.trip())[1])


@case("RSP-17", requirement="RFC 9110 §9.3.2", anchor="HAProxy http_bodyless_response.vtc")
async def head(talk: Talk) -> None:
    """HEAD gets the head that GET would get, no body, and the connection carries the next."""
    client = await talk.connect()
    x = await talk.exchange(client)
    _, response = await x.trip("HEAD", reply=("Content-Length: 12345",), content=None)
    ok(response, b"")
    same(response.head, "Content-Length", "12345")
    y = await talk.exchange(client)
    _, response = await y.trip("HEAD", reply=("Transfer-Encoding: chunked",), content=None)
    ok(response, b"")
    z = await talk.exchange(client)
    ok((await z.trip())[1])


_CODED = (
    ("gzip", gzip.compress(b"text " * 2000, mtime=0)),
    ("gzip", gzip.compress(b"text " * 2000, mtime=0)[:50] + b"corrupt"),
    ("br", b"\x8b\x02\x80hello\x03"),
    ("zstd", b"(\xb5/\xfd no frame"),
    ("deflate", b"neither zlib nor raw"),
    ("x-foo", noise(100)),
)
_OFFER = "gzip, br, zstd"


@case(
    "RSP-18",
    requirement="RFC 9110 §7.7; RFC 9111 §5.2.2.6",
    anchor="litellm #25624; jupyter-server-proxy #288",
)
async def content_coding(talk: Talk) -> None:
    """Content that says no-transform is not transformed: a coded body is relayed coded, the same bytes with
    the same Content-Encoding.
    """
    for coding, body in _CODED:
        x = await talk.exchange()
        reply = (f"Content-Encoding: {coding}", "Cache-Control: no-transform")
        _, response = await x.trip("GET", f"Accept-Encoding: {_OFFER}", reply=reply, content=body)
        ok(response, body)
        same(response.head, "Content-Encoding", coding)


@case(
    "RSP-18-free",
    level="S",  # RFC 9110 §7.7: a proxy MAY transform it
    requirement="promise: content is bytes; RFC 9110 §7.7",
    anchor="litellm #25624; jupyter-server-proxy #288",
)
async def content_coding_free(talk: Talk) -> None:
    """Content that does not say so is relayed as it is too, with its length; the client's Accept-Encoding
    goes up.
    """
    for coding, body in _CODED:
        x = await talk.exchange()
        reply = (f"Content-Encoding: {coding}",)
        seen, response = await x.trip("GET", f"Accept-Encoding: {_OFFER}", reply=reply, content=body)
        same(seen, "Accept-Encoding", _OFFER)
        ok(response, body)
        same(response.head, "Content-Encoding", coding)
        same(response.head, "Content-Length", str(len(body)))


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


@case("RSP-20", requirement="RFC 9110 §14", anchor="RFC 9110 §15.3.7")
async def ranges(talk: Talk) -> None:
    """Ranges are between client and upstream: 206 with several parts and 416 go through as they are."""
    part = b"--b\r\nContent-Range: bytes %d-%d/9\r\n\r\n%c\r\n"
    parts = part % (0, 0, b"a") + part % (8, 8, b"i") + b"--b--\r\n"
    x = await talk.exchange()
    seen, response = await x.trip(
        "GET",
        "Range: bytes=0-0,8-8",
        'If-Range: "v"',
        status="206 Partial Content",
        reply=("Content-Type: multipart/byteranges; boundary=b",),
        content=parts,
    )
    same(seen, "Range", "bytes=0-0,8-8")
    same(seen, "If-Range", '"v"')
    ok(response, parts, 206)
    y = await talk.exchange()
    _, response = await y.trip(status="416 Range Not Satisfiable", reply=("Content-Range: bytes */9",))
    ok(response, status=416)
    same(response.head, "Content-Range", "bytes */9")


@case("RSP-21", requirement="RFC 9112 §6.3", anchor="RFC 9112 §6.3 item 8")
async def ended_by_close(talk: Talk) -> None:
    """A body that only the upstream's close ends arrives whole, from HTTP/1.1 and from HTTP/1.0."""
    body = noise(100_000)
    for version in ("HTTP/1.1", "HTTP/1.0"):
        x = await talk.exchange()
        await x.ask()
        up = await x.arrival()
        await up.send(f"{version} 200 OK\r\nContent-Type: text/plain\r\n\r\n", body)
        up.close()
        ok(await x.response(), body)


@case("RSP-21-empty", requirement="RFC 9112 §6.3", anchor="RFC 9112 §6.3 item 8")
async def empty_ended_by_close(talk: Talk) -> None:
    """An empty body that only the close ends is empty and whole."""
    x = await talk.exchange()
    await x.ask()
    up = await x.arrival()
    await up.send("HTTP/1.1 200 OK\r\nX-A: 1\r\n\r\n")
    up.close()
    ok(await x.response(), b"")


@case("RSP-22", requirement="RFC 9112 §6.1, §2.3", anchor="ab and old probes speak HTTP/1.0")
async def old_client(talk: Talk) -> None:
    """An HTTP/1.0 client gets no chunked body, though the upstream sends one; the upstream sees HTTP/1.1."""
    x = await talk.exchange()
    await x.ask(version="HTTP/1.0")
    up = await x.arrival()
    assert up.head.version == b"HTTP/1.1", f"the upstream sees {up.head.version!r}"
    await up.head_of("200 OK", "Transfer-Encoding: chunked")
    await up.chunk(b"hello")
    await up.chunk(b"")
    up.release()
    response = await x.response()
    absent(response.head, "Transfer-Encoding")
    ok(response, b"hello")


@case("RSP-22-length", requirement="RFC 9112 §2.3", anchor="ab and old probes speak HTTP/1.0")
async def old_client_length(talk: Talk) -> None:
    """An HTTP/1.0 client gets a body of known length with Content-Length, and the connection is closed
    after it.
    """
    x = await talk.exchange()
    await x.ask(version="HTTP/1.0")
    await (await x.arrival()).answer()
    response = await x.response()
    ok(response)
    absent(response.head, "Transfer-Encoding")
    try:
        await within(2, "the proxy to close", x.client.peer_closed())
    except LateError:
        raise AssertionError("the connection of an HTTP/1.0 client without keep-alive was kept") from None


@case("RSP-23", requirement="RFC 9112 §6.3, §7.1.2", anchor="RFC 9112 §6.3")
async def one_framing(talk: Talk) -> None:
    """Framing fields are the proxy's own: with trailers and odd spellings upstream, the client gets one
    framing.
    """
    for coding in ("chunked", "Chunked", " chunked\t"):
        x = await talk.exchange()
        await x.ask()
        up = await x.arrival()
        await up.head_of("200 OK", "Trailer: X-T", f"Transfer-Encoding:{coding}")
        await up.chunk(b"hello")
        await up.send("0\r\nX-T: 1\r\nContent-Length: 3\r\nSet-Cookie: t=1\r\n\r\n")
        up.release()
        response = await x.response()
        ok(response, b"hello")
        absent(response.head, "X-T", "Set-Cookie")


@case("RSP-24", requirement="RFC 9110 §6.4; RFC 9112 §9.3", anchor="HTTP Garden: a response in a response")
async def body_is_no_message(talk: Talk) -> None:
    """A body that looks like a response is a body; the next response on the connection is the next
    response.
    """
    client = await talk.connect()
    inner = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nSMUGGLED"
    for _ in range(3):
        x = await talk.exchange(client)
        _, response = await x.trip(content=inner)
        ok(response, inner)
