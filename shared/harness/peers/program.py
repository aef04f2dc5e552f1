"""A proxy that others made, configured as its users would: a configuration file, a command line, a port."""

from __future__ import annotations

import pathlib
import shutil
import socket
import subprocess
import tempfile
from typing import Protocol

import msgspec

from shared.harness.process import Process, ProcessFailed
from shared.harness.servers import Running, wait_until_accepting

__all__ = ["HOST", "Peer", "Upstream", "Wish"]

HOST = "127.0.0.1"
_VERSION_DEADLINE_S = 10.0


class Upstream(msgspec.Struct, frozen=True):
    """What a proxy is put in front of. ca: PEM file that certifies it, where it speaks TLS."""

    host: str
    port: int
    ca: pathlib.Path | None = None

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.ca else 'http'}://{host}:{self.port}"


class Wish(msgspec.Struct, frozen=True):
    """What is asked of a configuration beside the usual.

    base: path that goes before each target. reachable: otherwise the upstream's name never resolves.
    trusting: the client's forwarding fields count. deadline_s: in the place of each usual one. pool:
    connections to the upstream; keep: idle ones; queue_s: how long one waits for one, where it can be told.
    max_body: bytes.
    """

    base: str = ""
    reachable: bool = True
    trusting: bool = False
    deadline_s: float | None = None
    drain_s: float = 30.0
    pool: int | None = None
    keep: int | None = None
    queue_s: float | None = None
    max_body: int | None = None

    def limit(self, usual_s: float) -> float:
        """Seconds of a deadline."""
        return usual_s if self.deadline_s is None else self.deadline_s

    def patience(self, usual_s: float) -> float:
        """Seconds that one waits for a connection."""
        return self.limit(usual_s) if self.queue_s is None else self.queue_s


class Peer(Protocol):
    """A program from the distribution. install: the command that would install it here."""

    command: str
    install: str

    def version(self) -> str:
        """As the program tells it; empty when it is not installed."""
        ...

    def configuration(self, wish: Wish, port: int, origin: Upstream, folder: pathlib.Path) -> str:
        """The text of its configuration file. folder: where it may write."""
        ...

    def argv(self, file: pathlib.Path) -> list[str]:
        """The command line that runs it in the foreground, without `command` itself."""
        ...

    def start(
        self, origin: Upstream, wish: Wish | None = None, *, cpus: frozenset[int] | None = None
    ) -> Running:
        """Start it in front of the origin and return once it takes connections. Raises ProcessFailed."""
        program = shutil.which(self.command)
        if program is None:
            raise ProcessFailed(f"{self.command} is not installed: {self.install}")
        place = _Place()
        try:
            file = place.folder / f"{self.command}.conf"
            text = self.configuration(wish or Wish(), place.port, origin, place.folder)
            file.write_text(text, "utf-8")
            environment = {"HOME": str(place.folder)}  # Caddy keeps its state there
            process = Process.start(
                [program, *self.argv(file)], name=self.command, env=environment, cpus=cpus
            )
        except BaseException:
            place.close()
            raise
        running = _Placed(place, process)
        try:
            wait_until_accepting(process, HOST, place.port)
        except BaseException:
            running.stop()
            raise
        return running

    def _said(self, *words: str) -> str:
        """What the program says when asked for its version; empty when it is not installed."""
        program = shutil.which(self.command)
        if program is None:
            return ""
        done = subprocess.run(
            [program, *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=_VERSION_DEADLINE_S,
        )
        return done.stdout


class _Place:
    """A folder, and a port that nobody else is given.

    nginx and HAProxy cannot say which port a 0 has become. A socket that is bound with SO_REUSEPORT and never
    listens keeps the port from everybody who does not ask for the same, and takes no connection itself
    (socket(7)); these three do ask for it.
    """

    def __init__(self) -> None:
        self._socket = socket.socket()
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            self._socket.bind((HOST, 0))
            self._folder = tempfile.TemporaryDirectory()
        except BaseException:
            self._socket.close()
            raise
        self.port: int = self._socket.getsockname()[1]
        self.folder = pathlib.Path(self._folder.name)
        # A program that is started as root gives its workers another user, who has to get in.
        self.folder.chmod(0o755)

    def close(self) -> None:
        self._socket.close()
        if self._folder is not None:
            self._folder.cleanup()


class _Placed(Running):
    def __init__(self, place: _Place, process: Process) -> None:
        super().__init__(process, host=HOST, port=place.port)
        self._place = place

    def stop(self, *, deadline_s: float = 5.0) -> int | None:
        """Stop the process, then give up its port and its folder."""
        status = super().stop(deadline_s=deadline_s)
        self._place.close()
        return status
