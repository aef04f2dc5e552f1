"""A block that ends when the client leaves, or when the proxy has to stop."""

import asyncio
from types import TracebackType
from typing import Protocol

from shared.errors import ClientGone, ProxyError

__all__ = ["Watch", "Watched"]

REFIRE_S = 0.01


class Watched(Protocol):
    """A client: who is watched now, whether it has left or been stopped, and why nobody should go on
    waiting."""

    watch: "Watch | None"
    gone: bool
    stopped: bool

    def over(self) -> ProxyError | None: ...


class Watch:
    """Turns the client's leaving, or a stop, into a cancellation of the task inside, as asyncio.timeout()
    does with a deadline. Raises why when there is no client left to begin with.

    loop: the running one. (To ask for it costs a system call before CPython 3.12: os.getpid().)
    grace_s: how long to wait before that. The counting of cancel() against uncancel() keeps a cancellation
    from elsewhere (server stop) what it is.
    """

    __slots__ = ("_cancelling", "_client", "_fired", "_loop", "_task", "grace_s")

    def __init__(self, client: Watched, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self._client = client
        self._loop = loop
        self._fired = False
        self.grace_s = 0.0

    def __enter__(self) -> None:
        client = self._client
        if (client.gone or client.stopped) and (error := client.over()) is not None:
            raise error
        task = asyncio.current_task(self._loop)
        assert task is not None
        self._task = task
        self._cancelling = task.cancelling()
        client.watch = self

    def fire(self) -> None:
        if self.grace_s:
            asyncio.get_running_loop().call_later(self.grace_s, self._strike)
        else:
            self._strike()

    def _strike(self) -> None:
        # A block that is being cancelled already is cleaning up, which a second one would tear. It may
        # survive the first, though (anyio cancels its own wait at the end of each connect), so ask again.
        if self._client.watch is not self:
            return
        if self._task.cancelling() == self._cancelling:
            self._fired = True
            self._task.cancel()
        else:
            asyncio.get_running_loop().call_later(REFIRE_S, self._strike)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.watch = None
        if self._fired and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise (self._client.over() or ClientGone()) from error
