"""A relay on real sockets that does its job, and can be told to do one thing wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

from bench.load import Address

__all__ = ["Exchange", "let_go", "relay"]


class Exchange(asyncio.Protocol):
    """A client's connection, and one of its own to the origin; either end closes the other.

    ``left`` is called when the client has gone. Without ``holds_back`` everything is read from the origin,
    whether the client takes it or not.
    """

    def __init__(self, origin: Address, left: Callable[[Exchange], None], *, holds_back: bool) -> None:
        self.origin = origin
        self.left = left
        self.holds_back = holds_back
        self.client: asyncio.Transport | None = None
        self.upstream: asyncio.Transport | None = None
        self.gone = False
        self._early = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.client = cast(asyncio.Transport, transport)
        self._connecting = asyncio.ensure_future(self._connect())

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_connection(lambda: _Upstream(self), *self.origin)
        self.upstream = transport
        if self.gone:
            self.left(self)
        else:
            transport.write(self._early)

    def from_client(self, data: bytes) -> bytes:
        """What goes up for what has come. Override."""
        return data

    def from_origin(self, data: bytes) -> None:
        """Hand on what has come down. Override."""
        if not self.gone and self.client is not None:
            self.client.write(data)

    def upstream_lost(self) -> None:
        """The origin has closed. Override."""
        if self.client is not None:
            self.client.abort()

    def data_received(self, data: bytes) -> None:
        data = self.from_client(data)
        if self.upstream is None:
            self._early += data
        else:
            self.upstream.write(data)

    def eof_received(self) -> None:
        self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()

    def pause_writing(self) -> None:
        if self.holds_back and self.upstream is not None:
            self.upstream.pause_reading()

    def resume_writing(self) -> None:
        if self.holds_back and self.upstream is not None:
            self.upstream.resume_reading()

    def _end(self) -> None:
        if not self.gone:
            self.gone = True
            if self.upstream is not None:
                self.left(self)


class _Upstream(asyncio.Protocol):
    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange

    def data_received(self, data: bytes) -> None:
        self.exchange.from_origin(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.exchange.upstream_lost()


def let_go(exchange: Exchange) -> None:
    """What a proxy does when its client has gone."""
    assert exchange.upstream is not None
    exchange.upstream.abort()


@asynccontextmanager
async def relay(
    origin: Address,
    *,
    left: Callable[[Exchange], None] = let_go,
    holds_back: bool = True,
    make: type[Exchange] = Exchange,
) -> AsyncIterator[Address]:
    """Relay to ``origin``; the address that clients ask."""
    loop = asyncio.get_running_loop()
    exchanges: list[Exchange] = []

    def accept() -> Exchange:
        exchanges.append(make(origin, left, holds_back=holds_back))
        return exchanges[-1]

    server = await loop.create_server(accept, "127.0.0.1", 0)
    try:
        yield Address("127.0.0.1", server.sockets[0].getsockname()[1])
    finally:
        server.close()
        for exchange in exchanges:
            for transport in (exchange.client, exchange.upstream):
                if transport is not None:
                    transport.abort()
        await server.wait_closed()
