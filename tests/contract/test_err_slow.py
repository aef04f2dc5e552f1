"""ERR: a response that was cut, and a client that has not read it yet."""

from tests.contract.case import case
from tests.contract.moves import noise, pass_through
from tests.contract.talk import Talk


@case(
    "ERR-21-rest",
    level="S",
    requirement="RFC 9112 §8, §9.6",
    anchor="HAProxy truncated_response.vtc: a client that does not read for a moment",
    compare="verdict",
)
async def not_lost_while_it_rests(talk: Talk) -> None:
    """A response that is cut while its client rests reaches the client up to the cut: nothing that came
    before is taken from it.
    """
    body = noise(200_010)
    for framing, wire in (
        ("Content-Length: 1000000", body),
        ("Transfer-Encoding: chunked", b"%x\r\n%s\r\n" % (len(body), body)),
    ):
        for receive_buffer in (0, 8192):  # it is all at the client's door, or most of it still at the proxy's
            x = await talk.exchange(await talk.connect(receive_buffer=receive_buffer))
            await x.ask()
            up = await x.arrival()
            await up.head_of("200 OK", framing)
            await up.send(wire)
            up.channel.finish()
            await pass_through(talk)
            response = await x.response()
            assert not response.complete, "a response that was cut ended as if it were whole"
            assert response.content == body, f"{len(response.content)} of {len(body)} bytes came"
