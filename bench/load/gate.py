"""S0: a cell shows that it does the job before its speed means anything. Nothing here is timed.

Incremental delivery is shown in lock-step: the origin lets an event out only when told to, and it is told
only after the event before has arrived. A subject that gathers events first never gets past the first one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from bench.load.expect import Address, Connection, Expected, connect_all, request_bytes
from bench.load.response import Mismatch, Response, ResponseReader
from bench.measured import GateResult
from bench.scenarios import Gate
from shared.harness.origin.payload import EVENT_SIZE, JSON_BODY, pattern, read_event

__all__ = ["first_answer", "run_gate"]

_BODY = 64 * 1024
_STEPS = 3
_AGAIN_S = 0.002


class _Asking(Connection):
    """One request at a time, awaited."""

    def __init__(self) -> None:
        super().__init__()
        self.answer: asyncio.Future[Response] = asyncio.get_running_loop().create_future()

    async def ask(self, request: bytes) -> Response:
        self.answer = asyncio.get_running_loop().create_future()
        self.send(request)
        return await self.answer

    def on_response(self, response: Response) -> None:
        self.answer.set_result(response)

    def on_failure(self, failure: Mismatch) -> None:
        if not self.answer.done():
            self.answer.set_exception(failure)


async def run_gate(
    address: Address, origin: Address, scenario: Gate, *, proxies: bool, name: str
) -> GateResult:
    """Run the checks in order until one fails. ``name`` is unique to this try (it names a stepped stream).

    ``proxies`` is false for a cell that only answers by itself: it is asked for the JSON alone.
    """
    checks: dict[str, Callable[[], Awaitable[None]]] = {"json": lambda: _json(address)}
    if proxies:
        checks["64 KiB body"] = lambda: _body(address)
        checks["64 KiB upload"] = lambda: _upload(address)
        checks["events one by one"] = lambda: _stepped(address, origin, f"/step/{name}")
    passed: list[str] = []
    for check, run in checks.items():
        try:
            async with asyncio.timeout(scenario.deadline_s):
                await run()
        except Mismatch as failure:
            return GateResult(passed, failed=check, detail=str(failure))
        except TimeoutError:
            return GateResult(passed, failed=check, detail=f"no answer within {scenario.deadline_s:g} s")
        passed.append(check)
    return GateResult(passed)


async def first_answer(address: Address, *, deadline_s: float = 5.0) -> bool:
    """Ask who has just begun to listen for the JSON; return, as soon as it is here, whether it is right.

    A connection that fails is tried again, an answer that is wrong is left for the gate to tell.
    """
    try:
        async with asyncio.timeout(deadline_s):
            while True:
                try:
                    await _json(address)
                    return True
                except Mismatch as failure:
                    if failure.kind != "connection":
                        return False
                await asyncio.sleep(_AGAIN_S)
    except TimeoutError:
        return False


async def _ask(address: Address, request: bytes, expected: Expected) -> None:
    (connection,) = await connect_all(address, lambda _: _Asking(), 1)
    try:
        expected.check(await connection.ask(request))
    finally:
        connection.close()


async def _json(address: Address) -> None:
    await _ask(address, request_bytes(address, "/json"), Expected(200, JSON_BODY))


async def _body(address: Address) -> None:
    await _ask(address, request_bytes(address, f"/bytes/{_BODY}"), Expected(200, pattern(_BODY)))


async def _upload(address: Address) -> None:
    request = request_bytes(address, "/upload", method="POST", body=pattern(_BODY))
    await _ask(address, request, Expected(200, b'{"bytes":%d}' % _BODY))


async def _stepped(address: Address, origin: Address, path: str) -> None:
    (control,) = await connect_all(origin, lambda _: _Asking(), 1)
    (stream,) = await connect_all(address, lambda _: _Asking(), 1)
    arrived: asyncio.Queue[bytes] = asyncio.Queue()
    stream.reader = ResponseReader(on_body=arrived.put_nowait)
    release = request_bytes(origin, path, method="POST")
    try:
        ended = asyncio.ensure_future(stream.ask(request_bytes(address, path)))
        try:
            for number in range(_STEPS):
                await _release(control, release)
                await _event(arrived, ended, number)
        finally:
            ended.cancel()
    finally:
        stream.close()
        control.close()


async def _release(control: _Asking, request: bytes) -> None:
    # the stream's request may still be on its way through the subject; the gate's deadline bounds this
    while (await control.ask(request)).body != b'{"released":true}':
        await asyncio.sleep(0.002)


async def _event(arrived: asyncio.Queue[bytes], ended: asyncio.Future[Response], number: int) -> None:
    data = b""
    while len(data) < EVENT_SIZE:
        piece = asyncio.ensure_future(arrived.get())
        either: set[asyncio.Future[Any]] = {piece, ended}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not piece.done():
                ended.result()
                raise Mismatch("truncated", "the stream ended by itself")
            data += piece.result()
        finally:
            piece.cancel()
    try:
        got, _ = read_event(data)
    except ValueError as error:
        raise Mismatch("content", str(error)) from None
    if got != number:
        raise Mismatch("content", f"event {got} where {number} was due")
