"""RSP: bodies as they were sent, and none where there is none."""

import gzip

from shared.harness.origin.channel import LateError, within
from tests.contract.case import case
from tests.contract.expect import absent, ok, same
from tests.contract.moves import POISON, noise
from tests.contract.talk import Talk


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
    inner = POISON.encode()
    for _ in range(3):
        x = await talk.exchange(client)
        _, response = await x.trip(content=inner)
        ok(response, inner)
