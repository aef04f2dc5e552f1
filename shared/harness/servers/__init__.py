"""The servers: every module in this folder is one, found by being here.

A server module has PROFILES, command() and port(); see the Server protocol. Servers are started by command
line and never imported, so that suite, benchmark and a reader of the README all run the same thing.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import shlex
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Protocol, Self, cast

from shared.harness.process import Process

__all__ = [
    "LOOPS",
    "PROFILES",
    "SERVERS",
    "Running",
    "Server",
    "command",
    "drain_s",
    "port",
    "shell_line",
    "start_server",
    "wait_until_accepting",
]

LOOPS: tuple[str, ...] = ("uvloop", "asyncio")

_DEFAULT_DRAIN_S = 30.0  # TANDEM_DRAIN_TIMEOUT
_READY_DEADLINE_S = 15.0


class Server(Protocol):
    """What a module in this folder gives."""

    @property
    def PROFILES(self) -> tuple[str, ...]:  # noqa: N802 - a module's constant
        """The server profiles it can start, the preferred one first."""

    def command(
        self,
        app: str,
        *,
        profile: str,
        host: str,
        port: int,
        loop: str = ...,
        workers: int = ...,
        drain_s: float = ...,
    ) -> list[str]:
        """The command line that serves `app`."""

    def port(self, log: str) -> int | None:
        """The bound port as its log tells it."""


def _found() -> dict[str, Server]:
    names = [module.name for module in pkgutil.iter_modules(__path__) if module.name[0] != "_"]
    # Last letter first: uvicorn leads every table, as what most people run.
    names.sort(reverse=True)
    return {name: cast(Server, importlib.import_module(f"{__name__}.{name}")) for name in names}


SERVERS: dict[str, Server] = _found()
"""Server name -> its module."""

PROFILES: dict[str, Server] = {profile: server for server in SERVERS.values() for profile in server.PROFILES}
"""Server profile -> the module that starts it."""


def command(
    app: str,
    *,
    profile: str,
    host: str = "127.0.0.1",
    port: int = 0,
    loop: str = "uvloop",
    workers: int = 1,
    drain_s: float = _DEFAULT_DRAIN_S,
) -> list[str]:
    """The command line that serves `app` ("module:name"). Raises ValueError for an unknown profile, loop."""
    if loop not in LOOPS:
        raise ValueError(f"unknown loop {loop!r}: one of {', '.join(LOOPS)}")
    return _server(profile).command(
        app, profile=profile, host=host, port=port, loop=loop, workers=workers, drain_s=drain_s
    )


def port(profile: str, log: str) -> int | None:
    """The port that a server of this profile says it listens on, or None as long as its log does not say."""
    return _server(profile).port(log)


class Running:
    """A server that listens: its process and its address. A context manager that stops it."""

    def __init__(self, process: Process, *, host: str, port: int) -> None:
        self.process = process
        self.host = host
        self.port = port

    @property
    def url(self) -> str:
        """`http://host:port`, without a slash at the end."""
        return f"http://{self.host}:{self.port}"

    def stop(self, *, deadline_s: float = 5.0) -> int | None:
        """Stop the process as Process.stop does; its exit status."""
        return self.process.stop(deadline_s=deadline_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def start_server(
    app: str,
    *,
    profile: str,
    loop: str = "uvloop",
    env: Mapping[str, str] | None = None,
    cpus: frozenset[int] | None = None,
    name: str | None = None,
    workers: int = 1,
    port: int = 0,
) -> Running:
    """Start `app` on 127.0.0.1 and return once it takes connections.

    The server's graceful timeout follows TANDEM_DRAIN_TIMEOUT from `env` or the environment, so that one
    setting rules both. Raises ValueError for an unknown profile or loop, ProcessFailed when the server does
    not come up.
    """
    host = "127.0.0.1"
    argv = command(
        app, profile=profile, host=host, port=port, loop=loop, workers=workers, drain_s=drain_s(env or {})
    )
    process = Process.start(
        argv,
        name=name or f"{app} on {profile}",
        env=env,
        cpus=cpus,
        parent_death=signal.SIGTERM if workers > 1 else signal.SIGKILL,
    )
    try:
        bound = process.wait_for(
            _server(profile).port, what="listening address", deadline_s=_READY_DEADLINE_S
        )
        if workers > 1:  # uvicorn's parent tells the address before a worker listens: Config.bind_socket
            wait_until_accepting(process, host, bound)
    except BaseException:
        process.stop(deadline_s=0)
        raise
    return Running(process, host=host, port=bound)


def wait_until_accepting(
    process: Process, host: str, port: int, *, deadline_s: float = _READY_DEADLINE_S
) -> None:
    """Return once host:port takes a connection. Raises ProcessFailed as Process.wait_for does."""

    def accepts(_log: str) -> bool | None:
        try:
            socket.create_connection((host, port), timeout=1).close()
        except OSError:
            return None
        return True

    process.wait_for(accepts, what=f"connection on {host}:{port}", deadline_s=deadline_s)


def drain_s(env: Mapping[str, str]) -> float:
    """TANDEM_DRAIN_TIMEOUT in seconds, from `env` or the environment; the default when unset or unreadable.

    What is unreadable is for the app to report: it names the variable and what is accepted.
    """
    text = env.get("TANDEM_DRAIN_TIMEOUT", os.environ.get("TANDEM_DRAIN_TIMEOUT", ""))
    try:
        return max(0.0, float(text))
    except ValueError:
        return _DEFAULT_DRAIN_S


def shell_line(argv: Sequence[str]) -> str:
    """A command line as one types it: `uvicorn …`, which is what `python -m uvicorn …` runs."""
    runs_module = list(argv[:2]) == [sys.executable, "-m"]
    return shlex.join(argv[2:] if runs_module else argv)


def _server(profile: str) -> Server:
    if profile not in PROFILES:
        raise ValueError(f"unknown server profile {profile!r}: one of {', '.join(PROFILES)}")
    return PROFILES[profile]
