"""The client's side of one exchange: its upload, and its leaving, which ends what the exchange waits for.

    http.disconnect --> gone    --> the block inside watching() is cancelled
    stop() -----------> stopped -->  so it is when the proxy has to stop

linger() waits for what the client still sends, once its answer is there: servers close at the end of a
response whose request they have not read, and to close on unread bytes resets the connection, which takes the
answer away from whoever sends on before it looks up (RFC 9112 section 9.6).
"""

import asyncio
import contextlib

from shared.clients import Clients
from shared.errors import ClientGone, ProxyError, Stopped
from shared.upload import LOOK_AHEAD, REST_S, Receive, Upload
from shared.watch import Watch

__all__ = ["LOOK_AHEAD", "REST_S", "Client", "Receive"]

LAST_SEND_S = 1.0  # what a server may take for its last send() once the client is gone
LINGER_S = 30.0  # in all, for what is sent after the answer: nginx's lingering_time


class Client(Upload):
    """Implements shared.messages.ClientSide. The only caller of the server's receive().

    close() has to be called at the end. Until then the client stands in `among`, where who stops the proxy
    finds it. The rest is as for Upload.
    """

    __slots__ = ("_among", "stopped", "watch")

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
        self._among = among
        self.stopped = False
        self.watch: Watch | None = None
        if among is not None:
            among.add(self)

    def _leave(self) -> None:
        self.gone = True
        if self.watch is not None:
            self.watch.fire()

    def stop(self) -> None:
        """End what the exchange is waiting for with Stopped: what is inside watching() now, or the next to
        enter. What comes after that, the answer that says so, is left alone."""
        self.stopped = True
        self._wake()
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

    async def linger(self) -> None:
        self.discard()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LINGER_S):
                while self.uploading and not self.stopped:
                    async with asyncio.timeout(REST_S):
                        await self._something()

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
        self.watch = None
        if self._among is not None:
            self._among.discard(self)
        self._close()
