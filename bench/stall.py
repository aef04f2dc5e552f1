"""What blocking calls cost beside this proxy, for docs/connection-closed.md: `python -m bench.stall`.

    some connections, each asking again when its answer is in ---------.
    a probe of /-/healthy now and then, timed from when it was due ----+-> who is asked -> origin, slow

The first column of figures says how much gets through, the health columns how long a trivial request waits
meanwhile: the stall of the event loop that the old "ConnectionClosed" message, counted in the last, was a
symptom of. One run, closed loop: read the ratios.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import numpy as np

from shared.harness.servers import start_server

__all__ = ["ROWS", "Asked", "Row", "Shape", "main", "measure", "row"]

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1024\r\n\r\n" + b"x" * 1024


class Shape(msgspec.Struct, frozen=True):
    """How hard is asked and for how long; `deadline_s` bounds all of it."""

    clients: int = 32
    upstream_s: float = 0.04
    window_s: float = 5.0
    probe_every_s: float = 0.05
    deadline_s: float = 60.0


class Asked(msgspec.Struct, frozen=True):
    """Who is asked, for what, and how many upstream requests one client request means."""

    name: str
    app: str
    target: str
    fan: int


ROWS = (
    Asked("this proxy, handler", "fastapi_app.app:app", "/slow", 1),
    Asked("`requests` in an async endpoint", "bench.baselines.blocking:app", "/slow", 1),
    Asked(
        "this proxy, fan-out of five", "fastapi_app.app:app", "/-/fanout?" + "&".join(["path=/slow"] * 5), 5
    ),
    Asked("a thread pool per call, five `requests`", "bench.baselines.thread_pool:app", "/slow", 5),
)


class Row(msgspec.Struct, frozen=True):
    """The figures of one who was asked. Latencies in milliseconds; `closed_messages` counts the old error in
    the server's log."""

    name: str
    exchanges: int
    probes: int
    upstream_requests_per_s: float
    p50_ms: float
    p99_ms: float
    healthy_p50_ms: float
    healthy_max_ms: float
    upstream_connections: int
    closed_messages: int


@asynccontextmanager
async def slow_origin(upstream_s: float, accepted: list[None]) -> AsyncIterator[str]:
    """An upstream that answers each request after `upstream_s`, any number of them at once. Every connection
    it accepts adds to `accepted`."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.append(None)
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                await asyncio.sleep(upstream_s)
                writer.write(ANSWER)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the proxy has closed the connection
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=1024)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@asynccontextmanager
async def _connection(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def _exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: str) -> None:
    """One request on a connection that stays open. Raises RuntimeError for any answer but a whole 200."""
    writer.write(f"GET {target} HTTP/1.1\r\nHost: stall\r\n\r\n".encode("ascii"))
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if not head.startswith(b"http/1.1 200"):
        raise RuntimeError(f"{target} was answered {head.splitlines()[0]!r}")
    if b"chunked" in head:
        await reader.readuntil(b"0\r\n\r\n")
    else:
        length = next(line for line in head.splitlines() if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.split(b":")[1]))


async def measure(target: str, port: int, shape: Shape) -> tuple[list[float], list[float]]:
    """Seconds of every exchange, and of every probe, within one window.

    Raises RuntimeError for an answer that is no whole 200, TimeoutError at the deadline (in a group, if any).
    """
    loop = asyncio.get_running_loop()
    taken: list[float] = []
    probed: list[float] = []
    end = loop.time() + shape.window_s

    async def client() -> None:
        async with _connection(port) as ends:
            while (start := loop.time()) < end:
                await _exchange(*ends, target)
                taken.append(loop.time() - start)

    async def probe(due: float) -> None:
        await asyncio.sleep(due - loop.time())
        async with _connection(port) as ends:
            await _exchange(*ends, "/-/healthy")
            probed.append(loop.time() - due)

    begin = loop.time()
    due = (begin + n * shape.probe_every_s for n in range(round(shape.window_s / shape.probe_every_s)))
    async with asyncio.timeout(shape.deadline_s), asyncio.TaskGroup() as tasks:
        for job in (*(client() for _ in range(shape.clients)), *map(probe, due)):
            tasks.create_task(job)
    return taken, probed


async def row(asked: Asked, shape: Shape) -> Row:
    """Start who is asked in front of a slow origin, measure, stop. Raises ProcessFailed, and as `measure`."""
    accepted: list[None] = []
    async with slow_origin(shape.upstream_s, accepted) as upstream:
        env = {"TANDEM_UPSTREAM_URL": upstream, "TANDEM_MAX_CONNECTIONS": "200"}
        running = await asyncio.to_thread(start_server, asked.app, profile="uvicorn-httptools", env=env)
        try:
            begin = time.monotonic()
            taken, probed = await measure(asked.target, running.port, shape)
            seconds = time.monotonic() - begin
            messages = running.process.log().count("ConnectionClosed")
        finally:
            await asyncio.to_thread(running.stop)
    p50, p99 = np.quantile(taken, (0.5, 0.99)) * 1000
    return Row(
        asked.name,
        len(taken),
        len(probed),
        len(taken) * asked.fan / seconds,
        p50,
        p99,
        float(np.median(probed)) * 1000,
        max(probed) * 1000,
        len(accepted),
        messages,
    )


def main(arguments: list[str]) -> int:
    """Print the table as Markdown; the exit status."""
    if arguments:
        print("usage: python -m bench.stall", file=sys.stderr)
        return 2
    shape = Shape()
    print(f"{shape.clients} clients, upstream answers after {shape.upstream_s * 1000:.0f} ms, one process\n")
    print("| asked | upstream requests/s | connections | p50 ms | p99 ms | health p50 | max ms | message |")
    print("|---|---|---|---|---|---|---|---|")
    for asked in ROWS:
        found = asyncio.run(row(asked, shape))
        figures = (
            found.upstream_requests_per_s,
            found.upstream_connections,
            found.p50_ms,
            found.p99_ms,
            found.healthy_p50_ms,
            found.healthy_max_ms,
        )
        cells = " | ".join(f"{figure:,.0f}" for figure in figures)
        print(f"| {found.name} | {cells} | {found.closed_messages} times |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
