"""Writes access-log lines without ever making the event loop wait for the disk, the pipe or the terminal
behind it.

    write(lines) --> queue --> thread --> os.write(fd)

When the reader of the log stops reading, at most BATCHES batches wait; what comes after is counted, dropped,
and owned up to in a line of its own as soon as there is room again.
"""

import contextlib
import os
import queue
import threading
import time

__all__ = ["AccessLog"]

BATCHES = 100
CLOSE_S = 2.0
RETRY_S = 0.005


class AccessLog:
    """Lines of JSON to a file descriptor."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._dropped = 0
        self._queue: queue.Queue[bytes | None] = queue.Queue(BATCHES)
        self._thread = threading.Thread(target=self._run, name="access-log", daemon=True)
        self._thread.start()

    @property
    def owing(self) -> bool:
        """Whether lines were dropped and not owned up to yet, which the next write() will try."""
        return self._dropped > 0

    def write(self, lines: bytes, count: int) -> None:
        """Take a batch of `count` whole lines. Each wakes the thread, so many at a time cost less."""
        batch = b'{"outcome":"log_lines_dropped","count":%d}\n' % self._dropped if self._dropped else b""
        batch += lines
        if not batch:
            return
        try:
            self._queue.put_nowait(batch)
            self._dropped = 0
        except queue.Full:
            self._dropped += count

    def _run(self) -> None:
        while (batch := self._queue.get()) is not None:
            # A closed pipe or a full disk must not end a proxy; there is nowhere left to say so.
            with contextlib.suppress(OSError):
                while batch:
                    batch = batch[self._write(batch) :]

    def _write(self, batch: bytes) -> int:
        try:
            return os.write(self._fd, batch)
        except BlockingIOError:
            # A terminal is non-blocking as soon as any program that shares it makes it so.
            time.sleep(RETRY_S)
            return 0

    def close(self) -> None:
        """Write what is left, waiting at most CLOSE_S for a reader that has stopped."""
        self.write(b"", 0)
        with contextlib.suppress(queue.Full):
            self._queue.put(None, timeout=CLOSE_S)
            self._thread.join(CLOSE_S)
