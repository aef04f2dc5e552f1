"""The client's side of one exchange: its upload, and its leaving, which ends what the exchange waits for.

    http.disconnect --> gone    --> the block inside watching() is cancelled
    stop() -----------> stopped -->  so it is when the proxy has to stop

linger() waits for what the client still sends, once its answer is there: servers close at the end of a
response whose request they have not read, and to close on unread bytes resets the connection, which takes the
answer away from whoever sends on before it looks up (RFC 9112 section 9.6).
"""

import asyncio
import contextlib
from types import TracebackType

from shared.clients import Clients
from shared.errors import ClientGone, ProxyError, Stopped
from shared.upload import LOOK_AHEAD, Receive, Upload

__all__ = ["LOOK_AHEAD", "Client", "Receive"]

LAST_SEND_S = 1.0  # what a server may take for its last send() once the client is gone
LINGER_S = 30.0  # in all, for what is sent after the answer: nginx's lingering_time
LINGER_REST_S = 2.0  # without a byte of it: a segment that was lost has come again by then
REFIRE_S = 0.01


class Client(Upload):
    """Implements shared.messages.ClientSide. The only caller of the server's receive().

    close() has to be called at the end. Until then the client stands in `among`, where who stops the proxy
    finds it. The rest is as for Upload.

    Inside watching(), its leaving or a stop becomes a cancellation of the task there, as asyncio.timeout()
    does with a deadline; the counting of cancel() against uncancel() keeps a cancellation from elsewhere
    (server stop) what it is.
    """

    __slots__ = ("_among", "_fired", "_grace_s", "_inside", "_loop", "stopped")

    def __init__(
        self,
        receive: Receive,
        *,
        limit: int = 0,
        empty: bool = False,
        withheld: bool = False,
        among: Clients | None = None,
    ) -> None:
        super().__init__(receive, limit=limit, empty=empty, withheld=withheld)
        self.stopped = False
        # Who is inside watching(), and how many cancellations it had been asked for as it went in.
        self._inside: tuple[asyncio.Task[object], int] | None = None
        self._fired = False
        self._grace_s = 0.0
        self._among = among
        self._loop: asyncio.AbstractEventLoop | None = None
        if among is not None:
            among.add(self)
            self._loop = among.loop  # to ask for it costs a system call before CPython 3.12: os.getpid()

    def watching(self) -> "Client":
        return self

    def __enter__(self) -> None:
        if self.gone or self.stopped:
            raise self._reason()
        task = asyncio.current_task(self._loop)
        assert task is not None
        self._inside = (task, task.cancelling())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        inside, self._inside = self._inside, None
        if self._fired and inside is not None:
            self._fired = False
            task, cancelling = inside
            if task.uncancel() <= cancelling and kind is asyncio.CancelledError:
                raise self._reason() from error

    def _reason(self) -> ProxyError:
        """Why nobody should go on waiting. A stop is told once."""
        if self.stopped and not self.gone:
            self.stopped = False
            return Stopped()
        return ClientGone()

    def finishing(self) -> None:
        self._grace_s = LAST_SEND_S
        if self.gone:
            self._fire()

    def _leave(self) -> None:
        self.gone = True
        self._fire()

    def stop(self) -> None:
        """End what the exchange is waiting for with Stopped: what is inside watching() now, or the next to
        enter. What comes after that, the answer that says so, is left alone."""
        self.stopped = True
        self._wake()
        self._fire()

    def _fire(self) -> None:
        if self._inside is None:
            return
        if self._grace_s:
            asyncio.get_running_loop().call_later(self._grace_s, self._strike, self._inside)
        else:
            self._strike(self._inside)

    def _strike(self, inside: tuple[asyncio.Task[object], int]) -> None:
        # A block that is being cancelled already is cleaning up, which a second one would tear. It may
        # survive the first, though (anyio cancels its own wait at the end of each connect), so ask again.
        if self._inside is not inside:
            return
        task, cancelling = inside
        if task.cancelling() == cancelling:
            self._fired = True
            task.cancel()
        else:
            asyncio.get_running_loop().call_later(REFIRE_S, self._strike, inside)

    async def linger(self) -> None:
        self.discard()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LINGER_S):
                while self.uploading and not self.stopped:
                    async with asyncio.timeout(LINGER_REST_S):
                        await self._something()

    def close(self) -> None:
        if self._closed:
            return
        if self._among is not None:
            self._among.discard(self)
        self._close()
