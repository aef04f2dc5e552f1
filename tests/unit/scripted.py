"""An upstream without sockets: what it was asked, what it answers, how often its body was closed."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from shared.errors import ProxyError, UpstreamError
from shared.messages import Headers, UpstreamRequest, UpstreamResponse, by_name

__all__ = ["ScriptedBody", "ScriptedUpstream"]


class ScriptedBody:
    """Yields `chunks`, then raises `error`, waits for ever, or ends. `closed` counts calls of aclose().

    `tells` whether the end is known with the last chunk, as it is from framing that says so.
    """

    def __init__(
        self,
        chunks: Sequence[bytes] = (),
        *,
        error: BaseException | None = None,
        silent: bool = False,
        tells: bool = False,
    ) -> None:
        self._chunks = list(chunks)
        self._error = error
        self._silent = silent
        self._tells = tells
        self.ended = False
        self.closed = 0
        self.read = 0
        self.trailers: Headers = []

    def whole(self) -> bytes | None:
        return None

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        assert not self.closed, "read after it was closed"
        await asyncio.sleep(0)
        self.ended = self._tells and self.read + 1 >= len(self._chunks)
        if self.read < len(self._chunks):
            self.read += 1
            return self._chunks[self.read - 1]
        if self._silent:
            await asyncio.Event().wait()
        if self._error is not None:
            raise self._error
        raise StopAsyncIteration

    async def aclose(self) -> None:
        self.closed += 1
        await asyncio.sleep(0)


class ScriptedUpstream:
    """Implements shared.upstream.Upstream. `error` is raised instead of an answer; `silent` never answers."""

    has_idle = False

    def __init__(
        self,
        status: int = 200,
        headers: Headers | None = None,
        body: ScriptedBody | None = None,
        *,
        error: BaseException | None = None,
        silent: bool = False,
    ) -> None:
        self.body = body or ScriptedBody([b"hello"])
        self.relays_interim = False
        self.reads_strictly = False
        self.requests: list[UpstreamRequest] = []
        self.uploads: list[bytes] = []
        self.cancelled = 0
        self.probes = 0
        self.probe_error: UpstreamError | None = None
        self.closed = 0
        self._answer = UpstreamResponse(status, headers or [], by_name(headers or []), self.body)
        self._error = error
        self._silent = silent

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        self.requests.append(request)
        try:
            if request.body is not None:
                self.uploads.append(b"".join([chunk async for chunk in request.body]))
            if self._silent:
                await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        except ProxyError:
            self.cancelled += 1
            raise
        await asyncio.sleep(0)
        if self._error is not None:
            raise self._error
        return self._answer

    async def probe(self) -> None:
        self.probes += 1
        await asyncio.sleep(0)
        if self.probe_error is not None:
            raise self.probe_error

    async def aclose(self) -> None:
        self.closed += 1
