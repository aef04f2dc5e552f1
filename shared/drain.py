"""What is in flight when the proxy is told to stop gets its time, and is then ended by the proxy itself.

    SIGTERM, SIGINT -> the server: listens no more, waits for its connections, ends the lifespan
              `------> here: begun --- deadline_s, or a second signal ---> every open exchange is stopped

No server tells an app that it has been told to stop before everything in flight is over; the signal does.
Left to the servers, what outlives the deadline is cancelled, which uvicorn and hypercorn log with a traceback
each and uvicorn answers 500; without their flag it is waited for without end, and hypercorn on Python 3.12
and later waits without end whatever its flag says (docs/decisions/0008).
"""

import asyncio
import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

from shared.clients import Clients

__all__ = ["Drain"]

_SIGNALS = (signal.SIGTERM, signal.SIGINT)

# systemd tells every process of a unit, Ctrl-C every one of a terminal, and then uvicorn's parent tells its
# workers once more, half a second later at most: one wish, told twice.
ECHO_S = 1.0


class Drain:
    """begun: the server has been told to stop. exchanges: those that are open, by their clients."""

    def __init__(self, deadline_s: float) -> None:
        self.deadline_s = deadline_s
        self.begun = False
        self.exchanges = Clients()
        self._timer: asyncio.TimerHandle | None = None
        self._patient_until = 0.0

    def begin(self) -> None:
        """The first call starts the clock; a second one, ECHO_S later or more, is the deadline."""
        loop = asyncio.get_running_loop()
        if not self.begun:
            self.begun = True
            self._patient_until = loop.time() + ECHO_S
            self._timer = loop.call_later(self.deadline_s, self.cut)
        elif loop.time() >= self._patient_until:
            self.cut()

    def cut(self) -> None:
        """Stop every open exchange: 503 before its response head, an incomplete response after it."""
        for client in tuple(self.exchanges.open):
            client.stop()

    @contextlib.contextmanager
    def on_signals(self) -> Iterator[None]:
        """Inside, each signal that stops the server also calls begin(). Needs a running loop."""
        loop = asyncio.get_running_loop()
        terminated = False

        def seen(number: int) -> None:
            nonlocal terminated
            terminated = terminated or number == signal.SIGTERM
            loop.call_soon_threadsafe(self.begin)

        with contextlib.ExitStack() as stack:
            for number in _SIGNALS:
                stack.enter_context(_beside(number, seen))
            try:
                yield
            finally:
                if self._timer is not None:
                    self._timer.cancel()
                if terminated and hasattr(signal, "pthread_sigmask"):
                    # uvicorn sends itself the signal once more when all is done (server.py, capture_signals),
                    # so that a clean stop would end as 143. There is nothing left that it could stop.
                    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})


@contextlib.contextmanager
def _beside(number: signal.Signals, call: Callable[[int], None]) -> Iterator[None]:
    """Inside, the signal's handler is followed by ours. Where no server has set one (tests, workers that
    another process stops), or none can be set (not the main thread), nothing changes."""
    theirs: Any = signal.getsignal(number)
    by_server = callable(theirs) and theirs is not signal.default_int_handler
    if not by_server or threading.current_thread() is not threading.main_thread():
        yield
        return

    def both(received: int, frame: Any) -> None:
        theirs(received, frame)
        call(received)

    signal.signal(number, both)
    try:
        yield
    finally:
        if signal.getsignal(number) is both:
            signal.signal(number, theirs)
