"""What an exception of aiohttp means. Pure."""

import ssl

import aiohttp

from shared.errors import (
    BadRequest,
    BodyIncomplete,
    ProtocolError,
    ProxyError,
    ReadTimeout,
    Terminated,
)
from shared.upstream.connect import connect_failure

__all__ = ["failure"]


def failure(error: Exception, *, connected: bool, headed: bool) -> ProxyError:
    """By how far the exchange had come: whether it had a connection, and the response's head."""
    if isinstance(error, ProxyError):
        return error
    if isinstance(error, ValueError) and not isinstance(error, UnicodeError | ssl.SSLError):
        return BadRequest("the request cannot be written as HTTP/1.1")
    if not connected:
        return connect_failure(error)
    if headed:
        return ReadTimeout() if isinstance(error, aiohttp.SocketTimeoutError) else BodyIncomplete()
    if isinstance(error, aiohttp.ClientResponseError):
        return ProtocolError()
    if isinstance(error.__cause__, ssl.SSLError):
        # TLS 1.3: what the upstream thinks of our certificate comes as an alert after the handshake.
        return connect_failure(error)
    return Terminated()
