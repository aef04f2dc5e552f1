"""FRM: forms of Host, lengths beside a tab, and answers that say they are empty and are not."""

from tests.contract.case import case
from tests.contract.expect import next_is_its_own, ok, refused, refused_or
from tests.contract.talk import Talk

_POISON = "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nSMUGGLED"


@case("FRM-13-forms", requirement="RFC 9110 §4.2.1; RFC 3986 §3.2.2", anchor="nginx http_host.t")
async def forms_of_host(talk: Talk) -> None:
    """A name, an IPv4 or an IPv6 address, each with a port or without, is a Host: nobody refuses it."""
    for host in (
        *("www.abcd-ef.g02.xyz", "Mixed.Case.TEST:88", "ending.dot.test.", "ending.dot.test.:88", "a_b.test"),
        *(
            "192.0.2.1",
            "192.0.2.1:8080",
            "[2001:db8::7:321]",
            "[2001:db8::7:321]:80",
            "[::ffff:192.0.2.1]:80",
        ),
        *("localhost", "xn--bcher-kva.test", "a"),
    ):
        x = await talk.exchange()
        await x.ask(host=host)
        up = await x.arrival()
        await up.answer()
        ok(await x.response())


@case(
    "FRM-13-old", requirement="RFC 9112 §3.2", anchor="Go TestNilBody; load balancers that probe in HTTP/1.0"
)
async def old_request_without_host(talk: Talk) -> None:
    """HTTP/1.0 asks for no Host: a request without one is served, and an upstream that hears HTTP/1.1 gets
    one.
    """
    x = await talk.exchange()
    await x.ask(host=None, version="HTTP/1.0")
    up = await x.arrival()
    assert len(up.head.all("Host")) == 1 or up.head.version == b"HTTP/1.0", "HTTP/1.1 without a Host"
    await up.answer()
    ok(await x.response())


@case("FRM-13-bytes", requirement="RFC 9112 §3.2; RFC 3986 §3.2.2", anchor="HTTP Garden server bug 46")
async def bytes_in_host(talk: Talk) -> None:
    """A Host with bytes that no host has, those above 0x7F and control characters, is 400."""
    for host in (b"\xffone\xff", b"\xa0one.test", b"one.test\x85", b"caf\xc3\xa9.test", b"one\x02.test"):
        x = await talk.exchange()
        await x.ask("GET", b"Host: " + host, host=None)
        await refused(x, 400, told=repr(host), closed=False)


@case("FRM-04-tab", requirement="RFC 9110 §5.5, §5.6.3", anchor="nginx http_header_ows.t")
async def length_beside_a_tab(talk: Talk) -> None:
    """A Content-Length beside tabs is a Content-Length, or 400: the body is that long for everybody."""
    for value in ("\t5", "5\t", " \t 5 \t "):
        x = await talk.exchange()
        await x.ask("POST", f"Content-Length:{value}", tail=b"hello")
        await refused_or(x, b"hello", told=repr(value))


@case("FRM-19-empty", requirement="RFC 9112 §6.3", anchor="nginx proxy_extra_data.t: zero size")
async def past_nothing(talk: Talk) -> None:
    """Bytes past an answer of no length at all are nobody's answer and part of nobody's: it is empty."""
    for head in ("200 OK\r\nContent-Length: 0", "404 Not Found\r\nContent-Length: 0"):
        for extra in ("extra", _POISON):
            x = await talk.exchange()
            await x.ask()
            up = await x.arrival()
            await up.send(f"HTTP/1.1 {head}\r\n\r\n", extra)
            response = await x.response()
            up.release()
            ok(response, b"", int(head[:3]))
            await next_is_its_own(talk, x)
            y = await talk.exchange()
            await y.ask()
            other = await y.arrival()
            assert other.connection.number != up.connection.number, "a doubtful connection was used again"
            await other.answer(body=b"mine")
            ok(await y.response(), b"mine")
