"""HDR: which request header fields reach the upstream, and with which bytes."""

from tests.contract.case import case
from tests.contract.expect import absent, ok
from tests.contract.talk import Talk


@case("HDR-01", requirement="RFC 9110 §7.6.1", anchor="Go TestReverseProxy; YARP RequestUtilities")
async def hop_by_hop(talk: Talk) -> None:
    """Fields that describe the connection to the proxy end at the proxy."""
    x = await talk.exchange()
    seen, response = await x.trip(
        "GET", "Connection: keep-alive", "Keep-Alive: timeout=5", "Proxy-Connection: x", "TE: gzip"
    )
    ok(response)
    absent(seen, "Keep-Alive", "Proxy-Connection", "TE")
    # A Connection field of the proxy's own is its own business.
    for value in seen.all("Connection"):
        assert value.lower() in (b"close", b"keep-alive"), f"Connection is {value!r}"
