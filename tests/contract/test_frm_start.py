"""FRM: what comes before a request's fields or between requests, and the Host that every request has."""

import asyncio
import contextlib

from shared.harness.origin.channel import WAIT_S, within
from shared.harness.origin.http1 import IncompleteError
from shared.harness.origin.scripted import Arrival
from tests.contract.case import case
from tests.contract.expect import closed_for_good, ok, refused, refused_or
from tests.contract.moves import SMUGGLED, noise, pass_through
from tests.contract.talk import FRONT, Talk


@case("FRM-13", requirement="RFC 9112 §3.2", anchor="llhttp checks no count, h11 does")
async def no_host(talk: Talk) -> None:
    """No Host, or more than one, is 400, or hung up on."""
    for hosts in ((), ("one.test", "two.test"), (FRONT, FRONT), (FRONT, "")):
        x = await talk.exchange()
        await x.ask("GET", *[f"Host: {host}" for host in hosts], host=None)
        await refused(x, 400, told=f"Host: {hosts}", closed=False)


@case(
    "FRM-13-value", requirement="RFC 9112 §3.2", anchor="nginx http_host.t; HAProxy h1_host_normalization.vtc"
)
async def other_hosts(talk: Talk) -> None:
    """A Host that is no host and port is 400, or hung up on."""
    # nginx, HAProxy and Caddy each take some of these, and each other ones; the MUST stands.
    for host in (
        *("two words", "user@one.test", "one.test/path", "one.test?query", "one.test#fragment"),
        *("one.test\\two.test", "one.test:port", "one.test:80:80", "one.test:-80", "[::1", "::1"),
        *("http://one.test", '"one.test"', "<one.test>", "one.test^", "{one.test}", "one\ttest"),
    ):
        x = await talk.exchange()
        await x.ask("GET", host=host)
        await refused(x, 400, told=f"Host: {host}", closed=False)


@case(
    "FRM-13-list", level="O", requirement="RFC 9112 §3.2; RFC 3986 §3.2.2", anchor="two lines of Host, joined"
)
async def list_of_hosts(talk: Talk) -> None:
    """Two hosts with a comma between them: the grammar of a name allows it, so it may be taken for one."""
    x = await talk.exchange()
    await x.ask("GET", host="one.test,two.test")
    up = await x.reaches()
    if isinstance(up, Arrival):
        await up.answer()
        ok(await x.response())
    talk.note("a comma in Host", "forwarded" if isinstance(up, Arrival) else f"refused with {up.status}")


@case("FRM-14", requirement="RFC 9112 §6.1", anchor="nginx body_chunked.t: in HTTP/1.0 requests")
async def old_chunks(talk: Talk) -> None:
    """Chunked in an HTTP/1.0 request is faulty framing: 400, or the last request on its connection."""
    for alive in ("close", "keep-alive"):
        x = await talk.exchange()
        body = b"5\r\nhello\r\n0\r\n\r\n" + SMUGGLED
        fields = (f"Connection: {alive}", "Transfer-Encoding: chunked")
        await x.ask("POST", *fields, tail=body, version="HTTP/1.0")
        up = await x.reaches()
        if isinstance(up, Arrival):  # faulty: whichever way it is read, nothing behind it is a request
            assert await up.content() in (b"hello", b""), "another content"
            await up.answer()
            ok(await x.response())
            await x.client.peer_closed()
        else:
            assert up.status in (400, 501, 505), f"status {up.status}"
            await closed_for_good(x.client)


@case(
    "FRM-15", requirement="RFC 9112 §2.3, §3", anchor="llhttp invalid.md; HTTP Garden server bugs 5, 15, 24"
)
async def other_versions(talk: Talk) -> None:
    """A version that is none, or of a format that is not this one, is 400 or 505, or hung up on; it never
    goes upstream.
    """
    for version in (
        *("HTTP/0.9", "HTTP/2.0", "HTTP/3.0", "HTTP/9.9", "HTTP/1.1x", "HTTP/1.1.1", "HTTP/11", "HTTP/1"),
        *("http/1.1", "Http/1.1", "HTTP/1,1", "HTTP/1.", "HTTP/.1", "HTTP/-1.1", "HTTP/ 1.1"),
        *("HTTP/1.1\0", "HTTP/", "HTTP"),
    ):
        x = await talk.exchange()
        await x.ask(version=version)
        await refused(x, 400, 505, told=version, closed=False)


@case(
    "FRM-15-protocol", requirement="RFC 9112 §2.3, §3", anchor="llhttp invalid.md; it takes RTSP, for AirPlay"
)
async def other_protocols(talk: Talk) -> None:
    """Another protocol's name in the request line is 400 or 505, or hung up on: it does not speak HTTP."""
    for version in ("RTSP/1.0", "ICE/1.0", "ICY/1.1", "SIP/2.0", "HTTPS/1.1", "HTP/1.1"):
        x = await talk.exchange()
        await x.ask(version=version)
        await refused(x, 400, 505, told=version, closed=False)


@case("FRM-15-method", requirement="RFC 9110 §9.1; RFC 9112 §3.1", anchor="HTTP Garden server bug 6")
async def no_method(talk: Talk) -> None:
    """A method that is no token is 400, 405 or 501, or hung up on; it never goes upstream, nor does what it
    begins with.
    """
    for method in ("G(ET", 'GE"T', "GET:", "[GET]", "GET,POST", "G\xc9T", "G\x7fT", "GET/", "{GET}", "", "@"):
        x = await talk.exchange()
        await x.ask(method)
        await refused(x, 400, 405, 501, told=method, closed=False)


@case("FRM-15-digits", level="S", requirement="RFC 9112 §2.2, §2.3", anchor="HTTP Garden server bugs 5, 24")
async def versions_of_more_digits(talk: Talk) -> None:
    """A version of more than two digits is 400 or 505, or hung up on."""
    for version in ("HTTP/1.10", "HTTP/1.32", "HTTP/01.1", "HTTP/1.257", "HTTP/257.1", "HTTP/4294967297.1"):
        x = await talk.exchange()
        await x.ask(version=version)
        await refused(x, 400, 505, told=version, closed=False)


@case(
    "FRM-15-minor", level="S", requirement="RFC 9110 §2.5; RFC 9112 §2.3", anchor="HTTP Garden server bug 5"
)
async def later_minor_version(talk: Talk) -> None:
    """A minor version that is not known yet is served as the highest that is, or 400 or 505."""
    for version in ("HTTP/1.2", "HTTP/1.9"):
        x = await talk.exchange()
        await x.ask("POST", version=version, body=b"hello")
        await refused_or(x, b"hello", 400, 505, told=version)


@case("FRM-15-preface", requirement="RFC 9113 §3.4; RFC 9112 §2.3", anchor="h2 smuggling through h1 proxies")
async def preface_of_http2(talk: Talk) -> None:
    """The preface of HTTP/2 is answered in HTTP/2, or refused; it never goes upstream."""
    client = await talk.connect()
    await client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\0\0\0\x04\0\0\0\0\0")
    with contextlib.suppress(IncompleteError):
        first = await within(WAIT_S, "an answer to the preface", client.reader.some(16))
        settings = len(first) > 3 and first[3] == 4  # RFC 9113 §4.1: the type of a frame; SETTINGS come first
        assert settings or first.startswith((b"HTTP/1.1 4", b"HTTP/1.1 5")), f"{first!r}"


@case("FRM-15-spaces", requirement="RFC 9112 §3", anchor="HTTP Garden server bug 9")
async def spaces_in_the_request_line(talk: Talk) -> None:
    """White space in a request line other than its two spaces is 400, or skipped; it is never part of what
    goes upstream.
    """
    for line in (
        "GET  {} HTTP/1.1",
        "GET {}  HTTP/1.1",
        "GET {} HTTP/1.1 ",
        " GET {} HTTP/1.1",
        "GET\t{} HTTP/1.1",
        "GET {}\tHTTP/1.1",
        "GET {} HTTP/1.1\t",
        "GET\x0b{} HTTP/1.1",
        "GET {} /b HTTP/1.1",
        "GET {}\x0cHTTP/1.1",
        "GET {}\xa0HTTP/1.1",
    ):
        x = await talk.exchange()
        x.asked += 1
        await x.client.send(line.replace("{}", x.path), f"\r\nHost: {FRONT}\r\n{x.stamp}\r\n\r\n")
        up = await x.reaches()
        if isinstance(up, Arrival):
            path = up.head.target.partition(b"?")[0]  # TGT-05: an empty query may come and go
            assert path == x.path.encode(), f"{line!r}: {up.head.target!r}"
            await up.answer()
            ok(await x.response())
        else:
            assert up.status in (400, 505), f"{line!r}: status {up.status}"


@case("FRM-16", requirement="RFC 9112 §9.3.2", anchor="llhttp pipelining.md; nginx body_chunked.t")
async def pipelined(talk: Talk) -> None:
    """Of three requests in a row, the second slow, the answers come in order, each once, or the connection
    is closed after one of them.
    """
    client = await talk.connect()
    slow = asyncio.Event()

    async def answer(up: Arrival) -> None:
        await up.content()
        if up.record.token == second.token:
            await slow.wait()
        await up.answer(body=(up.record.token or "").encode())

    first, second, third = [await talk.exchange(client, script=answer) for _ in range(3)]
    await first.ask("POST", body=b"1")
    await second.ask("GET")
    await third.ask("POST", "Transfer-Encoding: chunked", tail=b"1\r\n3\r\n0\r\n\r\n")
    for x in (first, second, third):
        try:
            ok(await x.response(), x.token.encode())
        except IncompleteError:
            assert x is not first, "the first request was not answered"
            break
        slow.set()
    slow.set()


@case("FRM-16-together", requirement="RFC 9112 §6.3, §9.3.2", anchor="HTTP Garden server bug 48")
async def pipelined_in_one_write(talk: Talk) -> None:
    """Three requests in one write are three, the first without content though it could have some."""
    client = await talk.connect()

    async def answer(up: Arrival) -> None:
        token = up.record.token or ""
        assert await up.content() == bodies[token], "another content"
        await up.answer(body=token.encode())

    three = [await talk.exchange(client, script=answer) for _ in range(3)]
    bodies = dict(zip([x.token for x in three], (b"", b"two", b""), strict=True))
    together = ""
    for x, method, fields in zip(three, ("POST", "POST", "GET"), ("0", "3", None), strict=True):
        x.asked += 1
        length = "" if fields is None else f"Content-Length: {fields}\r\n"
        together += f"{method} {x.path} HTTP/1.1\r\nHost: {FRONT}\r\n{x.stamp}\r\n{length}\r\n"
        together += bodies[x.token].decode()
    await client.send(together)
    for x in three:
        try:
            ok(await x.response(), x.token.encode())
        except IncompleteError:
            assert x is not three[0], "the first request was not answered"
            break


@case(
    "FRM-17",
    requirement="RFC 9112 §9.3.2",
    anchor="HTTP Garden server bug 45; uvicorn #2234",
    compare="verdict",
)
async def garbage_behind_a_request(talk: Talk) -> None:
    """What stands behind a request and is none is not answered before it: its own answer comes first, or the
    connection is closed.
    """
    for garbage in ("garbage\r\n\r\n", "GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", "\0\0\0\0"):
        x = await talk.exchange()
        await x.ask("GET", tail=garbage.encode())
        with contextlib.suppress(IncompleteError):
            up = await x.reaches()
            if isinstance(up, Arrival):
                with contextlib.suppress(ConnectionError):
                    await up.answer()
                up = await x.response()
            ok(up)
        assert not x.client.reader.buffer or x.responses, f"{bytes(x.client.reader.buffer)!r} came instead"


@case(
    "FRM-17-into", requirement="RFC 9112 §6.2, §9.3.2", anchor="uvicorn send_400_response", compare="verdict"
)
async def garbage_into_an_answer(talk: Talk) -> None:
    """When it comes while an answer is under way, the answer goes on, or is cut; nothing is mixed into it."""
    whole = noise(4000)
    x = await talk.exchange()
    await x.ask("GET")
    up = await x.arrival()
    await up.send(f"HTTP/1.1 200 OK\r\nContent-Length: {len(whole)}\r\n\r\n", whole[:2000])
    response = await x.head()
    assert await response.some(2000) == whole[:2000]
    await x.client.send("garbage\r\n\r\n")
    await pass_through(talk)  # it has been read by now
    with contextlib.suppress(ConnectionError):
        await up.send(whole[2000:])
    up.release()
    await response.to_the_end()
    assert whole.startswith(response.content), f"{response.content[2000:2200]!r} is not of the answer"


@case("FRM-33", level="S", requirement="RFC 9112 §2.2", anchor="h11; llhttp")
async def empty_line_first(talk: Talk) -> None:
    """An empty line before the first request line of a connection is skipped."""
    x = await talk.exchange()
    x.asked += 1
    await x.client.send(f"\r\nGET {x.path} HTTP/1.1\r\nHost: {FRONT}\r\n{x.stamp}\r\n\r\n")
    up = await x.reaches()
    assert isinstance(up, Arrival), f"status {up.status}"
    await up.answer()
    ok(await x.response())


@case("FRM-33-between", requirement="RFC 9112 §2.2", anchor="old clients end a body with CRLF")
async def empty_line_between(talk: Talk) -> None:
    """An empty line between a body and the next request is part of neither: skipped, or 400."""
    x = await talk.exchange()
    await x.ask("POST", "Content-Length: 5", tail=b"hello\r\n")
    up = await x.arrival()
    assert await up.content() == b"hello"
    await up.answer()
    ok(await x.response())
    y = await talk.exchange(x.client)
    try:
        await y.ask("POST", body=b"world")
        await refused_or(y, b"world", told="an empty line")
    except (ConnectionError, IncompleteError):
        assert not x.client.reader.buffer, f"{bytes(x.client.reader.buffer)!r} came after the answer"
