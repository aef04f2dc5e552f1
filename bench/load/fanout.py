"""Fan-outs: one request, several answers fetched at once; every line of what comes back is checked."""

from __future__ import annotations

import asyncio

import msgspec

from bench.load.expect import Address, Connection, connect_all, request_bytes
from bench.load.open import run_open
from bench.load.response import Mismatch, Response
from bench.measured import Absence, OpenResult
from bench.shapes import Fanout
from bench.usage import Meter
from shared.harness.origin.payload import JSON_BODY

__all__ = ["Lines", "run_fanout"]

_WARM = 10
_DEADLINE_S = 10.0
_NO_SUCH = (404, 405)


class _Line(msgspec.Struct):
    """What is looked at of a line: what else stands in it is the proxy's own."""

    index: int
    status: int
    text: str


class Lines:
    """What each response has to be: one JSON object a line, one line a path, in whatever order."""

    def __init__(self, scenario: Fanout) -> None:
        self.requests = scenario.requests
        self.text = JSON_BODY[: scenario.chars].decode("ascii")
        self._decoder = msgspec.json.Decoder(_Line)

    def check(self, response: Response) -> None:
        """Raise Mismatch when ``response`` is anything else."""
        if response.head.status != 200:
            raise Mismatch("status", f"{response.head.status} instead of 200")
        try:
            lines = self._decoder.decode_lines(response.body)
        except msgspec.MsgspecError as error:
            raise Mismatch("content", f"not a line of a fan-out: {error}") from None
        if sorted(line.index for line in lines) != list(range(self.requests)):
            raise Mismatch(
                "length", f"lines {[line.index for line in lines]}, not one of {self.requests} each"
            )
        for line in lines:
            if (line.status, line.text) != (200, self.text):
                raise Mismatch("content", f"line {line.index}: status {line.status}, {line.text[:20]!r} …")


class _Asking(Connection):
    def __init__(self) -> None:
        super().__init__()
        self.answer: asyncio.Future[Response] = asyncio.get_running_loop().create_future()

    def on_response(self, response: Response) -> None:
        self.answer.set_result(response)

    def on_failure(self, failure: Mismatch) -> None:
        if not self.answer.done():
            self.answer.set_exception(failure)


async def run_fanout(address: Address, scenario: Fanout, *, meter: Meter, seed: int) -> OpenResult | Absence:
    """Ask a few times one after the other, which warms the subject, then play the schedule once.

    Whoever answers 404 or 405 has no fan-out: an absence.
    """
    paths = "&".join(f"path={scenario.path}/{number}" for number in range(scenario.requests))
    request = request_bytes(address, f"/-/fanout?chars={scenario.chars}&{paths}")
    lines = Lines(scenario)
    try:
        async with asyncio.timeout(_DEADLINE_S):
            for _ in range(_WARM):
                response = await _ask(address, request)
                if response.head.status in _NO_SUCH:
                    return Absence("unsupported", f"it has no fan-out: it answers {response.head.status}")
                lines.check(response)
    except Mismatch as failure:
        return Absence("failed", f"integrity: {failure}")
    except TimeoutError:
        return Absence("failed", f"no {_WARM} fan-outs within {_DEADLINE_S:g} s")
    return await run_open(address, scenario, request=request, expected=lines, meter=meter, seed=seed)


async def _ask(address: Address, request: bytes) -> Response:
    (connection,) = await connect_all(address, lambda _: _Asking(), 1)
    try:
        connection.send(request)
        return await connection.answer
    finally:
        connection.close()
