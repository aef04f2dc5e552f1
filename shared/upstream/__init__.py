"""The one door to the upstream world: the Upstream protocol, and open_upstream(settings) which picks the
engine."""

from typing import Protocol

from shared.messages import UpstreamRequest, UpstreamResponse
from shared.settings import Settings
from shared.upstream.httpx import HTTPXUpstream
from shared.upstream.wire import WireUpstream

__all__ = ["Upstream", "open_upstream"]


class Upstream(Protocol):
    """One upstream server, one pool of connections to it, shared by every exchange of the process.

    relays_interim: whether a request's `interim` hears of 1xx responses, so that Expect may be passed on.
    reads_strictly: whether a response's fields are known to hold only what a name and a value may hold (RFC
    9110 section 5); where they are not, the core looks.
    has_idle: whether a connection is idle, so that the next send() writes its head at once; false where the
    engine cannot tell.
    """

    relays_interim: bool
    reads_strictly: bool

    @property
    def has_idle(self) -> bool: ...

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        """Send the request whole, return the final response head; the body is read through the response.

        Raises an UpstreamError, PoolExhausted, or whatever iterating the request body raises. Cancelling it
        at any await, and any error, leaves the pool as it was: the connection is closed or given back.
        """

    async def probe(self) -> None:
        """Open a connection of its own and close it. Raises an UpstreamError when that is not possible in
        time."""

    async def aclose(self) -> None:
        """Close the pool. Exchanges still running fail."""


def open_upstream(settings: Settings) -> Upstream:
    """The engine that the settings name, its pool still empty. Has to be called in the loop that will use
    it."""
    if settings.engine == "aiohttp":
        # Here, because it is no dependency of whoever chooses another engine.
        from shared.upstream.aiohttp import AiohttpUpstream

        return AiohttpUpstream(settings)
    return WireUpstream(settings) if settings.engine == "wire" else HTTPXUpstream(settings)
