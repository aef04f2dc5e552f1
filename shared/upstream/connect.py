"""What every engine shares about opening connections: the TLS context, the probe, and what a failure
means."""

import asyncio
import ipaddress
import socket
import ssl
from typing import cast

from aiohappyeyeballs import AddrInfoType, start_connection

from shared.errors import (
    CertificateBad,
    ConnectFailed,
    ConnectRefused,
    ConnectTimeout,
    NameUnresolved,
    TLSFailed,
    UpstreamError,
)
from shared.settings import TLSSettings
from shared.tasks import undisturbed
from shared.variables import UpstreamURL

__all__ = ["connect_failure", "open_socket", "probe", "tls_context", "transport_on"]

RACE_DELAY_S = 0.25  # before the next address is tried beside the first (RFC 8305 section 5)

# The first row whose exception stands anywhere in the chain of causes decides.
_FAILURES: tuple[tuple[type[BaseException], type[UpstreamError]], ...] = (
    (ssl.SSLCertVerificationError, CertificateBad),
    (ssl.SSLError, TLSFailed),
    (socket.gaierror, NameUnresolved),
    (UnicodeError, NameUnresolved),  # the resolver's codec, for a label that is empty or too long
    (TimeoutError, ConnectTimeout),
    (ConnectionRefusedError, ConnectRefused),
    (ConnectionError, TLSFailed),  # a TCP connect is refused, not reset: the peer hung up in the handshake
)
# Not failures but how a handshake asks for bytes; they stand in the chain of whatever happens next.
_NO_FAILURES = (ssl.SSLWantReadError, ssl.SSLWantWriteError)


def tls_context(settings: TLSSettings) -> ssl.SSLContext:
    """Verifies the upstream against the given CA, or the system's store. The files have been tried at
    start-up."""
    context = ssl.create_default_context(cafile=settings.ca)
    if settings.cert is not None:
        context.load_cert_chain(settings.cert, settings.key)
    context.set_alpn_protocols(["http/1.1"])
    return context


def connect_failure(error: BaseException) -> UpstreamError:
    """What a failed connection attempt means, read from the error and all that caused it."""
    causes = [cause for cause in _causes(error) if not isinstance(cause, _NO_FAILURES)]
    for kind, failure in _FAILURES:
        if any(isinstance(cause, kind) for cause in causes):
            return failure()
    return ConnectFailed()


def _causes(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        if isinstance(error, BaseExceptionGroup):
            for part in error.exceptions:
                found.extend(_causes(part))
        error = error.__cause__ or error.__context__
    return found


async def probe(url: UpstreamURL, context: ssl.SSLContext | None, *, connect_s: float) -> None:
    """Open and close one connection, TLS handshake included. Raises an UpstreamError when it takes longer or
    fails."""
    try:
        async with asyncio.timeout(connect_s):
            _, writer = await asyncio.open_connection(
                url.host, url.port, ssl=context, server_hostname=url.host if context else None
            )
    except (OSError, UnicodeError) as error:
        raise connect_failure(error) from error
    writer.transport.abort()


async def open_socket(host: str, port: int) -> socket.socket:
    """A connected TCP socket to whichever of the host's addresses answers first. Raises OSError,
    UnicodeError.
    """
    loop = asyncio.get_running_loop()
    found = await _addresses(loop, host, port)
    try:
        sock = await start_connection(found, happy_eyeballs_delay=RACE_DELAY_S, loop=loop)
    except OSError as error:
        error.__traceback__ = None  # whose frames hold it: a cycle that would wait for the collector
        raise
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


async def transport_on(sock: socket.socket, protocol: asyncio.BaseProtocol) -> asyncio.Transport:
    """The transport of a connected socket, which owns it from now on. Raises OSError, and closes it then.

    Cancelled, it is brought to its end first, which is one turn of the loop: half-way, uvloop closes the
    descriptor and the socket object does so once more, when it may be another's (uvloop 0.23, loop.pyx,
    create_connection: the two are tied together at the very end).
    """
    made: list[asyncio.Transport] = []

    async def make() -> None:
        try:
            loop = asyncio.get_running_loop()
            made.append((await loop.create_connection(lambda: protocol, sock=sock))[0])
        except BaseException:
            sock.close()
            raise

    try:
        await undisturbed(make())
    except BaseException:
        for transport in made:
            transport.abort()
        raise
    return made[0]


async def _addresses(loop: asyncio.AbstractEventLoop, host: str, port: int) -> list[AddrInfoType]:
    try:
        family = socket.AF_INET6 if ipaddress.ip_address(host).version == 6 else socket.AF_INET
    except ValueError:
        return cast("list[AddrInfoType]", await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    return [(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port))]
