"""Large uploads, one after the other on one connection: each counts by what the origin got of it.

An answer alone proves nothing: whoever swallows a body can give it, too. The origin compares each byte and
stamps the last; what it says is read once, when all is over, so that nothing is asked while it is timed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import cast

from bench.load.control import Uploaded, forget_uploads, uploads
from bench.load.expect import Address, Connection, Expected, Failures, connect_all, request_head
from bench.load.response import Mismatch, Response
from bench.measured import UploadResult
from bench.scenarios import Upload
from bench.usage import Meter, span
from shared.harness.origin.payload import PATTERN

__all__ = ["run_upload"]

_HIGH_WATER = 256 * 1024


class _Uploading(Connection):
    def __init__(self, size: int, failures: Failures) -> None:
        super().__init__()
        self.size = size
        self.failures = failures
        self.expected = Expected(200, b'{"bytes":%d}' % size)
        self.unsent = 0
        self.answered: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        cast(asyncio.WriteTransport, transport).set_write_buffer_limits(high=_HIGH_WATER)

    async def put(self, head: bytes) -> int:
        """Send one, no faster than it is taken; return when the answer was here, in ns. A failure is told to
        ``failures``."""
        self.answered = asyncio.get_running_loop().create_future()
        self.unsent = self.size
        self.send(head)
        self._push()
        return await self.answered

    def resume_writing(self) -> None:
        self._push()

    def _push(self) -> None:
        while self.unsent and self.transport is not None and not self.failed:
            if self.transport.get_write_buffer_size() > _HIGH_WATER:
                return  # resume_writing() calls again
            piece = PATTERN if self.unsent >= len(PATTERN) else PATTERN[: self.unsent]
            self.unsent -= len(piece)
            self.transport.write(piece)

    def on_response(self, response: Response) -> None:
        now_ns = time.monotonic_ns()
        self.expected.check(response)
        left = self.unsent + (self.transport.get_write_buffer_size() if self.transport is not None else 0)
        if left:
            raise Mismatch("early", f"answered with {left:,} bytes still to be sent")
        self.answered.set_result(now_ns)

    def on_failure(self, failure: Mismatch) -> None:
        self.failures.add(failure)
        if not self.answered.done():
            self.answered.set_result(0)


async def run_upload(address: Address, origin: Address, scenario: Upload, *, meter: Meter) -> UploadResult:
    """Send once to warm up, then ``scenario.times`` times between two readings. A failure ends it."""
    failures = Failures()
    before = after = meter.read()
    answered: list[int] = []
    connections: list[_Uploading] = []

    async def put() -> None:
        head = request_head(address, f"/upload/{len(answered)}", method="POST", length=scenario.size)
        at_ns = await connections[0].put(head)
        if not failures.counts:
            answered.append(at_ns)

    await forget_uploads(origin)
    try:
        connections = await connect_all(address, lambda _: _Uploading(scenario.size, failures), 1)
        async with asyncio.timeout(scenario.deadline_s):
            await put()
            before = meter.read()
            while len(answered) <= scenario.times and not failures.counts:
                await put()
            after = meter.read()
    except Mismatch as failure:
        failures.add(failure)
    except TimeoutError:
        why = f"{len(answered)} of {scenario.times + 1} were answered within {scenario.deadline_s:g} s"
        failures.add(Mismatch("timeout", why))
    finally:
        for connection in connections:
            connection.close()
    used = span(before, after if after is not before else meter.read())
    for mismatch in _mismatches(answered, await uploads(origin), scenario.size):
        failures.add(mismatch)
    return UploadResult(max(0, len(answered) - 1), scenario.size, used, failures.integrity())


def _mismatches(answered: Sequence[int], got: Mapping[str, Uploaded], size: int) -> list[Mismatch]:
    """Return what is wrong with the uploads that were answered at these times, by what the origin got."""
    found = []
    for number, answered_ns in enumerate(answered):
        upload = got.get(str(number))
        if upload is None or upload.whole_ns > answered_ns:
            found.append(Mismatch("early", f"upload {number} was answered before the origin had it whole"))
        elif upload.size != size:
            found.append(Mismatch("length", f"the origin got {upload.size} bytes of {size}"))
        elif not upload.right:
            found.append(Mismatch("content", f"upload {number} is not what was sent"))
    return found
