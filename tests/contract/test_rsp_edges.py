"""RSP: what stands around a response's values, and Connection options that are whole words."""

from tests.contract.case import case
from tests.contract.expect import absent, closed_for_good, ok, same
from tests.contract.talk import Talk


@case("RSP-37", requirement="RFC 9110 §5.5; RFC 9112 §5.1", anchor="nginx http_header_ows.t, from upstream")
async def white_space_around(talk: Talk) -> None:
    """White space around a response's value, tabs too, is no part of it: not of a length either."""
    for around in ("", "\t", " \t ", "   "):
        x = await talk.exchange()
        await x.ask()
        up = await x.arrival()
        await up.send(
            f"HTTP/1.1 200 OK\r\nX-A:{around}one\ttwo{around}\r\nContent-Length:{around}2{around}\r\n\r\nok"
        )
        up.release()
        response = await x.response()
        ok(response)
        same(response.head, "X-A", "one\ttwo")


@case(
    "RSP-03-lines",
    requirement="RFC 9110 §7.6.1",
    anchor="Go StripHeadersPresentInConnection, ReverseProxyConnectionResponseFields",
)
async def listed_on_any_line(talk: Talk) -> None:
    """Fields that a response's Connection lists end at the proxy, on whichever of its lines they stand, with
    or without `close`.
    """
    # nginx and HAProxy take none of them out, Caddy forgets the list where it says `close`, as Go did. The
    # MUST stands: a field that was for the proxy alone would be believed by the client.
    for lines in (
        ("Connection: X-Hop, close", "Connection: X-Other"),
        ("Connection: x-other", "Connection: close,\tX-HOP"),
        ("Connection:", "Connection: X-Hop,X-Other"),
        ("Connection: ,X-Hop,,X-Other,",),
    ):
        x = await talk.exchange()
        await x.ask()
        up = await x.arrival()
        await up.head_of("200 OK", *lines, "X-Hop: 1", "X-Other: 2", "X-Kept: 3", "Content-Length: 2")
        await up.send("ok")
        up.release()  # kept open: where `close` is listed the proxy closes, elsewhere it may use it again
        ok(response := await x.response())
        absent(response.head, "X-Hop", "X-Other")
        same(response.head, "X-Kept", "3")


@case(
    "RSP-32-list", requirement="RFC 9112 §9.6; RFC 9110 §5.6.1", anchor="nginx http_keepalive.t: close htab"
)
async def close_in_a_list(talk: Talk) -> None:
    """`close` is obeyed wherever it stands in Connection: beside a tab, behind others, on its own line."""
    for lines in (
        ("Connection:\tclose\t",),
        ("Connection: x-foo,\tclose",),
        ("Connection: close , x-foo",),
        ("Connection: x-foo", "Connection: CLOSE"),
        ("Connection:", "Connection: ,close,"),
    ):
        x = await talk.exchange()
        _, response = await x.trip("GET", *lines)
        ok(response)
        await closed_for_good(x.client)


@case(
    "RSP-32-words",
    level="S",
    requirement="RFC 9112 §9.3; RFC 9110 §7.6.1",
    anchor="nginx http_keepalive.t: close extension",
)
async def only_whole_words(talk: Talk) -> None:
    """An option that only contains `close` closes nothing: the connection carries the next request."""
    client = await talk.connect()
    for option in ("x-close", "closed", "close-not", "keep-alive, unclose"):
        x = await talk.exchange(client)
        _, response = await x.trip("GET", f"Connection: {option}")
        ok(response)
        assert b"close" not in b",".join(response.all("Connection")).lower(), f"{option!r} was read as close"
    ok((await (await talk.exchange(client)).trip())[1])


@case(
    "RSP-39",
    requirement="RFC 9110 §13.2.1, §14.2",
    anchor="nginx not_modified_proxy.t, proxy_force_ranges.t: range without Accept-Ranges",
)
async def conditions_are_the_upstreams(talk: Talk) -> None:
    """An upstream may ignore a condition or a range: its 200 stays a 200, whole, though what was asked for
    would allow for less.
    """
    same_date = "Mon, 28 Sep 1970 06:00:00 GMT"
    for fields in (
        ('If-None-Match: "v"',),
        (f"If-Modified-Since: {same_date}",),
        ('If-Match: "other"',),
        ("If-Unmodified-Since: Fri, 05 Jul 1968 14:30:52 GMT",),
        ("Range: bytes=4-",),
        ("Range: bytes=4-", 'If-Range: "v"'),
    ):
        x = await talk.exchange()
        seen, response = await x.trip(
            "GET", *fields, reply=('ETag: "v"', f"Last-Modified: {same_date}"), content=b"SEE-THIS"
        )
        ok(response, b"SEE-THIS")
        for field in fields:
            name, _, value = field.partition(": ")
            same(seen, name, value)
