"""httpx2 and httpx 0.28 as engines, at the layer below their clients: httpcore2 and httpcore, one adapter for
both.

Straight through the transport: no cookie jar, no invented field, no redirects, no environment proxies, no
decoding, and none of what the client and its models cost (docs/decisions 0005, 0006). What the pair cannot
do, whoever calls it: the request is sent whole before the response is read, 1xx and trailers are dropped.
What it would do wrong is mended here: bytes past the end of a response would stay in the connection and be
read as the next one (contract case FRM-19).
"""

import asyncio
import importlib
import logging
import ssl
from collections.abc import AsyncIterator
from typing import Any, Literal

from shared.errors import (
    BadRequest,
    BodyIncomplete,
    PoolExhausted,
    ProtocolError,
    ProxyError,
    ReadTimeout,
    ResponseTimeout,
    Terminated,
    UpgradeRefused,
    WriteTimeout,
)
from shared.messages import Headers, RequestBody, UpstreamRequest, UpstreamResponse, by_name
from shared.settings import Settings
from shared.tasks import undisturbed
from shared.upstream.connect import connect_failure, probe, tls_context
from shared.upstream.network import Network, Stream, written_to

__all__ = ["HTTPXUpstream"]

Phase = Literal["connect", "send", "head", "body"]

# h11 takes any two digits; another major version would be another message format (RFC 9110 section 2.5).
_VERSIONS = (b"HTTP/1.0", b"HTTP/1.1")

# What each library's AsyncHTTPTransport hands its requests to.
_CORES = {"httpx2": "httpcore2", "httpx": "httpcore"}


class HTTPXUpstream:
    """Implements shared.upstream.Upstream."""

    relays_interim = False
    reads_strictly = False
    has_idle = False

    def __init__(self, settings: Settings) -> None:
        core: Any = importlib.import_module(_CORES[settings.engine])
        logging.getLogger(core.__name__).setLevel(logging.WARNING)  # a dozen lines per request at DEBUG
        self._core = core
        self._address = settings.upstream
        self._timeouts = settings.timeouts
        self._context = tls_context(settings.tls)
        self._pool = core.AsyncConnectionPool(
            ssl_context=self._context,
            max_connections=settings.pool.max_connections,
            max_keepalive_connections=settings.pool.max_keepalive,
            keepalive_expiry=settings.pool.keepalive_expiry_s,
            network_backend=Network(core),
        )

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        timeouts = {
            "connect": self._timeouts.connect_s,
            "pool": self._timeouts.pool_s,
            "write": self._timeouts.write_s,
            "read": self._timeouts.response_s,
        }
        deadline = asyncio.timeout(None)
        upload = _Upload(request.body, deadline, self._timeouts.response_s, self._core.WriteError)
        url = self._core.URL(
            scheme=self._address.scheme,
            host=self._address.host,
            port=self._address.port,
            target=request.target,
        )
        message = self._core.Request(
            request.method, url, headers=request.headers, content=upload, extensions={"timeout": timeouts}
        )
        try:
            async with deadline:
                response = await self._pool.handle_async_request(message)
        except Exception as error:
            raise self._failure(error, upload.phase) from error
        finally:
            if request.body is not None:
                request.body.discard()
        body = _Body(response.stream, response.extensions["network_stream"], self._failure)
        if response.extensions["http_version"] not in _VERSIONS:
            await body.aclose()
            raise ProtocolError
        # The same dict that the connection looks into when the body is read.
        timeouts["read"] = self._timeouts.read_s or None  # type: ignore[assignment]
        return UpstreamResponse(response.status, response.headers, by_name(response.headers), body)

    def _failure(self, error: Exception, phase: Phase) -> ProxyError:
        """What an exception of the library, or of the upload, means in this phase."""
        if isinstance(error, ProxyError):
            return error
        core = self._core
        if isinstance(error, core.PoolTimeout):
            return PoolExhausted()
        if isinstance(error, core.ConnectTimeout | core.ConnectError | UnicodeError):
            return connect_failure(error)
        if isinstance(error, core.WriteTimeout):
            return WriteTimeout()
        if isinstance(error, core.LocalProtocolError):
            return BadRequest("the request cannot be written as HTTP/1.1")
        if phase == "body":
            return ReadTimeout() if isinstance(error, core.ReadTimeout) else BodyIncomplete()
        if isinstance(error, core.ReadTimeout | TimeoutError):
            return ResponseTimeout()
        if isinstance(error, ssl.SSLError):
            # TLS 1.3: what the upstream thinks of our certificate comes as an alert after the handshake.
            return connect_failure(error)
        if isinstance(error, core.NetworkError) or "disconnected" in str(error):
            return Terminated()
        if phase == "send":
            # h11's own LocalProtocolError, which httpcore lets through: more or fewer bytes than announced.
            return BadRequest("the request body does not fit its Content-Length")
        # h11's words for a 101 that nobody asked for (0.16.0, _state.py)
        return UpgradeRefused() if "_SWITCH_UPGRADE" in str(error) else ProtocolError()

    async def probe(self) -> None:
        context = self._context if self._address.scheme == "https" else None
        await probe(self._address, context, connect_s=self._timeouts.connect_s)

    async def aclose(self) -> None:
        await self._pool.aclose()


class _Upload:
    """The request stream: knows, because the connection asks it for bytes, how far the exchange has come."""

    def __init__(
        self,
        body: RequestBody | None,
        deadline: asyncio.Timeout,
        response_s: float,
        write_error: type[Exception],
    ) -> None:
        self._body = body
        self._deadline = deadline
        self._response_s = response_s
        self._write_error = write_error
        self.phase: Phase = "connect"

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self.phase = "send"
        if self._body is not None:
            body, stream = self._body, written_to()
            # At a WriteError httpcore sends no more, and goes on to the answer, or to its absence.
            stream.tell(lambda: body.give_up(self._write_error("the upstream has answered, or gone")))
            try:
                async for chunk in body:
                    yield chunk
            except self._write_error:
                self._sent()
                raise
            finally:
                stream.tell(None)
        self._sent()

    def _sent(self) -> None:
        # The last byte has been handed to the socket: from here on the upstream is to answer.
        self.phase = "head"
        self._deadline.reschedule(asyncio.get_running_loop().time() + self._response_s)


class _Body:
    """The response body of one exchange, as the transport reads it."""

    __slots__ = ("_closed", "_failure", "_iterator", "_network", "_stream", "trailers")
    ended = False  # its end is known only by asking

    def __init__(self, stream: Any, network: Stream, failure: Any) -> None:
        self._stream = stream
        self._network = network
        self._closed = False
        self.trailers: Headers = []
        self._iterator: Any = stream.__aiter__()
        self._failure = failure

    def whole(self) -> None:
        return None

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            chunk: bytes = await self._iterator.__anext__()
            return chunk
        except StopAsyncIteration:
            # Back in the pool before the client's side hears of the end: its next request finds it free.
            await self.aclose()
            raise
        except Exception as error:
            raise self._failure(error, "body") from error

    async def aclose(self) -> None:
        if self._closed:
            return  # the connection may be another exchange's by now
        self._closed = True
        # httpcore2 closes under a shield of anyio's, which a cancellation of asyncio's own goes through:
        # caught there, the pool would count the request for ever (httpcore2 2.16.2, PoolByteStream.aclose).
        await undisturbed(self._close())

    async def _close(self) -> None:
        try:
            await self._iterator.aclose()
            self._network.idle(_past_the_end(self._stream))
        finally:
            await self._stream.aclose()


def _past_the_end(stream: Any) -> bytes:
    """What the connection has read beyond this response: RFC 9112 section 6.3 forbids to take it for another.

    Left there it would answer the next request (httpcore 1.0.9, httpcore2 2.16.2, _response_closed), and no
    public interface tells of it. The network closes a connection that has any.
    """
    connection = stream._stream._connection  # noqa: SLF001
    data: bytes = connection._h11_state.trailing_data[0]  # noqa: SLF001
    return data
