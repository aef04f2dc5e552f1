"""RSP: response heads that are odd, slow, many-lined or without end, and what they say of the connection."""

import asyncio
import contextlib

from shared.harness.origin.channel import LateError, within
from shared.harness.origin.scripted import Arrival
from tests.contract.case import case
from tests.contract.expect import absent, closed_for_good, gateway_failure, ok, same
from tests.contract.talk import Exchange, Talk, together
from tests.contract.wire import Response


async def _raw(talk: Talk, *pieces: str | bytes, client: Exchange | None = None) -> Response:
    """The client's response when the upstream answers a GET with these bytes."""
    x = await talk.exchange(client.client if client else None)
    await x.ask()
    up = await x.arrival()
    await up.send(*pieces)
    up.release()
    return await x.response()


@case("RSP-02", level="O", requirement="RFC 9112 §4", anchor="nginx proxies the reason; ASGI has none")
async def reasons(talk: Talk) -> None:
    """Told: what becomes of a reason phrase, of an empty one, and of a status that no class is for."""
    for line in ("200 Fine", "200 ", "299 Caf\u00e9", "999 Beyond"):
        response = await _raw(talk, f"HTTP/1.1 {line}\r\nContent-Length: 2\r\n\r\nok")
        seen = f"{response.status} {response.head.reason.decode('latin-1')}"
        talk.note(f"'{line}'", "as it is" if seen == line else f"becomes '{seen}'")


@case("RSP-25", requirement="RFC 9112 §6.1, §6.3 item 1", anchor="Go TestNoBodyOnChunked304Response")
async def not_modified_chunked(talk: Talk) -> None:
    """A 304 that says how its body would have been framed has none; both connections carry the next."""
    client = await talk.connect()
    for framing in ("Transfer-Encoding: chunked", "Content-Length: 10", "Content-Length: 0"):
        for method in ("GET", "HEAD"):
            x = await talk.exchange(client)
            await x.ask(method)
            up = await x.arrival()
            await up.head_of("304 Not Modified", framing, 'ETag: "v"')
            up.release()
            response = await x.response()
            ok(response, b"", 304)
            same(response.head, "ETag", '"v"')
    y = await talk.exchange(client)
    ok((await y.trip())[1])


@case("RSP-26", requirement="RFC 9110 §9.3.2", anchor="Go TestTransportHeadResponses")
async def head_of_anything(talk: Talk) -> None:
    """The answer to HEAD has no body whatever its status and framing say, and keeps the length it tells."""
    client = await talk.connect()
    for status in ("200 OK", "404 Not Found", "500 Internal Server Error", "206 Partial Content"):
        for framing in (
            "Content-Length: 12345",
            "Content-Length: 0",
            "Transfer-Encoding: chunked",
            "X-None: 1",
        ):
            x = await talk.exchange(client)
            _, response = await x.trip("HEAD", status=status, reply=(framing,), content=None)
            ok(response, b"", int(status.split()[0]))
            name, _, value = framing.partition(": ")
            if name == "Content-Length":
                assert response.all(name) in ([], [value.encode()]), f"{name} is {response.all(name)}"
    y = await talk.exchange(client)
    ok((await y.trip())[1])


@case("RSP-27", requirement="RFC 9110 §15.3.6", anchor="RFC 9110 §15.3.6: no content in a 205")
async def reset_content(talk: Talk) -> None:
    """A 205 goes through, framed as empty, and the connection carries the next."""
    client = await talk.connect()
    x = await talk.exchange(client)
    _, response = await x.trip("POST", body=b"form", status="205 Reset Content", content=b"")
    ok(response, b"", 205)
    y = await talk.exchange(client)
    await y.ask("POST", body=b"form")
    up = await y.arrival()
    await up.content()
    await up.send("HTTP/1.1 205 Reset Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
    up.release()
    ok(await y.response(), b"", 205)
    z = await talk.exchange(client)
    ok((await z.trip())[1])


@case("RSP-28", requirement="RFC 9112 §2.2", anchor="TCP keeps no boundaries; nginx proxy.t")
async def byte_by_byte(talk: Talk) -> None:
    """A response that comes byte by byte is the same response."""
    wire = b"HTTP/1.1 201 Created\r\nX-A: one\r\nX-A: two\r\nTransfer-Encoding: chunked\r\n\r\n"
    wire += b"5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n"
    x = await talk.exchange()
    await x.ask()
    up = await x.arrival()
    for byte in wire:
        await up.send(bytes([byte]))
        await asyncio.sleep(0.001)  # apart for the kernel too
    up.release()
    response = await x.response()
    ok(response, b"hello!", 201)
    assert b", ".join(response.all("X-A")) == b"one, two"


@case(
    "RSP-29",
    requirement="RFC 9110 §5.4",
    anchor="nginx proxy_buffer_size; Go TestTransportResponseHeaderLength",
)
async def many_fields(talk: Talk) -> None:
    """A thousand fields go through whole, or are refused with 502: none is lost on the way."""
    for count in (100, 1000):
        fields = [f"X-{n}: {n}" for n in range(count)]
        response = await _raw(talk, "\r\n".join(["HTTP/1.1 200 OK", "Content-Length: 2", *fields, "", "ok"]))
        if response.status != 200:
            gateway_failure(response, 502)
            continue
        ok(response)
        # In whatever order: that of fields with other names means nothing (RFC 9110 §5.3), and Go sorts them.
        seen = [(name.lower(), value) for name, value in response.head.fields if name[:2].lower() == b"x-"]
        assert sorted(seen) == sorted((f"x-{n}".encode(), b"%d" % n) for n in range(count)), (
            "fields were lost"
        )


@case("RSP-29-line", level="S", requirement="RFC 9110 §5.4", anchor="cookies, tokens and policies of 3 KiB")
async def long_fields(talk: Talk) -> None:
    """A head of 3 KiB in one field is nothing unusual: it goes through."""
    value = "x" * 3000
    response = await _raw(talk, f"HTTP/1.1 200 OK\r\nX-Long: {value}\r\nContent-Length: 2\r\n\r\nok")
    ok(response)
    same(response.head, "X-Long", value)


@case(
    "RSP-30",
    requirement="RFC 9209 §2.3 http_response_header_section_size: 502",
    anchor="Go MaxResponseHeaderBytes",
)
async def head_without_end(talk: Talk) -> None:
    """A head that does not end is 502 while nobody has kept much of it: in lines, in one line, in the status
    line.
    """
    memory = talk.memory()
    for begin, more in (
        ("HTTP/1.1 200 OK\r\n", b"X-More: " + b"x" * 1000 + b"\r\n"),
        ("HTTP/1.1 200 OK\r\nX-More: ", b"x" * 1000),
        ("HTTP/1.1 200 ", b"x" * 1000),
    ):
        x = await talk.exchange()
        await x.ask()
        up = await x.arrival()

        async def origin(up: Arrival = up, begin: str = begin, more: bytes = more) -> None:
            with contextlib.suppress(ConnectionError):
                await up.send(begin)
                for _ in range(64):
                    await up.send(more * 1050)  # 1 MiB
                    memory.look()
            up.close()

        await together(origin(), x.response(15))
        gateway_failure(x.responses[0], 502)
    memory.grown_less_than(40)


@case("RSP-31", level="S", requirement="RFC 9112 §4", anchor="Go TestReadResponse: no reason, no space")
async def no_reason(talk: Talk) -> None:
    """A status line that ends after the status, without the space it should have, is understood."""
    ok(await _raw(talk, "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok"))


@case(
    "RSP-32",
    requirement="RFC 9112 §9.6",
    anchor="Go TestTransportConnectionCloseOnRequest; HAProxy httpclose.vtc",
)
async def client_says_close(talk: Talk) -> None:
    """A client's `Connection: close` is answered, then obeyed; it is about its own connection, not about the
    upstream's.
    """
    for options in ("close", "Close", "keep-alive, close"):
        x = await talk.exchange()
        seen, response = await x.trip("GET", f"Connection: {options}")
        ok(response)
        assert b"close" in b",".join(response.all("Connection")).lower(), "the close was not confirmed"
        await closed_for_good(x.client)
        if talk.manifest.offers("keepalive"):
            absent(seen, "Close")
            assert b"close" not in b",".join(seen.all("Connection")).lower(), "close was passed on"
    if talk.manifest.offers("keepalive"):
        assert talk.accepted <= 1, f"{talk.accepted} upstream connections for three requests in a row"


@case("RSP-33", requirement="RFC 9112 §9.3", anchor="ab -k; nginx http_keepalive.t")
async def old_keep_alive(talk: Talk) -> None:
    """An HTTP/1.0 client that asks for keep-alive is told, and is told the truth: the connection carries the
    next request, or is closed.
    """
    x = await talk.exchange()
    await x.ask("GET", "Connection: keep-alive", version="HTTP/1.0")
    await (await x.arrival()).answer()
    response = await x.response()
    ok(response)
    kept = b"keep-alive" in b",".join(response.all("Connection")).lower()
    talk.note("kept", kept)
    if not kept:
        try:
            await within(2, "the proxy to close", x.client.peer_closed())
        except LateError:
            raise AssertionError("neither kept by Connection: keep-alive nor closed") from None
        return
    y = await talk.exchange(x.client)
    await y.ask("GET", "Connection: keep-alive", version="HTTP/1.0")
    await (await y.arrival()).answer()
    ok(await y.response())


@case("RSP-34", requirement="RFC 9112 §9.3", anchor="Go TestTransportHTTP10; nginx upstreams speak 1.0")
async def old_upstream(talk: Talk) -> None:
    """An HTTP/1.0 upstream is understood: framed by length or by the close, and its connection is used again
    only when it has said keep-alive.
    """
    for fields, keeps in (
        ("Content-Length: 2\r\n", False),
        ("Content-Length: 2\r\nConnection: keep-alive\r\n", True),
    ):
        x = await talk.exchange()
        await x.ask()
        up = await x.arrival()
        await up.send(f"HTTP/1.0 200 OK\r\n{fields}\r\nok")
        up.release()
        ok(await x.response())
        y = await talk.exchange()
        await y.ask()
        other = await y.arrival()
        assert keeps or other.connection.number != up.connection.number, (
            "an HTTP/1.0 connection was used again"
        )
        await other.answer()
        ok(await y.response())


@case(
    "RSP-35", requirement="RFC 9110 §8.6; RFC 9112 §6.3", anchor="Go TestTransportReuseConnEmptyResponseBody"
)
async def empty(talk: Talk) -> None:
    """An empty 200 is empty however it is framed, and both connections carry the next."""
    client = await talk.connect()
    for rest in ("Content-Length: 0\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"):
        x = await talk.exchange(client)
        await x.ask()
        up = await x.arrival()
        await up.send("HTTP/1.1 200 OK\r\n", rest)
        up.release()
        ok(await x.response(), b"")
    y = await talk.exchange(client)
    ok((await y.trip())[1])
    if talk.manifest.offers("keepalive"):
        assert talk.accepted <= 1, f"{talk.accepted} upstream connections for three requests in a row"


@case("RSP-36", requirement="RFC 9112 §9.3, §9.6", anchor="an answer with Connection: close is about one hop")
async def upstream_says_close(talk: Talk) -> None:
    """An upstream's `Connection: close` is about its own connection: the client's carries the next request,
    or is told that it does not.
    """
    client = await talk.connect()
    x = await talk.exchange(client)
    await x.ask()
    up = await x.arrival()
    await up.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")
    up.close()
    response = await x.response()
    ok(response)
    if b"close" in b",".join(response.all("Connection")).lower():
        await closed_for_good(client)
        return
    y = await talk.exchange(client)
    ok((await y.trip())[1])
