"""The clients of all open exchanges, and when each begins to be watched."""

import asyncio
from typing import Protocol

__all__ = ["WATCH_AFTER_S", "Clients"]

WATCH_AFTER_S = 0.05  # and twice that at most


class _Open(Protocol):
    """What is asked of a client here; shared.client.Client."""

    @property
    def uploading(self) -> bool: ...

    def start(self) -> None: ...

    def stop(self) -> None: ...


class Clients:
    """Where who stops the proxy finds them. The reader of one whose exchange takes long is set going here;
    while it uploads again and again, for then readers come and go (shared.upload)."""

    def __init__(self) -> None:
        self.open: set[_Open] = set()
        self.loop: asyncio.AbstractEventLoop | None = None  # known as soon as there is a client
        self._new: set[_Open] = set()  # since the last look
        self._older: set[_Open] = set()  # the look before
        self._timer: asyncio.TimerHandle | None = None

    def add(self, client: _Open) -> None:
        self.open.add(client)
        self._new.add(client)
        if self._timer is None:
            self.loop = asyncio.get_running_loop()
            self._timer = self.loop.call_later(WATCH_AFTER_S, self._look)

    def discard(self, client: _Open) -> None:
        self.open.discard(client)
        self._new.discard(client)
        self._older.discard(client)

    def _look(self) -> None:
        for client in self._older:
            client.start()
        self._older = self._new.union(client for client in self._older if client.uploading)
        self._new = set()
        self._timer = None
        if self._older:
            self._timer = asyncio.get_running_loop().call_later(WATCH_AFTER_S, self._look)
