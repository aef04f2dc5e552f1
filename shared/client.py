"""The client's side of one exchange, and the only caller of the server's receive().

One task reads ahead, so that the client's leaving is seen whatever the exchange is waiting for:

    receive() --> reader --> chunks (at most LOOK_AHEAD bytes) --> iteration, by whoever sends the upload on
                     |-----> http.disconnect: gone; the block inside watching() is cancelled
    stop() ----------`                              so it is when the proxy has to stop

1. While more than LOOK_AHEAD bytes wait, the reader does not call receive(): the server then stops reading
   the socket, and the client feels the upstream's pace. (A client that leaves while its bytes are stuck
   cannot be seen by anyone: its FIN stands behind them. The write timeout ends that.)
2. After discard() the reader takes and drops. hypercorn's last send() does not return while its queue of
   request messages is full (measured), so an unread upload has to be drained while the answer is sent. So it
   is after close(), until the upload's end: hypercorn's own end of the exchange is one more message in that
   queue, and a connection whose queue stays full is never closed (measured).
3. linger() waits for what the client still sends, once its answer is there: servers close at the end of a
   response whose request they have not read, and to close on unread bytes resets the connection, which takes
   the answer away from whoever sends on before it looks up (RFC 9112 section 9.6).
4. http.disconnect is latched and receive() is never called again: a second call blocks for ever on hypercorn
   (measured).
5. A client that asks first (Expect: 100-continue) is answered by the server when receive() is called, by
   uvicorn at least. Where the upstream is to answer, the reader waits with that for wanted(), EXPECT_S at
   most (RFC 9110 section 10.1.1); for so long the client's leaving goes unseen.
6. The reader is a task, and most exchanges are over before it could be of use. So it starts when somebody
   wants the upload, before the exchange has to wait for a connection, or when it has lasted WATCH_AFTER_S.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias

from shared.errors import BodyTooLarge, ClientGone, ProxyError, Stopped
from shared.watch import Watch

__all__ = ["LOOK_AHEAD", "Client", "Clients", "Receive"]

Receive: TypeAlias = Callable[[], Awaitable[Any]]

LOOK_AHEAD = 65536  # bytes; the high-water mark that uvicorn uses for the same purpose
WATCH_AFTER_S = 0.05  # and twice that at most
EXPECT_S = 1.0  # without a word from the upstream, after which the body is asked for all the same
LAST_SEND_S = 1.0  # what a server may take for its last send() once the client is gone
REST_S = 0.5  # without a byte of an upload that is in vain, after which its client is waited for no more
LINGER_S = 30.0  # in all, for what is sent after the answer: nginx's lingering_time


# A deque takes 760 bytes also while it is empty, and few of a thousand streams have an upload.
_NONE: deque[bytes] = deque(maxlen=0)


class Client:
    """Implements shared.messages.ClientSide over an ASGI receive().

    Iterating yields the request body, at most one read of the server per item. `limit` is the largest body in
    bytes, 0 for none; `empty` says that the request has none; `withheld`, whether to wait for wanted() first.
    start() sets the reader going inside the running loop; so does whatever needs it. close() has to be called
    at the end; after it the reader stops by itself, with the upload's end or the client's. Until then the
    client stands in `among`, where who stops the proxy finds it.
    """

    __slots__ = (
        "_among",
        "_chunks",
        "_closed",
        "_discarding",
        "_empty",
        "_ended",
        "_given_up",
        "_held",
        "_limit",
        "_reader",
        "_receive",
        "_wake_consumer",
        "_wake_reader",
        "bytes_received",
        "gone",
        "stopped",
        "watch",
        "withheld",
    )

    def __init__(
        self,
        receive: Receive,
        *,
        limit: int = 0,
        empty: bool = False,
        withheld: bool = False,
        among: "Clients | None" = None,
    ) -> None:
        self._receive = receive
        self._limit = limit
        self._empty = empty
        self._among = among
        self.stopped = False
        self._chunks = _NONE
        self._held = 0
        self._ended = empty
        self._given_up: Exception | None = None
        self._discarding = False
        self._closed = False
        self._reader: asyncio.Task[None] | None = None
        self.watch: Watch | None = None
        self._wake_consumer: asyncio.Future[None] | None = None
        self._wake_reader: asyncio.Future[None] | None = None
        self.gone = False
        self.bytes_received = 0
        self.withheld = withheld
        if among is not None:
            among.add(self)

    def start(self) -> None:
        """Read from now on. A second call changes nothing."""
        if self._reader is None:
            self._reader = asyncio.get_running_loop().create_task(self._read())

    async def _read(self) -> None:
        if self.withheld:
            await self._until_wanted()
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self._leave()
                return
            if body := message.get("body"):
                self.bytes_received += len(body)
                if not self._discarding:
                    if self._chunks is _NONE:
                        self._chunks = deque()
                    self._chunks.append(body)
                    self._held += len(body)
            if not message.get("more_body", False):
                self._ended = True
                if self._closed:
                    return
            _wake(self._wake_consumer)
            while self._held > LOOK_AHEAD and not self._discarding:
                self._wake_reader = asyncio.get_running_loop().create_future()
                await self._wake_reader

    async def _until_wanted(self) -> None:
        loop = asyncio.get_running_loop()
        timer = loop.call_later(EXPECT_S, self.wanted)
        try:
            while self.withheld:
                self._wake_reader = loop.create_future()
                await self._wake_reader
        finally:
            timer.cancel()

    def wanted(self) -> None:
        self.withheld = False
        _wake(self._wake_reader)

    def _leave(self) -> None:
        self.gone = True
        _wake(self._wake_consumer)
        if self.watch is not None:
            self.watch.fire()

    def stop(self) -> None:
        """End what the exchange is waiting for with Stopped: what is inside watching() now, or the next to
        enter. What comes after that, the answer that says so, is left alone."""
        self.stopped = True
        _wake(self._wake_consumer)
        if self.watch is not None:
            self.watch.fire()

    def over(self) -> ProxyError | None:
        """Why nobody should go on waiting, None when there is no reason. A stop is told once."""
        if self.gone:
            return ClientGone()
        if self.stopped:
            self.stopped = False
            return Stopped()
        return None

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._discarding:
            # Ending here would make a truncated upload look whole.
            raise RuntimeError("the request body was discarded; nobody may read on")
        self.start()
        while not self._chunks:
            if self._ended:
                raise StopAsyncIteration
            if self.gone:
                raise ClientGone
            if self._given_up is not None:
                raise self._given_up
            self._wake_consumer = asyncio.get_running_loop().create_future()
            await self._wake_consumer
        if 0 < self._limit < self.bytes_received:
            raise BodyTooLarge
        chunk = self._chunks.popleft()
        self._held -= len(chunk)
        if self._held <= LOOK_AHEAD:
            _wake(self._wake_reader)
        return chunk

    async def has_content(self) -> bool:
        self.start()
        while not (self._chunks or self._ended or self.gone):
            self._wake_consumer = asyncio.get_running_loop().create_future()
            await self._wake_consumer
        return bool(self._chunks)

    def give_up(self, error: Exception) -> None:
        loop = asyncio.get_running_loop()

        def look(before: int) -> None:
            if self._discarding or self._ended:
                return
            if self.bytes_received > before:
                loop.call_later(REST_S, look, self.bytes_received)
                return
            self._given_up = error
            _wake(self._wake_consumer)

        loop.call_later(REST_S, look, self.bytes_received)

    def discard(self) -> None:
        self._discarding = True
        if not self._empty:
            self.start()
        self._chunks = _NONE
        self._held = 0
        _wake(self._wake_reader)

    @property
    def uploading(self) -> bool:
        return not (self._ended or self.gone)

    async def linger(self) -> None:
        self.discard()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LINGER_S):
                while self.uploading and not self.stopped:
                    self._wake_consumer = asyncio.get_running_loop().create_future()
                    async with asyncio.timeout(REST_S):
                        await self._wake_consumer

    def watching(self) -> Watch:
        return Watch(self, None if self._among is None else self._among.loop)

    def finishing(self) -> None:
        assert self.watch is not None
        self.watch.grace_s = LAST_SEND_S
        if self.gone:
            self.watch.fire()

    def close(self) -> None:
        if self._closed:
            return
        self.withheld = False
        self.watch = None
        self._closed = True
        if self._among is not None:
            self._among.discard(self)
        if self._reader is None and self._empty:
            return  # nothing was begun
        self.discard()
        if self._ended and self._reader is not None:
            # Servers end the reader's wait with the response (http.disconnect), in this turn of the loop; to
            # cancel it there would cost more, and leave a cycle for the collector: an error and its frames.
            asyncio.get_running_loop().call_soon(self._reader.cancel)
            self._reader = None


class Clients:
    """The clients of all open exchanges, where who stops the proxy finds them. The readers of those that take
    long are set going here."""

    def __init__(self) -> None:
        self.open: set[Client] = set()
        self.loop: asyncio.AbstractEventLoop | None = None  # known as soon as there is a client
        self._new: set[Client] = set()  # since the last look
        self._older: set[Client] = set()  # the look before
        self._timer: asyncio.TimerHandle | None = None

    def add(self, client: Client) -> None:
        self.open.add(client)
        self._new.add(client)
        if self._timer is None:
            self.loop = asyncio.get_running_loop()
            self._timer = self.loop.call_later(WATCH_AFTER_S, self._look)

    def discard(self, client: Client) -> None:
        self.open.discard(client)
        self._new.discard(client)
        self._older.discard(client)

    def _look(self) -> None:
        for client in self._older:
            client.start()
        self._older, self._new = self._new, set()
        self._timer = None
        if self._older:
            self._timer = asyncio.get_running_loop().call_later(WATCH_AFTER_S, self._look)


def _wake(waiter: asyncio.Future[None] | None) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)
