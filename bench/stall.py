"""What blocking calls cost beside this proxy, for docs/connection-closed.md: `python -m bench.stall`.

    CLIENTS connections, each asking again when its answer is in --.
    a probe of /-/healthy every PROBE_S, timed from when it was due -+-> subject -> origin, UPSTREAM_S later

The first column of figures says how much gets through, the last how long a trivial request waits meanwhile:
the stall of the event loop that the old "ConnectionClosed" message was a symptom of. One run, closed loop:
read the ratios.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import numpy as np

from shared.harness.servers import start_server

__all__ = ["Row", "main", "measure"]

CLIENTS = 32
UPSTREAM_S = 0.04
WINDOW_S = 5.0
PROBE_S = 0.05
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1024\r\n\r\n" + b"x" * 1024


class Subject(msgspec.Struct, frozen=True):
    """Who is asked, for what, and how many upstream requests one client request means."""

    name: str
    app: str
    target: str
    fan: int


SUBJECTS = (
    Subject("this proxy, handler", "fastapi_app.app:app", "/slow", 1),
    Subject("`requests` in an async endpoint", "bench.baselines.blocking:app", "/slow", 1),
    Subject(
        "this proxy, fan-out of five", "fastapi_app.app:app", "/-/fanout?" + "&".join(["path=/slow"] * 5), 5
    ),
    Subject("a thread pool per call, five `requests`", "bench.baselines.thread_pool:app", "/slow", 5),
)


class Row(msgspec.Struct, frozen=True):
    """Figures of one subject. Latencies in milliseconds; `closed_messages` counts the old error in the
    server's log."""

    name: str
    upstream_requests_per_s: float
    p50_ms: float
    p99_ms: float
    healthy_p50_ms: float
    healthy_max_ms: float
    closed_messages: int


@asynccontextmanager
async def slow_origin() -> AsyncIterator[str]:
    """An upstream that answers each request after UPSTREAM_S, any number of them at once."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                await asyncio.sleep(UPSTREAM_S)
                writer.write(ANSWER)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=1024)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


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


async def measure(subject: Subject, port: int) -> tuple[list[float], list[float]]:
    """Seconds of every exchange, and of every probe, within one window."""
    loop = asyncio.get_running_loop()
    taken: list[float] = []
    probed: list[float] = []
    end = loop.time() + WINDOW_S

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while (start := loop.time()) < end:
            await _exchange(reader, writer, subject.target)
            taken.append(loop.time() - start)
        writer.close()

    async def probe(due: float) -> None:
        await asyncio.sleep(due - loop.time())
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await _exchange(reader, writer, "/-/healthy")
        probed.append(loop.time() - due)
        writer.close()

    begin = loop.time()
    probes = (probe(begin + n * PROBE_S) for n in range(int(WINDOW_S / PROBE_S)))
    async with asyncio.timeout(WINDOW_S * 12), asyncio.TaskGroup() as tasks:
        for job in (*(client() for _ in range(CLIENTS)), *probes):
            tasks.create_task(job)
    return taken, probed


async def _row(subject: Subject) -> Row:
    async with slow_origin() as upstream:
        env = {"TANDEM_UPSTREAM_URL": upstream, "TANDEM_MAX_CONNECTIONS": "200"}
        running = await asyncio.to_thread(start_server, subject.app, profile="uvicorn-httptools", env=env)
        try:
            begin = time.monotonic()
            taken, probed = await measure(subject, running.port)
            seconds = time.monotonic() - begin
            messages = running.process.log().count("ConnectionClosed")
        finally:
            await asyncio.to_thread(running.stop)
    p50, p99 = np.quantile(taken, (0.5, 0.99)) * 1000
    return Row(
        subject.name,
        len(taken) * subject.fan / seconds,
        p50,
        p99,
        float(np.median(probed)) * 1000,
        max(probed) * 1000,
        messages,
    )


def main() -> None:
    """Print the table as Markdown."""
    print(f"{CLIENTS} clients, upstream answers after {UPSTREAM_S * 1000:.0f} ms, one process\n")
    print("| subject | upstream requests/s | p50 ms | p99 ms | health p50 ms | health max ms | old message |")
    print("|---|---|---|---|---|---|---|")
    for subject in SUBJECTS:
        row = asyncio.run(_row(subject))
        figures = (
            row.upstream_requests_per_s,
            row.p50_ms,
            row.p99_ms,
            row.healthy_p50_ms,
            row.healthy_max_ms,
        )
        cells = " | ".join(f"{figure:,.0f}" for figure in figures)
        print(f"| {row.name} | {cells} | {row.closed_messages} times |", flush=True)


if __name__ == "__main__":
    main()
