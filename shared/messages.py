"""What crosses the two borders of the core, and nothing else does.

    framework  -- ProxyRequest -->   core  -- UpstreamRequest -->   engine
    framework  <-- ProxyResponse --  core  <-- UpstreamResponse --  engine

Field names and values are raw bytes in the order and case in which they were read (RFC 9110 section 5): a
mapping would merge duplicate Set-Cookie lines, a str would guess an encoding.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from typing import Protocol, TypeAlias

import msgspec

from shared.names import Names, names_of

__all__ = [
    "BodyStream",
    "ClientSide",
    "ExchangeRecord",
    "Fields",
    "Headers",
    "Interim",
    "ProxyRequest",
    "ProxyResponse",
    "RequestBody",
    "UpstreamRequest",
    "UpstreamResponse",
    "by_name",
]

Headers: TypeAlias = list[tuple[bytes, bytes]]


class Fields(msgspec.Struct, frozen=True):
    """A message's fields, to be looked up by name, lower case. `names.places` tells which there are."""

    headers: Headers
    names: Names

    def get(self, name: bytes) -> list[bytes]:
        """The values of all fields of that name in order; none where there is no such field."""
        headers = self.headers
        return [headers[place][1] for place in self.names.places.get(name, ())]


def by_name(headers: Headers) -> Fields:
    """The same fields to be looked up. Read once, asked often."""
    return Fields(headers, names_of(tuple([name for name, _ in headers])))


# What hears of an interim response as it comes: its status, 100 or 102 to 199, and its fields.
Interim: TypeAlias = Callable[[int, Headers], None]


class RequestBody(Protocol):
    """The upload as it arrives. Iterating applies back-pressure to the client.

    Raises ClientGone when the client leaves before the end, BodyTooLarge past the limit.
    """

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    async def take(self) -> bytes:
        """The next piece, b"" at the end: in the place of iterating, for a task of its own that is not the
        one watched and is never cancelled. Costs less, for nothing is read ahead; give_up() does not end it.
        """

    @property
    def ended(self) -> bool:
        """Whether nothing is left to take. May be true only once that has been tried."""

    def give_up(self, error: Exception) -> None:
        """The rest is in vain: iterating raises `error` when the client, too, has rested for a while."""

    def discard(self) -> None:
        """Nobody reads on: what still arrives is taken and dropped, so that the server can finish."""


class ClientSide(RequestBody, Protocol):
    """The client of one exchange; the only place that calls the server's receive()."""

    gone: bool
    bytes_received: int
    withheld: bool
    """It waits for a 100 that the upstream is to say; the server, which says it when it is asked for the
    body, has not been asked.
    """

    def wanted(self) -> None:
        """The upstream has said 100, or the answer has begun: the server may be asked for the body."""

    def start(self) -> None:
        """Notice from now on when the client leaves. (It is noticed anyway where the exchange takes long or
        the upload is read.)"""

    def watching(self) -> AbstractContextManager[None]:
        """While inside, the client's leaving cancels the block and raises ClientGone."""

    def finishing(self) -> None:
        """Inside watching(), before the last send(): from here on what is inside has a moment to end by
        itself when the client leaves, because a server also says "left" when it means "sent".
        """

    @property
    def uploading(self) -> bool:
        """Whether more of the request body may come."""

    async def linger(self) -> None:
        """Take and drop what the client still sends until it ends, rests or leaves: half a minute at most."""

    async def has_content(self) -> bool:
        """Whether the request has a body of at least a byte; returns as soon as that is known."""

    def close(self) -> None:
        """End of the exchange: the rest of the upload is taken and dropped, then receive() is left alone."""


class BodyStream(Protocol):
    """The response body as the upstream sends it, unframed, not decoded.

    `ended` may be true as soon as nothing is left to iterate and the connection has been seen to.
    Iterating raises an UpstreamError when the body does not arrive whole. aclose() may be called at any time
    and any number of times; it gives the connection back or closes it, and does so to the end when cancelled
    meanwhile.
    """

    @property
    def trailers(self) -> Headers:
        """Fields after the body, once it has ended; empty before, and with an engine that drops them."""

    @property
    def ended(self) -> bool: ...

    def whole(self) -> bytes | None:
        """All that is left to iterate, if it is there already: then `ended` is true, and this is the end.
        None otherwise, and from an engine that cannot tell."""

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    async def aclose(self) -> None: ...


class UpstreamRequest(msgspec.Struct, frozen=True):
    """A request as the engine has to write it: nothing added, nothing normalised.

    `body` is None when the message has no body; otherwise `headers` hold exactly one framing field (RFC 9112
    section 6). `interim` hears of each 1xx, where the engine relays them.
    """

    method: bytes
    target: bytes
    headers: Headers
    body: RequestBody | None = None
    interim: Interim | None = None


class UpstreamResponse(msgspec.Struct, frozen=True):
    """A final response head as the engine read it, its body still to come. `fields` are the headers by
    name."""

    status: int
    headers: Headers
    fields: Fields
    body: BodyStream


class ExchangeRecord(msgspec.Struct, gc=False):
    """What happened in one exchange. Times are seconds of the monotonic clock, None while not reached.

    Alone of these records it is kept out of the collector's sight, for it holds nothing that holds anything.
    The others are held by the frames of an error's traceback, and may hold what holds that error.
    """

    method: str
    path: str
    request_id: str
    started: float
    status: int = 0
    outcome: str = "ok"
    bytes_received: int = 0
    bytes_sent: int = 0
    upstream_s: float | None = None
    finished: float | None = None


class ProxyRequest(msgspec.Struct, frozen=True):
    """A client's request as a server handed it over, with the client and the record that belong to it.

    `fields` are the headers by name.
    """

    method: bytes
    target: bytes
    headers: Headers
    fields: Fields
    peer: str
    scheme: str
    http_version: str
    client: ClientSide
    record: ExchangeRecord


class ProxyResponse(msgspec.Struct, frozen=True):
    """What the client is to be sent. A body of bytes is whole, a stream may still fail.

    Of the request it holds what the answer needs: its fields are of no use any more, and a stream may last.
    """

    status: int
    headers: Headers
    body: BodyStream | bytes
    client: ClientSide
    record: ExchangeRecord
    http_version: str

    @classmethod
    def to(
        cls, request: ProxyRequest, status: int, headers: Headers, body: BodyStream | bytes
    ) -> "ProxyResponse":
        return cls(status, headers, body, request.client, request.record, request.http_version)
