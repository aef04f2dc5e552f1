"""One request on one connection, and its response body; the upload goes on beside the download.

head()    request head --> upload task, when there is a body ----.
               `--> response head, or why there is none          |
iteration      `--> chunks ... the end --> upload stopped, connection given back or closed
aclose()       on every other way out
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from shared.errors import BadRequest, Terminated, WriteTimeout
from shared.messages import Headers, RequestBody, UpstreamRequest
from shared.settings import TimeoutSettings
from shared.upstream.wire.connection import Connection
from shared.upstream.wire.request import content_length
from shared.upstream.wire.response import ResponseReader

__all__ = ["Exchange"]

_END = b"\r\n0\r\n\r\n"  # of the last chunk, and of the body


class Exchange:
    """Implements shared.messages.BodyStream. release: takes the connection back, once.

    stale: the connection had carried other exchanges, and no byte has come on it in this one.
    """

    __slots__ = (
        "_body",
        "_connection",
        "_read_s",
        "_release",
        "_released",
        "_timeouts",
        "_upload",
        "ended",
        "reader",
    )

    def __init__(
        self,
        connection: Connection,
        timeouts: TimeoutSettings,
        release: Callable[[Connection], None],
    ) -> None:
        self._connection = connection
        self._timeouts = timeouts
        self._read_s = timeouts.read_s or None
        self._release = release
        self._released = False
        self.ended = False
        self._body: RequestBody | None = None
        self._upload: asyncio.Task[None] | None = None
        self.reader: ResponseReader

    @property
    def stale(self) -> bool:
        return self._connection.used > 1 and not self.reader.begun

    def renew(self, connection: Connection) -> None:
        """Go on with another connection, in the place of one that has ended."""
        self._connection.finish()
        self._connection = connection

    @property
    def trailers(self) -> Headers:
        return self.reader.trailers if self.reader.ended else []

    def head(self, head: bytes, request: UpstreamRequest) -> Coroutine[Any, Any, None]:
        """Send the request, at once. To be awaited: `reader` has the response's head then. Raises whatever
        prevents it."""
        connection = self._connection
        self._body = body = request.body
        self.reader = reader = connection.begin(
            head, to_head=request.method == b"HEAD", sent=body is None, interim=request.interim
        )
        if body is not None:
            sending = self._send(body, content_length(request))
            self._upload = connection.loop.create_task(sending)
            # A small body has mostly come with its head, and leaves with it, in this turn of the loop: each
            # piece costs a system call, a packet and a read.
            connection.loop.call_soon(connection.write_head)
        return connection.head(reader, self._timeouts.response_s)

    async def _send(self, body: RequestBody, length: int | None) -> None:
        """The upload. What goes wrong with it is told to whoever waits for the response."""
        connection = self._connection
        try:
            await self._send_framed(body, length)
        except Terminated:
            return  # the upstream closed; what it had to say, if anything, is being read
        except WriteTimeout as error:
            if not self.reader.headed:
                connection.cut(error)
            return
        except Exception as error:  # noqa: BLE001 - raised again where the response is waited for
            connection.cut(error)
            return
        finally:
            body.discard()
        connection.sent_whole(self._timeouts.response_s)

    async def _send_framed(self, body: RequestBody, length: int | None) -> None:
        """Raises BadRequest when it is not as long as announced."""
        write, write_s = self._connection.write, self._timeouts.write_s
        sent, ended = 0, False
        while piece := await body.take():
            sent += len(piece)
            if length is None:
                ended = body.ended
                # Copied, which costs less than three writes. writelines() would save 3 % of the CPU at most;
                # but asyncio's own did not say that the buffer is full before python/cpython #127655.
                await write(b"%x\r\n%b%b" % (len(piece), piece, _END if ended else b"\r\n"), write_s)
            elif sent <= length:
                await write(piece, write_s)
            else:
                break
        if length is None:
            if not ended:
                await write(_END[2:], write_s)
        elif sent != length:
            raise BadRequest("the request body does not fit its Content-Length")

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._released:
            raise StopAsyncIteration
        reader = self.reader
        if not reader.chunks and not reader.ended:
            await self._connection.more(reader, self._read_s)
        data = self._connection.take(reader)
        if reader.ended:
            # Back in the pool before the client hears of the end: its next request finds it free.
            self.ended = True
            self.close()
        if not data:
            raise StopAsyncIteration
        return data

    def whole(self) -> bytes | None:
        if not self.reader.ended or self._released:
            return None
        data = self._connection.take(self.reader)
        self.ended = True
        self.close()
        return data

    async def aclose(self) -> None:
        self.close()

    def close(self) -> None:
        """The end of the exchange, whole or not. May be called again."""
        if self._released:
            return
        self._released = True
        if self._body is not None:
            # Its task ends by itself: with the connection, which is closed if the upload has not ended, or
            # with the client's next word. It may be in the server's receive(), which is not to be cancelled.
            self._body.discard()
        self._release(self._connection)
