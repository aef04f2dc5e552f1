"""Writes access-log lines without ever making the event loop wait for the disk, the pipe or the terminal
behind it.

    write(line) -> batch in the loop's thread -- every FLUSH_S --> queue -> thread -> os.write(fd)

When the reader of the log stops reading, at most BATCHES batches wait; what comes after is counted, dropped,
and owned up to in a line of its own as soon as there is room again.
"""

import asyncio
import contextlib
import os
import queue
import threading
import time

__all__ = ["AccessLog"]

FLUSH_S = 0.1
BATCHES = 100
CLOSE_S = 2.0
RETRY_S = 0.005


class AccessLog:
    """Lines of JSON to a file descriptor. Belongs to the loop it is first written from."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._lines: list[bytes] = []
        self._timer: asyncio.TimerHandle | None = None
        self._dropped = 0
        self._queue: queue.Queue[bytes | None] = queue.Queue(BATCHES)
        self._thread = threading.Thread(target=self._run, name="access-log", daemon=True)
        self._thread.start()

    def write(self, line: bytes) -> None:
        """Take one line, without its newline."""
        self._lines.append(line)
        if self._timer is None:
            self._arm()

    def _arm(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(FLUSH_S, self._flush)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _flush(self) -> None:
        self._timer = None
        lines, self._lines = self._lines, []
        owned_up = [b'{"outcome":"log_lines_dropped","count":%d}' % self._dropped] if self._dropped else []
        if not lines and not owned_up:
            return
        try:
            self._queue.put_nowait(b"\n".join([*owned_up, *lines]) + b"\n")
            self._dropped = 0
        except queue.Full:
            self._dropped += len(lines)
            self._arm()

    def _run(self) -> None:
        while (batch := self._queue.get()) is not None:
            # A closed pipe or a full disk must not end a proxy; there is nowhere left to say so.
            with contextlib.suppress(OSError):
                while batch:
                    batch = batch[self._write(batch) :]

    def _write(self, batch: bytes) -> int:
        try:
            return os.write(self._fd, batch)
        except (
            BlockingIOError
        ):  # a terminal is non-blocking as soon as any program that shares it makes it so
            time.sleep(RETRY_S)
            return 0

    def close(self) -> None:
        """Write what is left, waiting at most CLOSE_S for a reader that has stopped."""
        self._disarm()
        self._flush()
        self._disarm()
        with contextlib.suppress(queue.Full):
            self._queue.put(None, timeout=CLOSE_S)
            self._thread.join(CLOSE_S)
