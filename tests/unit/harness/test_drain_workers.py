"""A drain with several workers: their whole group is told at once, and then they are told by their parent."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable

import pytest

from shared.harness.origin.channel import within
from shared.harness.origin.scripted import Origin
from shared.harness.servers import start_server
from tests.contract.wire import Client

MARK = "0123456789abcdef"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])  # systemd; Ctrl-C in a terminal
def test_what_a_worker_has_in_flight_ends_whole(number: signal.Signals) -> None:
    asyncio.run(lived_through(number))


async def lived_through(number: signal.Signals) -> None:
    origin = Origin()
    origin.listen()
    try:
        await download(number, origin)
    finally:
        await origin.close()


async def download(number: signal.Signals, origin: Origin) -> None:
    env = {"TANDEM_UPSTREAM_URL": origin.url, "TANDEM_ADMIN_PREFIX": ""}
    with (
        contextlib.ExitStack() as stack,
        start_server("fastapi_app.app:app", profile="uvicorn-httptools", env=env, workers=2) as server,
    ):
        server.process.wait_for(said("Application startup complete", 2), what="both workers")
        expected = origin.expect(MARK)
        client = await Client.connect(server.host, server.port)
        stack.callback(client.close)
        await client.send(f"GET /t-{MARK} HTTP/1.1\r\nHost: front.test\r\n\r\n")
        up = await expected.arrival()
        await up.head_of("200 OK", "Content-Length: 10")
        await up.send("01234")
        response = await client.response_head()
        await response.some(5)

        os.killpg(server.process.pid, number)
        # Told once by the group's signal, and once more by the parent (the idle one may have ended by then).
        server.process.wait_for(said("Waiting for child process"), what="word to the workers")

        await up.send("56789")
        up.release()
        assert await response.rest() == b"56789"
        assert response.complete
        assert await within(30, "the end", asyncio.to_thread(server.process.wait, deadline_s=29)) == 0


def said(words: str, times: int = 1) -> Callable[[str], bool | None]:
    return lambda log: True if log.count(words) >= times else None
