"""One child process: its own group, its log in a file, every wait with a deadline, never left behind."""

from __future__ import annotations

import atexit
import ctypes
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

__all__ = ["ROOT", "Process", "ProcessFailed"]

T = TypeVar("T")

ROOT = Path(__file__).resolve().parents[2]
"""The project's root, where whatever imports `fastapi_app.app:app` has to be started."""

_POLL_S = 0.01
_TAIL_LINES = 20
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class ProcessFailed(RuntimeError):
    """A child could not start, died, or missed a deadline: one line, then the tail of its log."""


class Process:
    """A running child process and its log; a context manager that stops it.

    The log is an unnamed file and never a pipe: nobody has to read it for the child to go on, and nothing is
    left on disk even when this process is killed.
    """

    def __init__(self, popen: subprocess.Popen[bytes], log: int | None, *, name: str) -> None:
        self.name = name
        self.pid = popen.pid
        self._popen = popen
        self._log = log
        self._stopped = False
        if log is not None:
            weakref.finalize(self, os.close, log)  # not in stop(): a log is read after the end, too
        # Linux ends the child with its parent (_prepare_child); this covers an ordinary exit everywhere else.
        atexit.register(self._kill_group)

    @classmethod
    def start(
        cls,
        argv: Sequence[str],
        *,
        name: str,
        env: Mapping[str, str] | None = None,
        cpus: frozenset[int] | None = None,
        folder: Path = ROOT,
        inherit_output: bool = False,
        parent_death: signal.Signals = signal.SIGKILL,
    ) -> Process:
        """Start `argv` in `folder`, the project's root if none is given.

        `env` is added to this process's environment. `cpus` pins the child and all its threads. With
        `inherit_output` the child writes to our own stdout and stderr, and `log()` stays empty.
        `parent_death` is what the child gets when this process dies without stopping it (Linux):
        a server with workers needs SIGTERM, because SIGKILL would leave its workers orphaned.

        Raises ProcessFailed when the program is not found or the CPUs are not ours to give.
        """
        if cpus is not None and (foreign := cpus - _own_cpus()):
            raise ProcessFailed(f"{name} cannot be pinned to CPU {sorted(foreign)}: not ours to give")
        log = None if inherit_output else _unnamed_file()
        try:
            popen = subprocess.Popen(
                list(argv),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=None if log is None else subprocess.STDOUT,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})},
                cwd=folder,
                # not a session: Linux weighs sessions against each other (autogroup, sched(7)), and what
                # only takes idle time (bench.spin) takes half of a core from another session
                process_group=0,
                preexec_fn=_prepare_child(cpus, parent_death),  # noqa: PLW1509 - system calls alone, no locks
            )
        except OSError as error:
            if log is not None:
                os.close(log)
            raise ProcessFailed(f"{name} did not start: {argv[0]}: {error.strerror}") from None
        return cls(popen, log, name=name)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def log(self) -> str:
        """Everything the child has written so far, to stdout and stderr together."""
        if self._log is None:
            return ""
        # pread: the child shares our file offset, moving it would make the child overwrite its own log.
        return os.pread(self._log, os.fstat(self._log).st_size, 0).decode("utf-8", "replace")

    def running(self) -> bool:
        """Whether the child still runs."""
        return self._popen.poll() is None

    def wait_for(self, find: Callable[[str], T | None], *, what: str, deadline_s: float = 15.0) -> T:
        """Poll the log until `find(log)` gives something, and return that.

        `what` completes "waiting for ..." in the message. Raises ProcessFailed when the child dies first or
        the deadline passes.
        """
        deadline = time.monotonic() + deadline_s
        while True:
            alive = self.running()  # asked before reading, so that a dead child's last words are still read
            found = find(self.log())
            if found is not None:
                return found
            if not alive:
                raise self._failed(f"ended with status {self._popen.returncode} while waiting for {what}")
            if time.monotonic() >= deadline:
                raise self._failed(f"gave no {what} within {deadline_s:g} s")
            time.sleep(_POLL_S)

    def wait(self, *, deadline_s: float | None) -> int | None:
        """Wait until the child has ended, for ever with None; its exit status, or None when time is up."""
        try:
            return self._popen.wait(deadline_s)
        except subprocess.TimeoutExpired:
            return None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the child alone; nothing when it has ended."""
        self._popen.send_signal(number)

    def stop(self, *, deadline_s: float = 5.0) -> int | None:
        """SIGTERM, wait up to `deadline_s`, then SIGKILL to the whole group. Returns the exit status.

        The status is Popen's: negative for a signal, so -15 from a server that re-raises SIGTERM after a
        clean end, as uvicorn does, and -9 from one that had to be killed. The log stays readable.
        Stopping twice does no harm.
        """
        if self._stopped:  # the group's number may be somebody else's by now
            return self._popen.returncode
        try:
            if self.running():
                self._popen.terminate()  # the leader alone: a server with workers tells them itself, once
                self.wait(deadline_s=deadline_s)
        finally:  # also when Ctrl-C cuts the wait short
            self._kill_group()
            self._popen.wait()
            self._stopped = True
            atexit.unregister(self._kill_group)
        return self._popen.returncode

    def _kill_group(self) -> None:
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):  # macOS says EPERM for a group of zombies
            pass

    def _failed(self, what: str) -> ProcessFailed:
        if self._log is None:
            return ProcessFailed(f"{self.name} {what}; its log is above")
        lines = self.log().rstrip().splitlines()
        if not lines:
            return ProcessFailed(f"{self.name} {what}; its log is empty")
        tail = "".join(f"\n  {line}" for line in lines[-_TAIL_LINES:])
        return ProcessFailed(f"{self.name} {what}; its log ends:{tail}")


def _unnamed_file() -> int:
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _own_cpus() -> frozenset[int]:
    # Where nothing can be pinned (macOS) every wish is refused with a reason.
    return frozenset(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else frozenset()


def _prepare_child(cpus: frozenset[int] | None, parent_death: signal.Signals) -> Callable[[], None] | None:
    """What runs in the child between fork and exec."""
    if sys.platform != "linux" or _libc is None:
        return None
    parent = os.getpid()
    # prctl(2): the signal comes when the *thread* that forked ends. A child of a helper thread would die
    # as soon as that thread is done, so there only atexit guards it.
    outlives_child = threading.current_thread() is threading.main_thread()
    prctl = _libc.prctl

    def prepare() -> None:
        if outlives_child:
            prctl(_PR_SET_PDEATHSIG, int(parent_death))
            if os.getppid() != parent:  # the parent died before prctl: no signal would ever come
                os._exit(1)
        if cpus is not None:
            os.sched_setaffinity(0, cpus)

    return prepare
