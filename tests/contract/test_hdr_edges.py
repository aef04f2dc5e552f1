"""HDR: what stands around a value, names that only resemble others, and fields that speak of no content."""

from tests.contract.case import case
from tests.contract.expect import absent, ok, same
from tests.contract.talk import Talk


@case("HDR-25", requirement="RFC 9110 §5.5; RFC 9112 §5.1", anchor="nginx http_header_ows.t")
async def white_space_around(talk: Talk) -> None:
    """White space around a value, tabs too, is no part of it; inside, it is."""
    for before, value, after in (
        ("", "one", ""),
        ("\t", "one", ""),
        ("", "one", "\t"),
        (" \t ", "one\ttwo", " \t "),
        ("\t\t", "one  two", "   "),
    ):
        x = await talk.exchange()
        seen, response = await x.trip(
            "GET", f"X-A:{before}{value}{after}", f"Accept-Language:{before}de{after}"
        )
        ok(response)
        same(seen, "X-A", value)
        same(seen, "Accept-Language", "de")


@case(
    "HDR-11-edges",
    requirement="RFC 9110 §5.5, §5.6.3",
    anchor="HTTP Garden server bugs 12, 41, 46: str.strip() takes NBSP and NEL away",
)
async def no_white_space(talk: Talk) -> None:
    """Bytes that are white space to Unicode are none at the ends of a value: 0x85 and 0xA0 stay."""
    for value in (b"\x85admin\xa0", b"\xa0", b"\xc2\xa0admin\xc2\x85", b"\xe2\x80\x83admin"):
        x = await talk.exchange()
        seen, response = await x.trip("GET", b"X-User: " + value, reply=(b"X-Seen: " + value,))
        ok(response)
        same(seen, "X-User", value)
        same(response.head, "X-Seen", value)


@case(
    "HDR-26",
    requirement="RFC 9110 §7.6.1, §5.1",
    anchor="Go TestReverseProxy: `Trailers` is not a special name; browsers' Upgrade-Insecure-Requests",
)
async def names_that_resemble(talk: Talk) -> None:
    """A field whose name only resembles that of one for the connection is meant for the other end."""
    fields = {
        "Trailers": "not a special name",
        "Upgrade-Insecure-Requests": "1",
        "X-Connection": "close",
        "Connections": "3",
        "Keep-Alive-Until": "noon",
        "TE-2": "trailers",
        "X-Transfer-Encoding": "chunked",
        "Proxy-Connection-Id": "7",
    }
    lines = [f"{name}: {value}" for name, value in fields.items()]
    x = await talk.exchange()
    seen, response = await x.trip("GET", *lines, reply=lines)
    ok(response)
    for name, value in fields.items():
        same(seen, name, value)
        same(response.head, name, value)


@case("HDR-27", requirement="RFC 9110 §6.4, §8", anchor="YARP RequestWithoutBodies_NoHttpContent")
async def of_no_content(talk: Talk) -> None:
    """Fields that speak of content go through though a GET has none, and no framing comes with them."""
    fields = {
        "Content-Type": "text/plain",
        "Content-Encoding": "gzip",
        "Content-Language": "en",
        "Content-Location": "/a",
        "Content-Disposition": "inline",
        "Content-Range": "bytes */10",
        "Allow": "GET",
        "Expires": "0",
        "Last-Modified": "Sat, 29 Oct 1994 19:43:31 GMT",
    }
    x = await talk.exchange()
    seen, response = await x.trip("GET", *(f"{name}: {value}" for name, value in fields.items()))
    ok(response)
    absent(seen, "Content-Length", "Transfer-Encoding")
    for name, value in fields.items():
        same(seen, name, value)
