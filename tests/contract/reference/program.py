"""What every reference has: a manifest in a file, a way to start it, a version when it is installed."""

import pathlib
import shutil
import socket
import subprocess
import tempfile
from typing import Protocol

import msgspec

from shared.harness.process import Process, ProcessFailed
from shared.harness.servers import wait_until_accepting
from tests.contract.entrant import Entrant, Standing, Upstream
from tests.contract.manifest import Manifest, read
from tests.contract.variants import TIGHT_BODY, TIGHT_POOL, TIGHT_S, VARIANTS

__all__ = ["HOST", "Program", "Reference", "drain", "limit"]

HOST = "127.0.0.1"
_DRAIN_S = 2.0  # under `stops`
_MANIFESTS = pathlib.Path(__file__).parents[1] / "manifests"
_VERSION_DEADLINE_S = 10.0
_DEADLINES = ("connect_timeout_s", "response_timeout_s", "read_timeout_s", "pool_timeout_s")


class Reference(Entrant, Protocol):
    """A proxy that is not ours. install: the command that would install it here.

    variants: which of the suite's settings it can be configured for. tightens: its deadlines and its pool are
    what `tight` asks for, and limits_body: so is its limit for bodies; otherwise it keeps its own.
    """

    install: str
    variants: frozenset[str] = frozenset({"plain", "tight", "based", "nowhere", "tls"})
    tightens: bool = True
    limits_body: bool = True

    def version(self) -> str:
        """As the program tells it; empty when it is not installed."""
        ...

    def manifest(self, variant: str) -> Manifest | None:
        """What the file declares for `plain`, changed as the variant changes the configuration."""
        if variant not in self.variants:
            return None
        declared = read(_MANIFESTS / f"{self.id.partition('-')[0]}.toml")
        chosen = VARIANTS[variant]
        changes: dict[str, object] = {
            "base": chosen.base,
            "reachable": chosen.reachable,
            "server_name": "localhost" if chosen.tls else None,
            "variants": frozenset({variant}),
        }
        if variant == "tight" and self.tightens:
            changes |= {name: TIGHT_S for name in _DEADLINES if getattr(declared, name) is not None}
            changes |= {"pool": TIGHT_POOL} if declared.pool is not None else {}
            changes |= {"max_body": TIGHT_BODY} if self.limits_body else {}
        if variant == "stops":
            changes |= {"drain_s": _DRAIN_S}
        elif variant == "trusting" and declared.forwarded_for == "replace":
            changes |= {"forwarded_for": "append"}
        return msgspec.structs.replace(declared, **changes)


class Program(Reference, Protocol):
    """A program from the distribution: a configuration file and a command line."""

    command: str

    def configuration(self, variant: str, port: int, origin: Upstream, folder: pathlib.Path) -> str:
        """The text of its configuration file. folder: where it may write."""
        ...

    def argv(self, file: pathlib.Path) -> list[str]:
        """The command line that runs it in the foreground, without `command` itself."""
        ...

    def start(self, variant: str, origin: Upstream) -> Standing:
        program = shutil.which(self.command)
        if program is None:
            raise ProcessFailed(f"{self.id} is not installed: {self.install}")
        place = _Place()
        try:
            file = place.folder / f"{self.id}.conf"
            file.write_text(self.configuration(variant, place.port, origin, place.folder), "utf-8")
            environment = {"HOME": str(place.folder)}  # Caddy keeps its state there
            process = Process.start([program, *self.argv(file)], name=self.id, env=environment)
        except BaseException:
            place.close()
            raise
        standing = _Placed(place, process)
        try:
            wait_until_accepting(process, HOST, place.port)
        except BaseException:
            standing.stop()
            raise
        return standing

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


def drain(variant: str) -> float:
    """Seconds that exchanges in flight have after a stop."""
    return _DRAIN_S if variant == "stops" else 30.0


def limit(variant: str, usual_s: float) -> float:
    """Seconds of a deadline: the usual ones, or those of `tight`."""
    return TIGHT_S if variant == "tight" else usual_s


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


class _Placed(Standing):
    def __init__(self, place: _Place, process: Process):
        super().__init__(HOST, place.port, process)
        self._place = place

    def stop(self) -> None:
        super().stop()
        self._place.close()
