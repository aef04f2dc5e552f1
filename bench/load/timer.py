"""A timer finer than the event loop's: loops count whole milliseconds, a schedule of requests needs better.

On Linux a timerfd wakes the loop at an absolute CLOCK_MONOTONIC time without spinning (timerfd_create(2);
Python has it from 3.13 on only, so it is called through ctypes). Elsewhere the loop's own timer serves, and
the send lag that is recorded beside each latency shows the difference.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import sys
import time
from collections.abc import Callable

__all__ = ["Timer"]

_TFD_TIMER_ABSTIME = 1
_TFD_NONBLOCK_CLOEXEC = os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0)


class _TimerSpec(ctypes.Structure):
    # struct itimerspec: an interval, then the first expiry, each in seconds and nanoseconds
    _fields_ = (
        ("interval_s", ctypes.c_long),
        ("interval_ns", ctypes.c_long),
        ("at_s", ctypes.c_long),
        ("at_ns", ctypes.c_long),
    )


class Timer:
    """Calls ``wake`` at the times it is armed for; one time is pending at most. Close it when done."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._loop = asyncio.get_running_loop()
        self._handle: asyncio.TimerHandle | None = None
        self._fd: int | None = None
        if sys.platform == "linux":
            self._libc = ctypes.CDLL(None, use_errno=True)
            fd = self._libc.timerfd_create(time.CLOCK_MONOTONIC, _TFD_NONBLOCK_CLOEXEC)
            if fd >= 0:
                self._fd = fd
                self._loop.add_reader(fd, self._fired)

    def arm(self, at_ns: int) -> None:
        """Wake at ``at_ns`` of time.monotonic_ns(); at once when that has passed."""
        if self._fd is None:
            delay_s = max(0.0, (at_ns - time.monotonic_ns()) / 1e9)
            self._handle = self._loop.call_later(delay_s, self._wake)
            return
        # an expiry of zero would disarm the timer; any past time fires at once
        seconds, nanoseconds = divmod(max(at_ns, 1), 1_000_000_000)
        spec = _TimerSpec(0, 0, seconds, nanoseconds)
        if self._libc.timerfd_settime(self._fd, _TFD_TIMER_ABSTIME, ctypes.byref(spec), None) != 0:
            raise OSError(ctypes.get_errno(), "timerfd_settime")

    def close(self) -> None:
        """Free what it holds; it will not wake again."""
        if self._handle is not None:
            self._handle.cancel()
        if self._fd is not None:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = None

    def _fired(self) -> None:
        if self._fd is None:
            return
        try:
            os.read(self._fd, 8)
        except BlockingIOError:
            return
        self._wake()
