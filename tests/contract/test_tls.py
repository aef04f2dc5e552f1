"""Over an `https://` upstream: what the TLS layer could break between client and upstream, asked again."""

from tests.contract import test_can, test_err, test_rqb
from tests.contract.case import case
from tests.contract.expect import never_whole, ok, same
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
    await test_err.cut_in_content_length.conversation(talk)
    x, response = await test_err.begun(
        talk, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", b"x" * 50, got=b"x" * 50
    )
    await x.arrivals[0].channel.goodbye()
    x.arrivals[0].close()
    await never_whole(response.body)
    await x.client.peer_closed()


@case("ERR-09-tls", requirement="RFC 9112 §8, §9.8", anchor="RFC 9112 §9.8", settings="tls")
async def cut_without_a_length(talk: Talk) -> None:
    """ERR-09 over TLS: a chunked response without its last chunk is cut."""
    await test_err.cut_in_chunks.conversation(talk)


@case("RQB-01-tls", requirement=test_rqb.content_length.requirement, settings="tls")
async def uploads(talk: Talk) -> None:
    """RQB-01 over TLS: bodies with Content-Length arrive with the same length and the same bytes."""
    await test_rqb.content_length.conversation(talk)
