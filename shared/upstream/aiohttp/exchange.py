"""One request of the session and its response body.

head()        session.request()
prepare()       `--> as its middleware: the request line and fields as told; what fails, translated
begins()           `--> on this connection; without a body, it is sent by then
iteration     chunks ... the end --> connection given back by aiohttp, or closed; the turn given back
aclose()      on every other way out
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import chain

import aiohttp
from aiohttp.client_proto import ResponseHandler
from yarl import URL

from shared.errors import BodyIncomplete, ProtocolError, ResponseTimeout, UpgradeRefused, WriteTimeout
from shared.messages import Headers, UpstreamRequest, UpstreamResponse, by_name
from shared.settings import TimeoutSettings
from shared.upstream.aiohttp.failure import failure
from shared.upstream.aiohttp.request import Request, Spoilt, fields_of, uses
from shared.upstream.aiohttp.upload import Upload
from shared.upstream.wire.request import content_length
from shared.upstream.wire.response import MAX_HEAD, Framing, body_framing
from shared.variables import UpstreamURL

__all__ = ["Exchange"]

_VERSIONS = (aiohttp.HttpVersion10, aiohttp.HttpVersion11)


class Exchange:
    """Implements shared.messages.BodyStream. release: takes the turn back, once."""

    __slots__ = (
        "_deadline",
        "_error",
        "_fields",
        "_framing",
        "_loop",
        "_protocol",
        "_release",
        "_released",
        "_request",
        "_response",
        "_sent_whole",
        "_timeouts",
        "_transport",
        "_use",
        "ended",
        "trailers",
    )

    def __init__(
        self,
        request: UpstreamRequest,
        timeouts: TimeoutSettings,
        release: "Callable[[Exchange], None]",
    ) -> None:
        """Raises BadRequest when aiohttp could not write the request as it is."""
        self._fields = fields_of(request.headers)
        self._request = request
        self._timeouts = timeouts
        self._release = release
        self._released = False
        self._loop = asyncio.get_running_loop()
        self._deadline = asyncio.timeout(None)
        self._protocol: ResponseHandler | None = None
        self._transport: asyncio.Transport | None = None
        self._use = 0
        self._response: aiohttp.ClientResponse | None = None
        self._framing: Framing = "close"
        self._sent_whole = False
        self._error: Exception | None = None  # of ours, why it has been cut
        self.ended = False
        self.trailers: Headers = []  # aiohttp drops them

    # the request

    async def head(self, session: aiohttp.ClientSession, address: UpstreamURL) -> UpstreamResponse:
        """Raises whatever prevents it."""
        request = self._request
        path, _, query = request.target.decode("latin-1").partition("?")
        url = URL.build(
            scheme=address.scheme,
            authority=address.authority.decode("ascii"),
            path=path,
            query_string=query,
            encoded=True,
        )
        try:
            async with self._deadline:
                response = await session.request(
                    request.method.decode("latin-1"),
                    url,
                    data=self._upload(),
                    allow_redirects=False,
                    middlewares=(self.prepare,),
                )
        except TimeoutError:
            raise ResponseTimeout from None
        self._response = response
        if response.status == 101:
            raise UpgradeRefused
        if response.version not in _VERSIONS:
            raise ProtocolError
        headers = list(response.raw_headers)
        if sum(map(len, chain.from_iterable(headers))) > MAX_HEAD:  # aiohttp bounds each field, not all
            raise ProtocolError("the upstream's head has no end")
        fields = by_name(headers)
        self._framing = body_framing(
            fields,
            status=response.status,
            to_head=request.method == b"HEAD",
            version="1.1" if response.version == aiohttp.HttpVersion11 else "1.0",
        )
        if self._protocol is not None and not response.content.is_eof():
            self._protocol.read_timeout = self._timeouts.read_s or None
            self._protocol.start_timeout()
        return UpstreamResponse(response.status, headers, fields, self)

    def _upload(self) -> Upload | None:
        if self._request.body is None:
            return None
        return Upload(
            self._request.body,
            content_length(self._request),
            write_s=self._timeouts.write_s,
            socket=self._socket,
            sent=self._sent,
            failed=self._upload_failed,
        )

    async def prepare(
        self,
        request: aiohttp.ClientRequest,
        handler: Callable[[aiohttp.ClientRequest], Awaitable[aiohttp.ClientResponse]],
    ) -> aiohttp.ClientResponse:
        """Raises what is no reason for aiohttp to send the request once more, which it otherwise does with
        whatever is idempotent, a DELETE on a fresh connection among it (aiohttp 3.14.5, client.py, _request).
        """
        assert isinstance(request, Request)
        request.exchange = self
        request.method = self._request.method.decode("latin-1")  # without its upper case
        request.headers.clear()
        request.headers.extend(self._fields)
        while True:
            try:
                return await handler(request)
            except Spoilt:
                continue
            except Exception as error:
                raise self._failure(error) from error

    def begins(self, protocol: ResponseHandler, use: int) -> None:
        """The request is about to be written there, the how-manieth on that connection."""
        self._protocol = protocol
        self._transport = protocol.transport
        self._use = use
        if protocol.closed is not None:
            protocol.closed.add_done_callback(self._lost)
        if self._request.body is None:
            self._sent()

    def _lost(self, _: object) -> None:
        """After a chunk that is none aiohttp closes, and tells everyone but who reads the body and would wait
        for ever (aiohttp 3.14.5, client_proto.py, data_received: the parser has dropped the body by then)."""
        if self._response is not None and not self._response.content.is_eof():
            self._response.content.set_exception(BodyIncomplete())

    def _socket(self) -> ResponseHandler:
        assert self._protocol is not None
        return self._protocol

    def _sent(self) -> None:
        """The last byte has been handed to the socket: from here on the upstream is to answer."""
        self._sent_whole = True
        if self._response is None and not self._released:
            self._deadline.reschedule(self._loop.time() + self._timeouts.response_s)

    def _upload_failed(self, error: Exception) -> None:
        """Whoever has answered may take no more: the answer is still to be read."""
        if self._response is None or not isinstance(error, WriteTimeout):
            self.cut(error)

    def _failure(self, error: Exception) -> Exception:
        if self._error is not None:
            return self._error
        return failure(error, connected=self._protocol is not None, headed=self._response is not None)

    # the response

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._released or self._response is None:
            raise StopAsyncIteration
        content = self._response.content
        try:
            data = await content.readany()
        except Exception as error:
            raise self._failure(error) from error
        if content.at_eof():
            self._ends()
        if not data:
            raise StopAsyncIteration
        return data

    def whole(self) -> bytes | None:
        if self._released or self._response is None:
            return None
        content = self._response.content
        if not content.is_eof() or content.exception() is not None or self._was_reset():
            return None
        data = content.read_nowait()
        self._ends()
        return data

    def _ends(self) -> None:
        """All of it has been taken. Raises BodyIncomplete when a reset stands where the end should."""
        if self._was_reset():
            raise BodyIncomplete
        self.ended = True
        # Back in the pool before the client hears of the end: its next request finds it free.
        self.close()

    def _was_reset(self) -> bool:
        """aiohttp takes it for the end of a body that only the close delimits."""
        return (
            self._framing == "close"
            and self._protocol is not None
            and isinstance(self._protocol.exception(), aiohttp.ClientOSError)
        )

    async def aclose(self) -> None:
        self.close()

    def cut(self, error: Exception) -> None:
        """End the exchange because of `error`, which is what whoever waits for it is told."""
        if self._error is None:
            self._error = error
        if self._protocol is not None and self._is_ours():
            self._protocol.set_exception(error)
            self._abort()
        if self._response is not None:
            self._response.content.set_exception(error)

    def _is_ours(self) -> bool:
        """Whether no other exchange has begun on the connection: aiohttp gives it back when the body has
        come, which may be long before it has been taken."""
        return self._protocol is not None and uses(self._protocol) == self._use

    def _may_be_kept(self) -> bool:
        return (
            self.ended and self._sent_whole and self._protocol is not None and not self._protocol.should_close
        )

    def _abort(self) -> None:
        """At once: to close would wait for what has not been written by now."""
        if self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        """The end of the exchange, whole or not. May be called again."""
        if self._released:
            return
        self._released = True
        if self._protocol is not None and self._protocol.closed is not None:
            self._protocol.closed.remove_done_callback(self._lost)
        if self._is_ours() and not self._may_be_kept():
            self._abort()
            if self._response is not None:
                self._response.close()
        if self._request.body is not None:
            self._request.body.discard()
        self._release(self)
