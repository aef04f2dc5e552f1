"""Healthy SSE streams alone, then beside readers that take a body in sips: who pays for those, and how much.

    open the streams -> window alone -> the slow ones ask -> the origin can send them no more, or fill_s
    -> window beside them -> what the origin has got rid of for each, what each has taken -> close all

What lies between the two counts is held: in the subject, and in the buffers of the kernel, which the direct
leg shows alone. It ends at the body's size, where a subject holds nothing back.
"""

from __future__ import annotations

import asyncio
import itertools

from bench.load.at_will import AtWill
from bench.load.control import forget_watched, watched
from bench.load.expect import Address, request_bytes
from bench.load.response import Mismatch
from bench.load.streams import Watch, with_streams
from bench.measured import SlowReader, SlowResult, StreamsResult
from bench.shapes import Slow
from bench.usage import Memory, Meter, memory
from shared.harness.origin.payload import PATTERN

__all__ = ["run_slow"]

_LOOK_S = 0.05
_SIPS_PER_S = 8

_numbers = itertools.count()


class _Sipping:
    """A slow reader: a little of its body at even intervals, each byte compared."""

    def __init__(self, client: AtWill, scenario: Slow) -> None:
        self._client = client
        self._sip = scenario.bytes_per_s // _SIPS_PER_S
        self.taken = 0

    async def read(self) -> None:
        """Read until cancelled. Raises Mismatch when a byte is wrong or the response ends."""
        while True:
            found = await self._client.read(self._sip)
            if found is not None:
                piece = found.body[self.taken :]
                at = self.taken % len(PATTERN)
                if piece != (PATTERN + PATTERN)[at : at + len(piece)]:
                    raise Mismatch("content", f"wrong within {len(piece)} bytes after byte {self.taken}")
                self.taken += len(piece)
            await asyncio.sleep(1 / _SIPS_PER_S)


async def run_slow(address: Address, origin: Address, scenario: Slow, *, meter: Meter) -> SlowResult:
    """Record both windows. The first response that is wrong ends them."""
    watch = Watch(scenario.healthy)
    windows: list[StreamsResult] = []
    readers: list[SlowReader] = []
    before = after = None

    async def both() -> None:
        nonlocal before, after, readers
        await watch.window(meter)
        windows.append(watch.result())
        before = _memory(meter)
        async with _Slow(address, scenario, watch) as slow:
            await slow.fill(origin)
            await watch.window(meter)
            readers, after = await slow.readers(origin), _memory(meter)

    try:
        await with_streams(address, watch, both)
    finally:
        await forget_watched(origin)
    windows.append(watch.result())
    alone, beside = windows[0], windows[-1]
    wrong = watch.failures.integrity()
    return SlowResult(alone, beside, scenario.body, readers, before, after, wrong)


class _Slow:
    """All slow readers of one run; inside they read, afterwards they are gone."""

    def __init__(self, address: Address, scenario: Slow, watch: Watch) -> None:
        self._address = address
        self._scenario = scenario
        self._watch = watch
        self._clients: list[AtWill] = []
        self._sipping: dict[str, _Sipping] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> _Slow:
        try:
            for _ in range(self._scenario.slow):
                name = f"s{next(_numbers)}"
                target = f"/bytes/{self._scenario.body}?watch={name}"
                client = await AtWill.ask(self._address, request_bytes(self._address, target))
                self._clients.append(client)
                self._sipping[name] = _Sipping(client, self._scenario)
        except BaseException:
            await self.__aexit__()
            raise
        self._tasks = [asyncio.ensure_future(self._read(one)) for one in self._sipping.values()]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for client in self._clients:
            client.leave()

    async def _read(self, one: _Sipping) -> None:
        try:
            await one.read()
        except Mismatch as failure:
            self._watch.failures.add(failure)

    async def fill(self, origin: Address) -> None:
        """Wait until the origin gets rid of no more than the slow ones take, or for ``fill_s``."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._scenario.fill_s
        before = await self._left(origin)
        while loop.time() < deadline and not self._watch.failures.counts:
            await asyncio.sleep(_LOOK_S)
            now = await self._left(origin)
            # what they take in that time comes in steps of the kernel's own
            still = (
                sum(before.values()) - sum(now.values()) <= self._scenario.slow * self._scenario.bytes_per_s
            )
            if len(now) == self._scenario.slow and len(before) == len(now) and still:
                return
            before = now

    async def readers(self, origin: Address) -> list[SlowReader]:
        """Return what the origin has got rid of for each, and what each has taken."""
        known = await watched(origin)
        left = known.open | {name: never for name, (_, never) in known.gone.items()}
        size = self._scenario.body
        return [
            SlowReader(one.taken, size - left.get(name, size), name in known.gone)
            for name, one in self._sipping.items()
        ]

    async def _left(self, origin: Address) -> dict[str, int]:
        there = (await watched(origin)).open
        return {name: there[name] for name in self._sipping if name in there}


def _memory(meter: Meter) -> Memory | None:
    return memory(meter.pid) if meter.pid is not None else None
