"""One soak: subjects side by side, each before an origin of its own, some clients each, sampled meanwhile.

1 start origins and subjects     2 traffic until time is up, somebody stops it, or a subject dies
3 quiet: nothing may be left at the origin or in flight     4 every place of the pool has to be there still
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack

import msgspec

from bench.record import CellSpec
from bench.soak.client import Client, Tally, hold
from bench.soak.origin import SoakOrigin, soak_origin
from bench.soak.watch import Sample, sample
from bench.start import start
from shared.harness.servers import Running

__all__ = ["PLACES", "Ending", "Plan", "RigFault", "Soaked", "soak"]

PLACES = 32
_SETTINGS = {
    "TANDEM_MAX_CONNECTIONS": str(PLACES),
    "TANDEM_POOL_TIMEOUT": "2",  # there are fewer clients than places: who waits for one has met a leak
    "TANDEM_DRAIN_TIMEOUT": "1",
}
_HOST = "127.0.0.1"


class Plan(msgspec.Struct, frozen=True):
    """What is soaked, for how long. ``clients``: of each subject, fewer than its pool has places; ``rate``:
    exchanges per second that each subject is asked for. ``quiet_s``: how long what is under way has to end,
    once the clients have gone."""

    cells: list[CellSpec]
    seconds: float
    clients: int = 8
    rate: float = 25.0
    seed: int = 0
    quiet_s: float = 10.0

    @property
    def every_s(self) -> float:
        """How long from one sample to the next."""
        return max(0.1, self.seconds / 600)


class Ending(msgspec.Struct, frozen=True):
    """What a subject was left with when all clients had gone. ``busy``: exchanges still at the origin;
    ``in_flight``: by its own count, None where it keeps none; ``places``: how many the pool still had."""

    busy: int
    in_flight: int | None
    places: int


class RigFault(Exception):
    """An origin, not a subject, has failed: what was found would mean nothing."""


class Soaked:
    """One subject of a soak, while it runs and after. ``died``: why there is no ending."""

    def __init__(self, cell: CellSpec, running: Running, origin: SoakOrigin) -> None:
        self.cell = cell
        self.running = running
        self.origin = origin
        self.tally = Tally()
        self.samples: list[Sample] = []
        self.ending: Ending | None = None
        self.died = ""


async def soak(
    plan: Plan, stop: asyncio.Event, tell: Callable[[float, Sequence[Soaked]], None]
) -> list[Soaked]:
    """Run the plan, or as much of it as comes before ``stop``; ``tell`` is called after each sample.

    Raises ProcessFailed when a subject does not start, RigFault for a fault of its own.
    """
    loop, broken = asyncio.get_running_loop(), list[str]()
    # an origin that fails by itself would leave its kind of exchange unasked
    loop.set_exception_handler(
        lambda _, context: broken.append(f"{context['message']}: {context.get('exception')!r}")
    )
    async with AsyncExitStack() as stack:
        subjects = [await _started(stack, cell) for cell in plan.cells]
        await _traffic(plan, subjects, stop, tell)
        for subject in subjects:
            if not subject.died:
                subject.ending = await _ending(subject, plan.quiet_s)
        if broken:
            raise RigFault(f"the rig itself failed, {len(broken)} times: {broken[0]}")
        return subjects


async def _started(stack: AsyncExitStack, cell: CellSpec) -> Soaked:
    origin, port = await stack.enter_async_context(soak_origin())
    running = stack.enter_context(start(cell, f"http://{_HOST}:{port}", settings=_SETTINGS))
    return Soaked(cell, running, origin)


async def _traffic(
    plan: Plan, subjects: list[Soaked], stop: asyncio.Event, tell: Callable[[float, Sequence[Soaked]], None]
) -> None:
    every_s = plan.clients / plan.rate
    clients = [
        asyncio.ensure_future(
            Client(
                one.running.host, one.running.port, one.tally, plan.seed * 1000 + number, every_s=every_s
            ).run()
        )
        for one in subjects
        for number in range(plan.clients)
    ]
    began = time.monotonic()
    try:
        while (at_s := time.monotonic() - began) < plan.seconds and not stop.is_set():
            for client in clients:
                if client.done():
                    client.result()  # only cancelling ends one: anything else is a fault of ours
            if not all(_sampled(one, at_s) for one in subjects):
                return
            tell(at_s, subjects)
            try:
                async with asyncio.timeout(min(plan.every_s, plan.seconds - at_s)):
                    await stop.wait()
            except TimeoutError:
                pass
    finally:
        for client in clients:
            client.cancel()
        await asyncio.gather(*clients, return_exceptions=True)


def _sampled(one: Soaked, at_s: float) -> bool:
    found = sample(
        one.cell.id,
        one.running.process.pid,
        at_s=at_s,
        exchanges=one.tally.exchanges,
        upstream=one.origin.connections,
    )
    if found is None or not one.running.process.running():
        lines = one.running.process.log().strip().splitlines()
        one.died = f"died after {at_s:.0f} s: {lines[-1] if lines else 'its log is empty'}"
        return False
    one.samples.append(found)
    return True


async def _ending(one: Soaked, quiet_s: float) -> Ending:
    await _until(lambda: not one.origin.busy, quiet_s)
    busy, in_flight = one.origin.busy, await _in_flight(one, quiet_s)
    places = await _places(one, quiet_s)
    return Ending(busy, in_flight, places)


async def _places(one: Soaked, quiet_s: float) -> int:
    """Ask for as many exchanges as the pool has places; how many were at the origin at the same time."""
    asked = [asyncio.ensure_future(hold(one.running.host, one.running.port, n)) for n in range(PLACES)]
    try:
        await _until(lambda: one.origin.held == PLACES, quiet_s)
        held = one.origin.held
        one.origin.release()
        right = sum(found is True for found in await asyncio.gather(*asked, return_exceptions=True))
        return min(held, right)
    finally:
        for task in asked:
            task.cancel()


async def _in_flight(one: Soaked, quiet_s: float) -> int | None:
    """Return the subject's own count of exchanges under way, once it is 0 or no longer falls."""
    if one.cell.group != "product":
        return None
    deadline = time.monotonic() + quiet_s
    while True:
        reader, writer = await asyncio.open_connection(one.running.host, one.running.port)
        writer.write(b"GET /-/metrics HTTP/1.1\r\nHost: soak\r\nConnection: close\r\n\r\n")
        text = (await reader.read()).decode("ascii", "replace")
        writer.close()
        found = re.search(r"^tandem_exchanges_in_flight(?:\{[^}]*\})? ([0-9.]+)", text, re.MULTILINE)
        count = int(float(found[1])) if found else None
        if not count or time.monotonic() > deadline:
            return count
        await asyncio.sleep(0.05)


async def _until(so: Callable[[], bool], deadline_s: float) -> None:
    """Return once ``so()``, or at the deadline."""
    deadline = time.monotonic() + deadline_s
    while not so() and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
