"""What a case leaves in the proxy: nothing (rule 15). Looked at after every case."""

import asyncio
import re

from shared.harness.origin.channel import LateError
from shared.harness.origin.scripted import Arrival
from tests.contract.talk import FRONT, LEAVE_S, Talk
from tests.contract.wire import Client

__all__ = ["settle"]

_SAFE = ("GET", "HEAD", "OPTIONS", "TRACE")  # RFC 9110 §9.2.1
_GAUGE = re.compile(rb"^tandem_exchanges_in_flight(?:\{[^}]*\})? ([0-9.e+-]+)$", re.MULTILINE)
_GAUGE_PAUSE_S = 0.01


async def settle(talk: Talk) -> None:
    """Rule 15: clients leave, then no connection to the origin is carried and the gauge is at zero.

    Raises: AssertionError, LateError.
    """
    for client in talk.clients:
        client.close()
    ledger = talk.origin.ledger
    closed: set[Arrival] = set()
    while True:
        for arrival in _arrived(talk):
            if arrival not in closed:
                await _closed(arrival)
                closed.add(arrival)
        # A request may arrive after its client has left; nobody would read its connection's end.
        told = "every origin connection to be free or closed"
        await ledger.until(lambda: not ledger.carried() or _waiting(talk), told, LEAVE_S)
        if not _waiting(talk):
            break
    for exchange in talk.exchanges:  # oracle (ii): no more requests than the client was entitled to
        count, entitled = exchange.expected.count, max(1, exchange.asked)
        if talk.manifest.retries == "safe" and exchange.method in _SAFE:  # RFC 9112 §9.3.1
            entitled *= 2
        assert count <= entitled, f"{count} requests arrived for {entitled} of the client's"
    strays = talk.origin.strays[talk.strays_before :]
    assert not strays, f"requests that no client sent: {[stray.head.raw[:200] for stray in strays]}"
    faults = [c.fault for c in ledger.connections if c.fault and c.accepted_at_s >= talk.began_s]
    assert not faults, f"at the origin: {faults}"
    if talk.elsewhere is not None:
        strangers = talk.elsewhere.ledger.accepted - talk.elsewhere_before
        assert strangers == 0, f"{strangers} connections to a host that the proxy was not configured for"
    if talk.manifest.metrics and (talk.proxy.process is None or talk.proxy.process.running()):
        await _gauge_at_zero(talk, talk.manifest.metrics)


def _waiting(talk: Talk) -> bool:
    return any(not exchange.expected.arrivals.empty() for exchange in talk.exchanges)


def _arrived(talk: Talk) -> list[Arrival]:
    for exchange in talk.exchanges:
        while not exchange.expected.arrivals.empty():
            exchange.arrivals.append(exchange.expected.arrivals.get_nowait())
    return [arrival for exchange in talk.exchanges for arrival in exchange.arrivals]


async def _closed(arrival: Arrival) -> None:
    if arrival.record.carried and arrival.channel.open:
        try:
            await arrival.peer_closed(LEAVE_S)
        except LateError:
            raise AssertionError(
                f"connection {arrival.connection.number} to the origin still carries its exchange "
                f"{LEAVE_S:g} s after every client has left"
            ) from None


async def _gauge_at_zero(talk: Talk, path: str) -> None:
    value: float | None = None
    try:
        async with asyncio.timeout(LEAVE_S):
            # A poll, because nobody outside that process can be told when its gauge changes.
            while (value := await _gauge(talk, path)) != 0:
                await asyncio.sleep(_GAUGE_PAUSE_S)
    except TimeoutError:
        raise AssertionError(f"tandem_exchanges_in_flight is still {value} with no client left") from None


async def _gauge(talk: Talk, path: str) -> float:
    client = await Client.connect(talk.proxy.host, talk.proxy.port)
    try:
        await client.send(f"GET {path} HTTP/1.1\r\nHost: {FRONT}\r\nConnection: close\r\n\r\n")
        response = await client.response()
    finally:
        client.close()
    values = _GAUGE.findall(response.content)
    assert response.status == 200, f"{path} answered {response.status}: {response.content[:200]!r}"
    assert values, f"{path} has no tandem_exchanges_in_flight: {response.content[:400]!r}"
    return sum(float(value) for value in values)
