"""Over an `https://` upstream: what the TLS layer could break between client and upstream, asked again."""

from tests.contract import test_can, test_err_body, test_rqb, test_trl
from tests.contract.case import case
from tests.contract.expect import never_whole, ok, same
from tests.contract.moves import begun, noise, pass_through
from tests.contract.talk import Talk


@case("TLS-01", requirement="RFC 6066 §3; RFC 9110 §4.2.2", anchor="nginx proxy_ssl_name.t", settings="tls")
async def plain_get(talk: Talk) -> None:
    """A GET goes through TLS, to the name that the upstream's URL says, and its connection is used again."""
    for _ in range(3):
        x = await talk.exchange()
        await x.ask()
        up = await x.arrival()
        assert up.connection.server_name == talk.manifest.server_name
        await up.answer("200 OK", "X-Secure: yes", body=b"over TLS")
        response = await x.response()
        ok(response, b"over TLS")
        same(response.head, "X-Secure", "yes")
    if talk.manifest.offers("keepalive"):
        assert talk.accepted <= 1, f"{talk.accepted} TLS connections for three requests in a row"


@case("CAN-01-tls", requirement=test_can.before_the_head.requirement, settings="tls")
async def before_the_head(talk: Talk) -> None:
    """CAN-01 over TLS: a client that leaves before the response head closes the upstream side."""
    await test_can.before_the_head.conversation(talk)


@case("CAN-03-tls", requirement=test_can.in_silence.requirement, settings="tls")
async def in_silence(talk: Talk) -> None:
    """CAN-03 over TLS: a client that leaves while the stream is silent closes the upstream side."""
    await test_can.in_silence.conversation(talk)


@case("ERR-08-tls", requirement="RFC 9112 §8, §9.8", anchor="a FIN without close_notify", settings="tls")
async def cut_in_content_length(talk: Talk) -> None:
    """ERR-08 over TLS, and with a close_notify before the end: however TLS ends, a short body is cut."""
    await test_err_body.cut_in_content_length.conversation(talk)
    x, response = await begun(
        talk, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", b"x" * 50, got=b"x" * 50
    )
    await x.arrivals[0].channel.goodbye()
    x.arrivals[0].close()
    await never_whole(response.body)
    await x.client.peer_closed()


@case("ERR-09-tls", requirement="RFC 9112 §8, §9.8", anchor="RFC 9112 §9.8", settings="tls")
async def cut_without_a_length(talk: Talk) -> None:
    """ERR-09 over TLS: a chunked response without its last chunk is cut."""
    await test_err_body.cut_in_chunks.conversation(talk)


@case("RQB-01-tls", requirement=test_rqb.content_length.requirement, settings="tls")
async def uploads(talk: Talk) -> None:
    """RQB-01 over TLS: bodies with Content-Length arrive with the same length and the same bytes."""
    await test_rqb.content_length.conversation(talk)


@case(
    "RSP-21-tls", requirement="RFC 9112 §6.3, §9.8", anchor="nginx proxy_ssl.t: close_notify", settings="tls"
)
async def ended_by_close(talk: Talk) -> None:
    """RSP-21 over TLS: a body that ends with close_notify, and then with the connection, arrives whole."""
    body = noise(100_000)
    for hangs_up in (True, False):
        x = await talk.exchange()
        await x.ask()
        up = await x.arrival()
        await up.send("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n", body)
        await up.channel.goodbye()
        if hangs_up:
            up.close()
        ok(await x.response(), body)
        up.close()


@case(
    "SHR-13-tls",
    level="S",
    requirement="RFC 9112 §9.5, §9.8",
    anchor="Go TestTransportServerClosingUnexpectedly",
    settings="tls",
    needs=("keepalive",),
    compare="verdict",
)
async def closed_while_idle(talk: Talk) -> None:
    """SHR-13 over TLS: an idle connection that said close_notify, or is gone, is not offered to anybody."""
    for end in ("goodbye", "close", "reset"):
        x = await talk.exchange()
        await x.ask()
        up = await x.arrival()
        await up.answer()
        ok(await x.response())
        if end == "goodbye":
            await up.channel.goodbye()
        else:
            getattr(up, end)()
        await pass_through(talk)
        y = await talk.exchange()
        ok((await y.trip("POST", body=b"once"))[1])
        up.close()


@case("TRL-03-tls", requirement=test_trl.never_in_the_head.requirement, settings="tls")
async def trailers(talk: Talk) -> None:
    """TRL-03 over TLS: trailers stay out of the header section, and both connections carry the next."""
    await test_trl.never_in_the_head.conversation(talk)
