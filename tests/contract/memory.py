"""Resident memory of the proxy's process, and the visible "not measured" where nobody can tell it."""

import os
import pathlib

__all__ = ["Memory", "UnmeasuredError"]

_MIB = 1 << 20


class UnmeasuredError(Exception):
    """All that could be checked has passed; the message says what could not."""


class Memory:
    """How far a process has grown since the first look. pid: None where the proxy is not our process."""

    def __init__(self, pid: int | None):
        self._where = f"there is no /proc/{pid}/statm" if pid else "the suite has not started this proxy"
        self._statm = pathlib.Path(f"/proc/{pid}/statm")
        self._before = self._peak = self._resident()

    def look(self) -> None:
        """Take note of the size that it has now."""
        self._peak = max(self._peak, self._resident())

    def grown_less_than(self, mib: int) -> None:
        """The last line of a case. Raises: AssertionError; UnmeasuredError where there is no /proc."""
        self.look()
        if not self._before:
            raise UnmeasuredError(f"resident memory is not measured: {self._where}")
        grown = (self._peak - self._before) / _MIB
        assert grown < mib, f"resident memory grew by {grown:.0f} MiB"

    def _resident(self) -> int:
        try:
            pages = int(self._statm.read_text().split()[1])
        except OSError:
            return 0
        return pages * os.sysconf("SC_PAGE_SIZE")
