"""The body of a fan-out's response: a task for each path, a line of JSON for each task that ends."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import TypeAlias

import msgspec

from shared.errors import ProtocolError, ProxyError
from shared.fanout.plan import Ask, Plan
from shared.fanout.text import FirstCharacters, codec_of, refuse_coded
from shared.messages import ExchangeRecord, Headers, UpstreamResponse
from shared.tasks import undisturbed
from shared.upstream import Upstream

__all__ = ["Failed", "Fetched", "Records"]


class Fetched(msgspec.Struct, frozen=True):
    """`text` is the first characters of the body. `ms` runs from the path's turn to its last character."""

    path: str
    index: int
    status: int
    text: str
    ms: float


class Failed(msgspec.Struct, frozen=True):
    """`error` is a proxy error type of RFC 9209 section 2.3."""

    path: str
    index: int
    error: str
    detail: str
    ms: float


Outcome: TypeAlias = Fetched | Failed


class Records:
    """Implements shared.messages.BodyStream: one line per path, in the order in which they finish.

    Nothing runs before the first line is asked for. `turns` and `gate` are taken, in this order, for as long
    as a path may use a connection (shared.fanout says why there are two).
    """

    ended = False  # as far as anybody has to know

    def __init__(
        self,
        plan: Plan,
        upstream: Upstream,
        *,
        turns: asyncio.Semaphore,
        gate: asyncio.Semaphore,
        exchange: ExchangeRecord,
    ) -> None:
        self._plan = plan
        self._upstream = upstream
        self._turns = turns
        self._gate = gate
        self._exchange = exchange
        self._tasks: list[asyncio.Task[Outcome]] | None = None
        self._finished: asyncio.Queue[asyncio.Task[Outcome]] = asyncio.Queue()
        self._left = len(plan.asks)

    @property
    def trailers(self) -> Headers:
        return []

    def whole(self) -> None:
        return None

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._tasks is None:
            self._tasks = self._started()
        if self._left == 0:
            raise StopAsyncIteration
        task = await self._finished.get()
        self._left -= 1
        return msgspec.json.encode(task.result()) + b"\n"

    def _started(self) -> list[asyncio.Task[Outcome]]:
        create_task = asyncio.get_running_loop().create_task
        tasks = [create_task(self._fetch(index, ask)) for index, ask in enumerate(self._plan.asks)]
        for task in tasks:
            task.add_done_callback(self._finished.put_nowait)
        return tasks

    async def aclose(self) -> None:
        """Cancels what still runs, and returns when every connection is closed or given back."""
        tasks, self._tasks, self._left = self._tasks or [], [], 0
        for task in tasks:
            task.cancel()
        if tasks:
            await undisturbed(asyncio.wait(tasks))

    async def _fetch(self, index: int, ask: Ask) -> Outcome:
        async with self._turns, self._gate:
            began = time.monotonic()
            try:
                status, text = await self._first_characters(ask, began)
            except ProxyError as error:
                return Failed(ask.path, index, error.type, error.detail, _ms_since(began))
            return Fetched(ask.path, index, status, text, _ms_since(began))

    async def _first_characters(self, ask: Ask, began: float) -> tuple[int, str]:
        """Status and text of one response. Raises a ProxyError."""
        try:
            response = await self._upstream.send(ask.request)
        finally:
            if self._exchange.upstream_s is None:
                self._exchange.upstream_s = time.monotonic() - began
        try:
            if not 200 <= response.status <= 599:
                raise ProtocolError("the upstream's answer has a status that means nothing")
            refuse_coded(response.headers)
            return response.status, await self._read(response)
        finally:
            await response.body.aclose()

    async def _read(self, response: UpstreamResponse) -> str:
        first = FirstCharacters(self._plan.chars, codec_of(response.headers))
        length = _content_length(response.headers)
        async for piece in response.body:
            # A body known to be in whole is read to its end, which costs nothing and keeps the connection;
            # of any other, no byte more than is needed.
            if first.feed(piece) and first.bytes_taken != length:
                return first.text
        first.finish()
        return first.text


def _content_length(headers: Headers) -> int | None:
    for name, value in headers:
        if name.lower() == b"content-length" and value.isdigit():
            return int(value)
    return None


def _ms_since(began: float) -> float:
    return round((time.monotonic() - began) * 1000, 3)
