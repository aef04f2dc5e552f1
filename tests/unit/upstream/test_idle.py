"""Connections between two requests."""

import asyncio

import pytest

from tests.unit.aio import aio
from tests.unit.upstream.origin import ENGINES, HELLO, Connection, asking, engine_for, origin, read


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n"])
@aio
async def test_an_idle_connection_that_the_upstream_ends_does_not_wait_for_the_next_request(
    engine: str, said: bytes
) -> None:
    """CLOSE_WAIT: our side of a connection that nobody will use again."""
    idle, ended = asyncio.Event(), asyncio.Event()

    async def once(connection: Connection) -> None:
        await connection.head()
        await connection.send(HELLO)
        await idle.wait()
        await connection.send(said)
        connection.writer.write_eof()
        await connection.gone()
        ended.set()

    async with origin(once) as upstream, engine_for(engine, upstream.port) as client:
        await read(await client.send(asking()))
        idle.set()
        await ended.wait()
