"""httpx2 and httpx 0.28 as engines: one adapter, because their interfaces are the same.

Straight through the transport: no cookie jar, no invented field, no redirects, no environment proxies, no
decoding (docs/decisions says why). What the pair cannot do, whoever calls it: the request is sent whole
before the response is read, 1xx and trailers are dropped, and bytes past the end of a response stay in the
connection (contract case FRM-19).
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
from shared.messages import RequestBody, UpstreamRequest, UpstreamResponse
from shared.settings import Settings
from shared.tasks import undisturbed
from shared.upstream.connect import connect_failure, probe, tls_context

__all__ = ["HTTPXUpstream"]

Phase = Literal["connect", "send", "head", "body"]

# h11 takes any two digits; another major version would be another message format (RFC 9110 section 2.5).
_VERSIONS = (b"HTTP/1.0", b"HTTP/1.1")

# Both libraries log a line per request at INFO, httpcore a dozen at DEBUG.
_LOGGERS = ("httpx", "httpx2", "httpcore", "httpcore2")


class HTTPXUpstream:
    """Implements shared.upstream.Upstream."""

    def __init__(self, settings: Settings) -> None:
        library: Any = importlib.import_module(settings.engine)
        for name in _LOGGERS:
            logging.getLogger(name).setLevel(logging.WARNING)
        self._library = library
        self._address = settings.upstream
        self._timeouts = settings.timeouts
        self._context = tls_context(settings.tls)
        self._url = library.URL(
            scheme=settings.upstream.scheme,
            host=settings.upstream.host,
            port=settings.upstream.port,
            path="/",
        )
        pool = settings.pool
        self._transport = library.AsyncHTTPTransport(
            verify=self._context,
            trust_env=False,
            limits=library.Limits(
                max_connections=pool.max_connections,
                max_keepalive_connections=pool.max_keepalive,
                keepalive_expiry=pool.keepalive_expiry_s,
            ),
        )
        self._upload = _upload_class(library.AsyncByteStream)

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        timeouts = {
            "connect": self._timeouts.connect_s,
            "pool": self._timeouts.pool_s,
            "write": self._timeouts.write_s,
            "read": self._timeouts.response_s,
        }
        deadline = asyncio.timeout(None)
        upload = self._upload(request.body, deadline, self._timeouts.response_s)
        message = self._library.Request(
            "GET",
            self._url,
            headers=request.headers,
            stream=upload,
            extensions={"target": request.target, "timeout": timeouts},
        )
        message.method = request.method.decode(
            "ascii"
        )  # the constructor upper-cases; methods are case-sensitive
        try:
            async with deadline:
                response = await self._transport.handle_async_request(message)
        except Exception as error:
            raise self._failure(error, upload.phase) from error
        finally:
            if request.body is not None:
                request.body.discard()
        if response.extensions["http_version"] not in _VERSIONS:
            await response.aclose()
            raise ProtocolError
        # The same dict that the transport looks into when the body is read.
        timeouts["read"] = self._timeouts.read_s or None  # type: ignore[assignment]
        return UpstreamResponse(
            response.status_code, response.headers.raw, _Body(response.stream, self._failure)
        )

    def _failure(self, error: Exception, phase: Phase) -> ProxyError:
        """What an exception of the library, or of the upload, means in this phase."""
        if isinstance(error, ProxyError):
            return error
        library = self._library
        if isinstance(error, library.PoolTimeout):
            return PoolExhausted()
        if isinstance(error, library.ConnectTimeout | library.ConnectError | UnicodeError):
            return connect_failure(error)
        if isinstance(error, library.WriteTimeout):
            return WriteTimeout()
        if isinstance(error, library.LocalProtocolError):
            return BadRequest("the request cannot be written as HTTP/1.1")
        if phase == "body":
            return ReadTimeout() if isinstance(error, library.ReadTimeout) else BodyIncomplete()
        if isinstance(error, library.ReadTimeout | TimeoutError):
            return ResponseTimeout()
        if isinstance(error, ssl.SSLError):
            # TLS 1.3: what the upstream thinks of our certificate comes as an alert after the handshake.
            return connect_failure(error)
        if isinstance(error, library.RemoteProtocolError) and "disconnected" not in str(error):
            # h11's words for a 101 that nobody asked for (0.16.0, _state.py)
            return UpgradeRefused() if "_SWITCH_UPGRADE" in str(error) else ProtocolError()
        return Terminated() if isinstance(error, library.TransportError) else ProtocolError()

    async def probe(self) -> None:
        context = self._context if self._address.scheme == "https" else None
        await probe(self._address, context, connect_s=self._timeouts.connect_s)

    async def aclose(self) -> None:
        await self._transport.aclose()


def _upload_class(base: type) -> Any:
    """The request stream: knows, because the transport asks it for bytes, how far the exchange has come.

    A class made per library, since each transport insists on its own base class.
    """

    class Upload(base):  # type: ignore[misc]
        def __init__(self, body: RequestBody | None, deadline: asyncio.Timeout, response_s: float) -> None:
            self._body = body
            self._deadline = deadline
            self._response_s = response_s
            self.phase: Phase = "connect"

        async def __aiter__(self) -> AsyncIterator[bytes]:
            self.phase = "send"
            if self._body is not None:
                async for chunk in self._body:
                    yield chunk
            # The last byte has been handed to the socket: from here on the upstream is to answer.
            self.phase = "head"
            self._deadline.reschedule(asyncio.get_running_loop().time() + self._response_s)

    return Upload


class _Body:
    """The response body of one exchange, as the transport reads it."""

    __slots__ = ("_failure", "_iterator", "_stream")

    def __init__(self, stream: Any, failure: Any) -> None:
        self._stream = stream
        self._iterator: Any = stream.__aiter__()
        self._failure = failure

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            chunk: bytes = await self._iterator.__anext__()
            return chunk
        except StopAsyncIteration:
            raise
        except Exception as error:
            raise self._failure(error, "body") from error

    async def aclose(self) -> None:
        # httpcore2 closes under a shield of anyio's, which a cancellation of asyncio's own goes through:
        # caught there, the pool would count the request for ever (httpcore2 2.16.2, PoolByteStream.aclose).
        await undisturbed(self._close())

    async def _close(self) -> None:
        try:
            await self._iterator.aclose()
        finally:
            await self._stream.aclose()
