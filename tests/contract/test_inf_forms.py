"""INF: an interim head without end, and expectations however they are spelt."""

import contextlib

from shared.harness.origin.channel import WAIT_S, within
from tests.contract.case import case
from tests.contract.expect import gateway_failure, ok
from tests.contract.moves import HOARD
from tests.contract.talk import Exchange, Talk, together


@case(
    "INF-10",
    requirement="RFC 9110 §5.4; RFC 9209 §2.3 http_response_header_section_size: 502",
    anchor="nginx early_hints.t: too big early hints",
)
async def interim_head_without_end(talk: Talk) -> None:
    """An interim response whose head does not end is 502 at some bound: the proxy does not hoard it."""
    memory = talk.memory()
    x = await talk.exchange()
    await x.ask()
    up = await x.arrival()
    begun = up.channel.sent
    line = b"Link: </" + b"x" * 8180 + b">; rel=preload\r\n"

    async def origin() -> None:
        with contextlib.suppress(ConnectionError):
            await up.send("HTTP/1.1 103 Early Hints\r\n")
            while up.channel.sent - begun < HOARD:
                await up.send(line)
        up.close()

    await together(origin(), x.response(15))
    gateway_failure(x.responses[0], 502)
    taken = up.channel.sent - begun
    assert taken < HOARD, f"{taken} bytes of a head were taken"
    memory.grown_less_than(40)


@case(
    "INF-05-case", requirement="RFC 9110 §10.1.1", anchor="nginx http_expect_100_continue.t: case-insensitive"
)
async def in_any_case(talk: Talk) -> None:
    """100-continue is expected in any case: its client is told to go on, and its body arrives."""
    for value in ("100-Continue", "100-CONTINUE", "\t100-continue"):
        x = await talk.exchange()
        await x.ask("POST", f"Expect:{value}", "Content-Length: 5")

        async def client(x: Exchange = x) -> None:
            await within(WAIT_S, "100, or a final status", x.client.reader.head_ready())
            await x.client.send(b"hello")

        async def origin(x: Exchange = x) -> None:
            up = await x.arrival()
            if up.head.one("Expect") and up.head.version == b"HTTP/1.1":
                await up.send("HTTP/1.1 100 Continue\r\n\r\n")
            assert await up.content() == b"hello"
            await up.answer()

        await together(client(), origin())
        response = await x.response()
        ok(response)
        assert 100 in [head.status for head in response.interim], f"{value!r}: not told to go on"
