"""Writes access-log lines without ever making the event loop wait for the disk, the pipe or the terminal
behind it.

    write(line) -> batch in the loop's thread -- every FLUSH_S --> queue -> thread -> os.write(fd)

When the reader of the log stops reading, at most BATCHES batches wait; what comes after is counted, dropped,
and owned up to in a line of its own as soon as writing goes on.
"""

import asyncio
import contextlib
import os
import queue
import threading

__all__ = ["AccessLog"]

FLUSH_S = 0.1
BATCHES = 100
CLOSE_S = 2.0


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
            self._timer = asyncio.get_running_loop().call_later(FLUSH_S, self._flush)

    def _flush(self) -> None:
        self._timer = None
        lines, self._lines = self._lines, []
        if not lines:
            return
        if self._dropped:
            lines.insert(0, b'{"outcome":"log_lines_dropped","count":%d}' % self._dropped)
        try:
            self._queue.put_nowait(b"\n".join(lines) + b"\n")
            self._dropped = 0
        except queue.Full:
            self._dropped += len(lines) - (1 if self._dropped else 0)

    def _run(self) -> None:
        while (batch := self._queue.get()) is not None:
            # A closed pipe or a full disk must not end a proxy; there is nowhere left to say so.
            with contextlib.suppress(OSError):
                while batch:
                    batch = batch[os.write(self._fd, batch) :]

    def close(self) -> None:
        """Write what is left, waiting at most CLOSE_S for a reader that has stopped."""
        if self._timer is not None:
            self._timer.cancel()
        self._flush()
        with contextlib.suppress(queue.Full):
            self._queue.put(None, timeout=CLOSE_S)
            self._thread.join(CLOSE_S)
