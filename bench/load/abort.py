"""Clients that leave, and how soon the origin sees the close of what was asked of it for them.

    for each point: until ``each`` have gone
        ``together`` clients ask -> all have come to that point -> they leave, one after the other
    -> the origin is asked until it has seen every close, or patience is at its end
    -> it closes what is left, so that the next point finds the subject's pool empty

Both ends stamp CLOCK_MONOTONIC. A client is gone when it closes its socket, with a FIN, or with a RST where
something lies unread in it: as it happens to a proxy.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from bench.histogram import encode_histogram
from bench.load.at_will import AtWill
from bench.load.control import forget_watched, stats, watched
from bench.load.expect import Address, Failures, request_bytes
from bench.load.response import Mismatch
from bench.measured import AbortsResult, Absence, Left
from bench.shapes import LEAVING, Aborts
from bench.usage import Meter, descriptors, span
from shared.harness.origin.payload import EVENT_SIZE, PATTERN, read_event

__all__ = ["run_aborts"]

_LOOK_S = 0.02
_APART_S = 0.002
_QUIET_S = 2.0

_numbers = itertools.count()


class _Unreached(Exception):
    """That point cannot be come to; the message says why."""


_Clients = dict[str, AtWill]
_Arrive = Callable[[_Clients, Address], Awaitable[None]]


async def run_aborts(address: Address, origin: Address, scenario: Aborts, *, meter: Meter) -> AbortsResult:
    """Let clients leave at each point in turn. A response that is wrong ends it."""
    failures = Failures()
    points: dict[str, Left] = {}
    before = meter.read()
    held = await _held(origin, meter)
    for name in LEAVING:
        try:
            points[name] = await _point(address, origin, scenario, name)
        except Mismatch as failure:
            failures.add(failure)
            break
        finally:
            await forget_watched(origin)
    kept = await _kept(origin, meter, held)
    return AbortsResult(points, kept, span(before, meter.read()), failures.integrity())


async def _point(address: Address, origin: Address, scenario: Aborts, name: str) -> Left:
    left_ns: dict[str, int] = {}
    absence = None
    while len(left_ns) < scenario.each and absence is None:
        count = min(scenario.together, scenario.each - len(left_ns))
        try:
            left_ns |= await _leave(address, origin, scenario, name, count)
        except (_Unreached, TimeoutError) as never:
            why = str(never) or f"clients waited {scenario.arrival_s:g} s to come to that point"
            absence = Absence("unsupported", why)
    gone = await _gone(origin, left_ns, scenario.patience_s)
    seen = [gone[client][0] - at_ns for client, at_ns in left_ns.items() if client in gone]
    if any(ns < 0 for ns in seen):
        absence = Absence("unsupported", "the upstream was closed before its client left")
        seen = [max(0, ns) for ns in seen]
    return Left(len(left_ns), len(left_ns) - len(seen), encode_histogram(seen), absence)


async def _leave(
    address: Address, origin: Address, scenario: Aborts, name: str, count: int
) -> dict[str, int]:
    """Let so many clients come to that point and leave; when each did. None leaves before all have come."""
    path, arrive = _POINTS[name]
    paths = {f"c{n}": path for n in itertools.islice(_numbers, count)}
    left_ns = {}
    async with _asking(address, paths, scenario.body) as clients:
        async with asyncio.timeout(scenario.arrival_s):
            await arrive(clients, origin)
        for client, at_will in clients.items():
            left_ns[client] = at_will.leave()
            await asyncio.sleep(_APART_S)
    return left_ns


@asynccontextmanager
async def _asking(address: Address, paths: dict[str, str], body: int) -> AsyncIterator[_Clients]:
    clients: _Clients = {}
    try:
        for name, path in paths.items():
            target = f"{path.format(name=name, body=body)}watch={name}"
            clients[name] = await AtWill.ask(address, request_bytes(address, target))
        yield clients
    finally:
        for client in clients.values():
            client.leave()


async def _asked(clients: _Clients, origin: Address) -> None:
    while not clients.keys() <= (await watched(origin)).open.keys():
        await asyncio.sleep(_LOOK_S)


async def _headed(clients: _Clients, origin: Address) -> None:
    for client in clients.values():
        await client.body(0)


async def _streamed(clients: _Clients, origin: Address) -> None:
    for client in clients.values():
        data = await client.body(2 * EVENT_SIZE)
        for number in range(2):
            try:
                got, _ = read_event(data[number * EVENT_SIZE : (number + 1) * EVENT_SIZE])
            except ValueError as error:
                raise Mismatch("content", str(error)) from None
            if got != number:
                raise Mismatch("content", f"event {got} where {number} was due")


async def _blocked(clients: _Clients, origin: Address) -> None:
    """Return once nothing flows any more."""
    for client in clients.values():
        data = await client.body(1)
        if data != PATTERN[: len(data)]:
            raise Mismatch("content", f"wrong within the first {len(data)} bytes")
    before: dict[str, int] = {}
    while True:
        known = await watched(origin)
        everything = known.open | {name: never for name, (_, never) in known.gone.items()}
        left = {name: everything[name] for name in clients}
        if left == before:
            if not all(left.values()):
                raise _Unreached("a whole body was taken that nobody read: nothing blocks")
            return
        before = left
        await asyncio.sleep(2 * _LOOK_S)


_POINTS: dict[str, tuple[str, _Arrive]] = {
    "before the first byte": ("/hold?", _asked),
    "after the head": ("/step/{name}?", _headed),
    "mid-stream": ("/sse?every_us=5000&", _streamed),
    "blocked on a slow reader": ("/bytes/{body}?", _blocked),
}


async def _gone(origin: Address, names: dict[str, int], patience_s: float) -> dict[str, tuple[int, int]]:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience_s
    while True:
        last = loop.time() >= deadline  # asked before the question: what this process was late is nobody's
        found = (await watched(origin)).gone
        if last or names.keys() <= found.keys():
            return found
        await asyncio.sleep(_LOOK_S)


async def _held(origin: Address, meter: Meter) -> int | None:
    """Return how many descriptors the subject holds beside its connections to the origin."""
    held = descriptors(meter.pid) if meter.pid is not None else None
    # the connection that asks is not the subject's
    return held - ((await stats(origin))["connections"] - 1) if held is not None else None


async def _kept(origin: Address, meter: Meter, before: int | None) -> int | None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _QUIET_S
    while (now := await _held(origin, meter)) is not None and before is not None:
        if now <= before or loop.time() >= deadline:
            return max(0, now - before)
        await asyncio.sleep(_LOOK_S)
    return None
