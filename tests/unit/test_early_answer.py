"""An answer that breaks off in the middle of a large upload, on every real server: the connection ends."""

import asyncio
import contextlib

import pytest

from shared.harness.servers import PROFILES, start_server
from tests.unit.aio import aio


@pytest.mark.parametrize("profile", PROFILES)
def test_the_client_learns_of_it_and_the_server_can_stop(profile: str) -> None:
    with start_server(
        "tests.unit.early_answer:app", profile=profile, env={"TANDEM_DRAIN_TIMEOUT": "1"}
    ) as server:
        upload_to(server.port)
        assert server.stop(deadline_s=30) in (
            0,
            -15,
        )  # uvicorn ends itself with the signal that asked it to stop
    assert "Traceback" not in server.process.log()


@aio
async def upload_to(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    size = 1 << 26  # hypercorn's queue holds ten reads of 64 KiB; this is a hundred times as much
    writer.write(b"POST / HTTP/1.1\r\nHost: proxy.test\r\nContent-Length: %d\r\n\r\n" % size)
    sending = asyncio.create_task(send(writer, size))
    got = b""
    with contextlib.suppress(ConnectionError):  # the server closes with unread bytes: a reset
        while piece := await reader.read(65536):
            got += piece
    assert not got.endswith(b"\r\n0\r\n\r\n")
    sending.cancel()
    await asyncio.wait([sending])
    writer.transport.abort()


async def send(writer: asyncio.StreamWriter, size: int) -> None:
    with contextlib.suppress(ConnectionError):
        for _ in range(size // 65536):
            writer.write(bytes(65536))
            await writer.drain()
