"""Opening a connection: addresses raced, TLS shaken hands on, all of it inside one deadline."""

import asyncio
import socket
import ssl
from collections.abc import Callable

from shared.errors import ConnectFailed
from shared.upstream.connect import connect_failure, open_socket, transport_on
from shared.upstream.wire.connection import READ, Connection
from shared.variables import UpstreamURL

__all__ = ["Opener"]


class Opener:
    """lost: what a connection calls when it has ended. context: None for clear text."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        address: UpstreamURL,
        context: ssl.SSLContext | None,
        connect_s: float,
        lost: Callable[[Connection], None],
    ) -> None:
        self._loop = loop
        self._address = address
        self._context = context
        self._connect_s = connect_s
        self._lost = lost
        # One for all connections: the loop fills it and tells of it in one go.
        self._buffer = memoryview(bytearray(READ))

    async def open(self) -> Connection:
        """Raises an UpstreamError of the connect phase."""
        address = self._address
        try:
            async with asyncio.timeout(self._connect_s):
                sock = await open_socket(address.host, address.port)
                return await self._on(sock)
        except (OSError, UnicodeError) as error:
            raise connect_failure(error) from error

    async def _on(self, sock: socket.socket) -> Connection:
        connection = Connection(self._loop, self._buffer, self._lost)
        transport = await transport_on(sock, connection)
        if self._context is None:
            return connection
        try:
            secured = await self._loop.start_tls(
                transport, connection, self._context, server_hostname=self._address.host
            )
            if secured is None:  # lost as the handshake ended
                raise ConnectFailed
        except BaseException:
            transport.abort()
            raise
        connection.connection_made(secured)
        return connection
