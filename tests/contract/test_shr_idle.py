"""SHR: which connections to the upstream are used again, and when an idle one is let go."""

import asyncio

from tests.contract.case import case
from tests.contract.expect import ok
from tests.contract.moves import SLACK_S, pass_through
from tests.contract.talk import LEAVE_S, Talk


@case(
    "SHR-06-words",
    level="S",
    requirement="RFC 9112 §9.3; RFC 9110 §7.6.1",
    anchor="nginx proxy_keepalive.t: a connection extension",
    needs=("keepalive",),
)
async def only_whole_words(talk: Talk) -> None:
    """An upstream's option that only contains `close` is none: its connection is used again."""
    for option in ("x-close", "closed", "X-Hop"):
        x = await talk.exchange()
        ok((await x.trip(reply=(f"Connection: {option}",)))[1])
    assert talk.accepted <= 1, f"{talk.accepted} upstream connections for three requests in a row"


@case(
    "SHR-15",
    requirement="RFC 9112 §7.1.2, §9.3",
    anchor="nginx proxy_keepalive.t: complex chunked",
    needs=("keepalive",),
)
async def torn_chunks(talk: Talk) -> None:
    """A response whose chunks come torn apart anywhere is whole, and its connection used again."""
    last = b"2\r\nok\r\n0\r\n\r\n"
    for cut in range(1, len(last)):
        x = await talk.exchange()
        await x.ask()
        up = await x.arrival()
        await up.head_of("200 OK", "Transfer-Encoding: chunked")
        await up.send(last[:cut])
        await pass_through(talk)  # it has been read by now, over a second connection
        await up.send(last[cut:])
        up.release()
        ok(await x.response())
    assert talk.accepted <= 2, f"{talk.accepted} upstream connections, of which two were used at once"


@case(
    "SHR-16",
    level="S",
    requirement="RFC 9112 §9.5: monitor open connections for a received closure signal, and respond to it",
    anchor="CLOSE_WAIT, as netstat shows it",
    needs=("keepalive",),
    compare="verdict",
)
async def let_go_at_once(talk: Talk) -> None:
    """An idle connection that the upstream has closed is closed by the proxy too, without waiting for the
    next request.
    """
    x = await talk.exchange()
    ok((await x.trip())[1])
    channel = x.arrivals[0].channel
    assert channel.open, "it was not kept"
    channel.finish()
    ledger = talk.origin.ledger
    await ledger.until(lambda: not channel.open, "the proxy to close its side", LEAVE_S)
    assert channel.closed_by == "peer"


@case(
    "SHR-17",
    level="P",
    requirement="promise: an idle connection is used for as long as declared",
    anchor="nginx keepalive_timeout of an upstream; httpx keepalive_expiry",
    needs=("keepalive", "keepalive_expiry_s"),
    compare="verdict",
    tier="long",
    deadline_s=180.0,
)
async def kept_as_declared(talk: Talk) -> None:
    """An idle connection to the upstream carries a request half-way through the time that is declared for it,
    and none once that is over.
    """
    assert talk.manifest.keepalive_expiry_s is not None
    await talk.origin.retire_idle()
    used = []
    for idle_s in (0.0, 0.5 * talk.manifest.keepalive_expiry_s, talk.manifest.keepalive_expiry_s + SLACK_S):
        await asyncio.sleep(idle_s)  # the case is about time
        x = await talk.exchange()
        ok((await x.trip())[1])
        used.append(x.arrivals[0].connection.number)
    first, kept, expired = used
    assert kept == first, "a connection was given up before its time"
    assert expired != first, "a connection was used after its time"
