"""What one running proxy shares between its exchanges: opened by the app's lifespan, closed with it."""

import asyncio
import contextlib
import logging
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Coroutine
from typing import Any

from shared import reqtarget
from shared.accesslog import AccessLog
from shared.answer import Answer, Send, failure
from shared.client import Client, Receive
from shared.drain import Drain
from shared.errors import InternalError, ProxyError, Stopped, UpstreamError
from shared.fanout import Fanout
from shared.forward import forward
from shared.headers import asks_first
from shared.messages import ProxyRequest, ProxyResponse, by_name
from shared.observe import Observer
from shared.settings import Settings
from shared.upstream import Upstream, open_upstream

__all__ = ["Proxy", "open_proxy"]

_log = logging.getLogger("tandem")

# Without one of these an HTTP/1 request has no body (RFC 9112 section 6.3); for Upgrade see shared.forward.
_FRAMING = frozenset((b"content-length", b"transfer-encoding", b"upgrade"))

READY_CACHE_S = 1.0
LAST_RECORDS_S = 1.0  # for exchanges that are being cut to end, so that their records are written


class Proxy:
    """The core as the apps see it: translate, answer or fanout, answer_failure, and __call__, which is
    translate, answer and answer_failure in a row as one ASGI callable."""

    def __init__(self, settings: Settings, upstream: Upstream, observer: Observer) -> None:
        self.settings = settings
        self.upstream = upstream
        self.observer = observer
        self.drain = Drain(settings.app.drain_s)
        self._fanout = Fanout(upstream, settings.forward, max_connections=settings.pool.max_connections)
        self._probe_lock = asyncio.Lock()
        self._probed_at = float("-inf")
        self._ready = False

    def translate(self, scope: Any, receive: Receive) -> ProxyRequest:
        """The request that a server's scope and receive() stand for. Begins the exchange: an Answer has to
        end it."""
        # RFC 9112 section 5.1: white space around a value is no part of it; llhttp leaves tabs at its end.
        headers = [(name, value.strip(b" \t")) for name, value in scope["headers"]]
        fields = by_name(headers)
        http_version = scope["http_version"]
        client = Client(
            receive,
            limit=self.settings.forward.max_body,
            empty=_FRAMING.isdisjoint(fields.names.places) and http_version.startswith("1."),
            withheld=b"expect" in fields.names.places
            and self.upstream.relays_interim
            and asks_first(fields, http_version),
            among=self.drain.exchanges,
        )
        peer = scope.get("client")
        return ProxyRequest(
            method=scope["method"].encode("latin-1"),
            target=reqtarget.from_asgi(scope["raw_path"], scope["query_string"]),
            headers=headers,
            fields=fields,
            peer=peer[0] if peer else "unknown",
            scheme=scope["scheme"],
            http_version=http_version,
            client=client,
            record=self.observer.begin(scope["method"], scope["raw_path"].decode("latin-1"), fields),
        )

    def answer(self, request: ProxyRequest) -> Coroutine[Any, Any, Answer]:
        """Forward, and hand on what comes back. Raises a ProxyError that knows its request; answer_failure()
        takes it."""
        return self._answered(request, forward(request, self.upstream, self.settings.forward))

    def fanout(self, request: ProxyRequest) -> Coroutine[Any, Any, Answer]:
        """Answer with the first characters of several upstream responses (shared.fanout). Raises as answer()
        does."""
        return self._answered(request, self._fanout.respond(request))

    async def _answered(self, request: ProxyRequest, responding: Awaitable[ProxyResponse]) -> Answer:
        """Whatever fails becomes a ProxyError that knows its request, a fault of ours among it; only a
        cancellation ends the exchange here, for no Answer will."""
        try:
            return self._answer(await responding)
        except ProxyError as error:
            error.request = request
            raise
        except Exception as fault:
            _log.exception("fault in the proxy itself, request %s", request.record.request_id)
            internal = InternalError()
            internal.request = request
            raise internal from fault
        except BaseException:
            request.record.outcome = Stopped.outcome
            request.client.close()
            self.observer.finish(request.record)
            raise

    def answer_failure(self, error: ProxyError) -> Answer:
        """The answer to a request that answer() or fanout() failed."""
        request: ProxyRequest = error.request  # type: ignore[assignment]
        return self._answer(failure(error, request))

    def _answer(self, response: ProxyResponse) -> Answer:
        if self.drain.begun or response.client.withheld:
            # RFC 9112 section 9.6: who is about to close says so. The servers close and do not. And whether a
            # client that was never told to go on sends its body all the same nobody can know (RFC 9110
            # section 10.1.1): what comes next on its connection could be either.
            response.headers.append((b"Connection", b"close"))
        return Answer(response, self.observer)

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            # A close before the accept: the server answers the handshake with 403.
            await send({"type": "websocket.close"})
            return
        try:
            answer = await self.answer(self.translate(scope, receive))
        except ProxyError as error:
            answer = self.answer_failure(error)
        await answer(scope, receive, send)

    async def ready(self) -> bool:
        """Whether new exchanges are welcome: the proxy is not about to stop, and a connection to the upstream
        can be had, which is asked of the upstream at most once per READY_CACHE_S."""
        if self.drain.begun:
            return False
        async with self._probe_lock:
            if time.monotonic() - self._probed_at > READY_CACHE_S:
                try:
                    await self.upstream.probe()
                    self._ready = True
                except UpstreamError:
                    self._ready = False
                self._probed_at = time.monotonic()
            return self._ready


@contextlib.asynccontextmanager
async def open_proxy(settings: Settings) -> AsyncIterator[Proxy]:
    """Owns the upstream client and the log for as long as the server runs."""
    observer = Observer(AccessLog(sys.stdout.fileno()) if settings.app.access_log else None)
    try:
        upstream = open_upstream(settings)
        try:
            proxy = Proxy(settings, upstream, observer)
            with proxy.drain.on_signals():
                yield proxy
        finally:
            await upstream.aclose()
            # uvicorn cancels what outlives the drain and ends the lifespan in the same turn of the loop.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(observer.idle(), LAST_RECORDS_S)
    finally:
        observer.close()
