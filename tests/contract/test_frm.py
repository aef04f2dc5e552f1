"""FRM: whatever two readers could read in two ways is read in one, and never as another request."""

from shared.harness.origin.scripted import Arrival
from tests.contract.case import case
from tests.contract.expect import SMUGGLED, closed_for_good, ok
from tests.contract.talk import Talk


@case("FRM-01", requirement="RFC 9112 §6.1, §6.3", anchor="HAProxy; HTTP Garden")
async def both_framings(talk: Talk) -> None:
    """Content-Length beside chunked is 400, or chunked wins; the connection is closed either way, and a
    request hidden behind either end of the body is nobody's.
    """
    behind_chunks = b"0\r\n\r\n" + SMUGGLED
    in_a_chunk = b"%x\r\n%s\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED)
    for body, content, length in (
        (behind_chunks, b"", len(behind_chunks)),  # by its length the body is longer than its chunks
        (in_a_chunk, SMUGGLED, in_a_chunk.index(b"\r\n") + 2),  # and here it is shorter
    ):
        framing = (f"Content-Length: {length}", "Transfer-Encoding: chunked")
        for fields in (framing, framing[::-1]):
            x = await talk.exchange()
            await x.ask("POST", *fields, tail=body)
            up = await x.reaches()
            if isinstance(up, Arrival):
                assert await up.content() == content, "the body was not read by its chunks"
                await up.answer()
                ok(await x.response())
            else:
                assert up.status == 400, f"status {up.status}"
            await closed_for_good(x.client)
