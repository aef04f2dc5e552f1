"""How one task waits for a protocol to call, with a deadline that costs no timer of its own."""

import asyncio

__all__ = ["Waiter"]


class Waiter:
    """One task at a time waits here for the protocol to call wake(), or for silence.

    The timer outlives the wait: a wait that ends early leaves it running, the next moves the deadline, and
    when it fires too soon it goes back to sleep for the rest. So a stream of reads costs one timer per
    timeout, not one per read.
    """

    __slots__ = ("_deadline", "_due", "_future", "_loop", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._future: asyncio.Future[bool] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0  # when the timer fires
        self._deadline: float | None = None

    def wait(self, timeout: float | None) -> "asyncio.Future[bool]":
        """To be awaited at once: True when woken, False after `timeout` seconds."""
        self._future = future = self._loop.create_future()
        if timeout is None:
            self._deadline = None
        else:
            self.expect(self._loop.time() + timeout)
        return future

    def expect(self, deadline: float) -> None:
        """Whoever waits now waits no longer than until then, by the loop's clock."""
        self._deadline = deadline
        if self._timer is None or self._due > deadline:
            self._arm(deadline)

    def wake(self, value: bool = True) -> None:
        future, self._future = self._future, None
        if future is not None and not future.done():
            future.set_result(value)

    def _arm(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._due = when
        self._timer = self._loop.call_at(when, self._fired)

    def _fired(self) -> None:
        self._timer = None
        if self._future is None or self._deadline is None:
            return
        if self._loop.time() >= self._deadline:
            self.wake(False)
        else:
            self._arm(self._deadline)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.wake()
