"""ProxyResponse -> ASGI messages, and ProxyError -> ProxyResponse.

Steps (6) and (7) of the exchange (shared.forward draws them). Why not the frameworks' own responses:
Starlette's StreamingResponse and Litestar's Stream take header mappings, run their clean-up only on some of
the ways out, and invent a content type (docs/decisions).
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias

import msgspec

from shared.errors import (
    BadRequest,
    BodyTooLarge,
    HeaderTooLarge,
    InternalError,
    MethodRefused,
    ProxyError,
    Stopped,
)
from shared.headers import http_date
from shared.hops import PRODUCT
from shared.messages import Headers, ProxyRequest, ProxyResponse
from shared.observe import Observer

__all__ = ["Answer", "Failure", "Send", "failure"]

Send: TypeAlias = Callable[[Any], Awaitable[None]]


# A 405 has to say what else there is (RFC 9110 section 15.5.6). Any method goes on, these among them.
_ALLOW = b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"


class Failure(msgspec.Struct, frozen=True):
    """The JSON body of every answer that is the proxy's own."""

    error: str
    status: int
    detail: str
    request_id: str


def failure(error: ProxyError, request: ProxyRequest) -> ProxyResponse:
    """What the client is told: status, Proxy-Status (RFC 9209) and a short body. No address, no trace.

    A request that was refused unread is the last on its connection: what the client still sends cannot be
    told from a new request safely.
    """
    request.record.outcome = error.outcome
    body = msgspec.json.encode(Failure(error.type, error.status, error.detail, request.record.request_id))
    headers: Headers = [
        (b"Content-Type", b"application/json"),
        (b"Content-Length", str(len(body)).encode("ascii")),
        (b"Date", http_date(int(time.time()))),
        (b"Proxy-Status", PRODUCT + b"; error=" + error.type.encode("ascii")),
    ]
    if isinstance(error, BadRequest | BodyTooLarge | HeaderTooLarge):
        headers.append((b"Connection", b"close"))
    if isinstance(error, MethodRefused):
        headers.append((b"Allow", _ALLOW))
    return ProxyResponse.to(request, error.status, headers, body)


class Answer:
    """The ASGI response that both apps return. To be awaited once; every way out ends the exchange exactly
    once.

    When the upstream fails after the head, it returns without completing the response: the server then cuts
    the connection, so that the client sees an incomplete body and never a clean end.
    """

    def __init__(self, response: ProxyResponse, observer: Observer) -> None:
        self.response = response
        self._observer = observer

    async def __call__(self, scope: Any, receive: Any, send: Send) -> None:
        response = self.response
        body, record, client = response.body, response.record, response.client
        record.status = response.status
        try:
            with client.watching():
                await send(
                    {"type": "http.response.start", "status": response.status, "headers": response.headers}
                )
                if client.withheld:  # the server says no 100 any more
                    client.wanted()
                last = self._whole_body()
                if last is None:
                    last = await self._send_body(send)
                # (7) From here on the server's own http.disconnect may mean "sent" and not "left". When it
                # means "left", hypercorn's last send() over HTTP/2 never returns (protocol/h2.py,
                # StreamBuffer.drain).
                client.finishing()
                if client.uploading and _shows_its_end(response):
                    await client.linger()
                await send({"type": "http.response.body", "body": last, "more_body": False})
            record.bytes_sent += len(last)
        except ProxyError as error:
            record.outcome = error.outcome
        except asyncio.CancelledError:
            record.outcome = Stopped.outcome
            raise
        except Exception:
            record.outcome = InternalError.type
            raise
        finally:
            try:
                if not isinstance(body, bytes) and not body.ended:
                    await body.aclose()
            finally:
                client.close()
                record.bytes_received = client.bytes_received
                self._observer.finish(record)

    def _whole_body(self) -> bytes | None:
        """A body that is there as a whole leaves in one message with the end, and without a turn of the loop;
        while the client still uploads, it is to have all before the end."""
        body, client = self.response.body, self.response.client
        if isinstance(body, bytes):
            client.discard()
            return None if client.uploading else body
        return None if client.uploading else body.whole()

    async def _send_body(self, send: Send) -> bytes:
        """Send the body but for what is to leave with its end, and return that: all, where it is one piece.
        Behind other pieces the last would wait for a slow client where its leaving cannot be told from the
        end any more.

        From its second piece on it is sent by a task of its own: to resume this one resumes each frame
        between it and the server's, a framework's dozen among them, which have left the caches by the next
        event (docs/decisions/0017). Not the first: the client may have all with it, and its next request is
        to find the connection free."""
        body, client = self.response.body, self.response.client
        if isinstance(body, bytes):
            await self._send_chunk(send, body)
            return b""
        pieces = aiter(body)
        first = await anext(pieces, None)
        if first is None:
            return b""
        if body.ended and not client.uploading:
            return first
        await self._send_chunk(send, first)
        second = await anext(pieces, None)
        if second is not None:
            await asyncio.get_running_loop().create_task(self._send_rest(send, second, pieces))
        return b""

    async def _send_rest(self, send: Send, second: bytes, pieces: AsyncIterator[bytes]) -> None:
        await self._send_chunk(send, second)
        async for piece in pieces:
            await self._send_chunk(send, piece)

    async def _send_chunk(self, send: Send, chunk: bytes) -> None:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
        self.response.record.bytes_sent += len(chunk)


def _shows_its_end(response: ProxyResponse) -> bool:
    """Whether the client of an HTTP/1 connection knows that it has the whole answer before it is ended: the
    end of a chunked one, and of a stream of HTTP/2, is not held back.
    """
    return response.http_version.startswith("1.") and any(
        name.lower() == b"content-length" for name, _ in response.headers
    )
