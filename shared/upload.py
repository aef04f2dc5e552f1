"""The request body as the server hands it over, and with it the word that the client has left.

Whether the client is still there is told by receive() alone. So somebody waits in it most of the time:
whoever sends the upload, by take(), or else a reader, which is a task that reads ahead.

    receive() --> take() --------------------------------------> whoever sends the upload
        `-------> reader --> chunks (at most LOOK_AHEAD bytes) --> take(), or iteration
        `-------> http.disconnect: gone

1. While more than LOOK_AHEAD bytes wait, nobody calls receive(): the server then stops reading the socket,
   and the client feels the upstream's pace. (A client that leaves while its bytes are stuck cannot be seen by
   anyone: its FIN stands behind them. The write timeout ends that.)
2. After discard() the reader takes and drops. hypercorn's last send() does not return while its queue of
   request messages is full (measured), so an unread upload has to be drained while the answer is sent. So it
   is after the exchange, until the upload's end: hypercorn's own end of the exchange is one more message in
   that queue, and a connection whose queue stays full is never closed (measured).
3. http.disconnect is latched and receive() is never called again: a second call blocks for ever on hypercorn
   (measured). Nor is it called twice at once, or cancelled before the upload's end: uvicorn and hypercorn
   would lose no message by that, what stands between server and app may.
4. A client that asks first (Expect: 100-continue) is answered by the server when receive() is called, by
   uvicorn at least. Where the upstream is to answer, that waits for wanted(), EXPECT_S at most (RFC 9110
   section 10.1.1); for so long the client's leaving goes unseen.
5. Most exchanges are over before a reader could be of use. So it starts when somebody iterates, before the
   exchange has to wait for a connection, when the rest is to be dropped, and when an exchange has lasted
   (shared.clients) and nobody is in receive(): its upload is over, or the upstream does not take it. It ends
   when LOOK_AHEAD bytes wait, or when take() waits for it and can go on without.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias

from shared.errors import BodyTooLarge, ClientGone

__all__ = ["LOOK_AHEAD", "Receive", "Upload"]

Receive: TypeAlias = Callable[[], Awaitable[Any]]

LOOK_AHEAD = 65536  # bytes; the high-water mark that uvicorn uses for the same purpose
EXPECT_S = 1.0  # without a word from the upstream, after which the body is asked for all the same
REST_S = 0.5  # without a byte of an upload that is in vain, after which its client is waited for no more

# A deque takes 760 bytes also while it is empty, and few of a thousand streams have an upload.
_NONE: deque[bytes] = deque(maxlen=0)


class Upload:
    """Implements shared.messages.RequestBody over an ASGI receive().

    Each piece of the body is at most one read of the server's. `limit` is the largest body in bytes, 0 for
    none; `empty` says that the request has none; `withheld`, whether to wait for wanted() first.
    """

    __slots__ = (
        "_chunks",
        "_closed",
        "_discarding",
        "_ended",
        "_given_up",
        "_held",
        "_limit",
        "_permitted",
        "_reader",
        "_reading",
        "_receive",
        "_relieved",
        "_waiting",
        "bytes_received",
        "gone",
        "withheld",
    )

    def __init__(
        self, receive: Receive, *, limit: int = 0, empty: bool = False, withheld: bool = False
    ) -> None:
        self._receive = receive
        self._limit = limit
        self._chunks = _NONE
        self._held = 0
        self._ended = empty
        self._given_up: Exception | None = None
        self._discarding = False
        self._closed = False
        self._reading = False  # somebody is in receive(), or about to be
        self._reader: asyncio.Task[None] | None = None
        self._relieved = False  # take() waits for the reader, and can go on without
        self._waiting: asyncio.Future[None] | None = None
        self._permitted: asyncio.Future[None] | None = None
        self.gone = False
        self.bytes_received = 0
        self.withheld = withheld

    def start(self) -> None:
        """Have a reader inside the running loop, unless somebody reads already, or enough has been read."""
        if not (self._reading or self.gone or self._held > LOOK_AHEAD):
            self._reading = True
            self._reader = asyncio.get_running_loop().create_task(self._read())

    async def _read(self) -> None:
        while True:
            piece = await self._next()
            if piece and not self._discarding:
                if self._chunks is _NONE:
                    self._chunks = deque()
                self._chunks.append(piece)
                self._held += len(piece)
            if self.gone or (self._ended and self._closed):
                break
            if not (self._ended or self._discarding) and (self._relieved or self._held > LOOK_AHEAD):
                break
        self._reading = False
        self._reader = None

    async def _next(self) -> bytes:
        """What the server's next message has of the body."""
        if self.withheld:
            await self._until_wanted()
        message = await self._receive()
        self._wake()
        if message["type"] == "http.disconnect":
            self._leave()
            return b""
        if not message.get("more_body", False):
            self._ended = True
        piece: bytes = message.get("body", b"")
        self.bytes_received += len(piece)
        return piece

    def _leave(self) -> None:
        self.gone = True

    async def _until_wanted(self) -> None:
        loop = asyncio.get_running_loop()
        timer = loop.call_later(EXPECT_S, self.wanted)
        try:
            while self.withheld:
                self._permitted = loop.create_future()
                await self._permitted
        finally:
            timer.cancel()

    def wanted(self) -> None:
        self.withheld = False
        if self._permitted is not None and not self._permitted.done():
            self._permitted.set_result(None)

    async def _something(self) -> None:
        """Returns with the next message, or when waiting for it has become pointless."""
        self._waiting = asyncio.get_running_loop().create_future()
        await self._waiting

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        while not self._chunks:
            if self._is_over():
                raise StopAsyncIteration
            self.start()
            await self._something()
        piece = self._oldest()
        self.start()
        return piece

    async def take(self) -> bytes:
        while not self._chunks:
            if self._is_over():
                return b""
            if self._reading:
                self._relieved = True
                await self._something()
                self._relieved = False
            elif piece := await self._next_here():
                return piece
        return self._oldest()

    async def _next_here(self) -> bytes:
        # Where this is cancelled, or the server fails, it is not asked again: nobody sets _reading back.
        self._reading = True
        piece = await self._next()
        self._reading = False
        if self._discarding:
            self.discard()  # by whom there was nobody else to read
            return b""
        self._check_limit()
        return piece

    def _oldest(self) -> bytes:
        self._check_limit()
        piece = self._chunks.popleft()
        self._held -= len(piece)
        return piece

    def _check_limit(self) -> None:
        if 0 < self._limit < self.bytes_received:
            raise BodyTooLarge

    def _is_over(self) -> bool:
        """Whether the upload has ended. Raises why nobody may read on."""
        if self._discarding:
            # Ending here would make a truncated upload look whole.
            raise RuntimeError("the request body was discarded; nobody may read on")
        if self._ended:
            return True
        if self.gone:
            raise ClientGone
        if self._given_up is not None:
            raise self._given_up
        return False

    @property
    def ended(self) -> bool:
        return self._ended and not self._chunks

    @property
    def uploading(self) -> bool:
        return not (self._ended or self.gone)

    async def has_content(self) -> bool:
        while not self._chunks and self.uploading:
            self.start()
            await self._something()
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
            self._wake()

        loop.call_later(REST_S, look, self.bytes_received)

    def discard(self) -> None:
        self._discarding = True
        self._chunks = _NONE
        self._held = 0
        if not self._ended:
            self.start()
        self._wake()

    def _close(self) -> None:
        """The exchange is over. The reader stops by itself, with the upload's end or the client's."""
        self._closed = True
        if not self._ended:
            self.wanted()
            self.discard()
        elif self._reader is not None:
            # Servers end the reader's wait with the response (http.disconnect), in this turn of the loop; to
            # cancel it there would cost more, and leave a cycle for the collector: an error and its frames.
            asyncio.get_running_loop().call_soon(self._reader.cancel)
            self._reader = None
