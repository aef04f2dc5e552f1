"""An app of one's own as a cell: a few lines of TOML say how it is started; `python -m bench run --add FILE`.

    name = "mine"
    command = "uvicorn mine:app --host {host} --port {port}"
    ready = "/health"
    environment = { UPSTREAM = "{upstream}" }

The benchmark chooses the port and runs its own origin: {port}, and {upstream} or its two halves, have to
stand in the command or in the environment, or there is nothing to be timed.
"""

from __future__ import annotations

import http.client
import re
import shlex
import shutil
import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from bench.record import CellSpec
from bench.score import Score, read_score
from shared.harness.process import Process
from shared.harness.run import free_port
from shared.harness.servers import Running

__all__ = ["Own", "cell_of", "own_digests", "own_scores", "read_own", "start_own"]

_HOST = "127.0.0.1"
_READY_DEADLINE_S = 60.0  # a virtual machine may have to warm up first
_ASK_TIMEOUT_S = 2.0
_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
_NAMES = ("host", "port", "upstream", "upstream_host", "upstream_port")
_UPSTREAM = frozenset({"upstream", "upstream_port"})


class Own(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the file says. ``command``: one line as in a shell, or a list of words. ``folder``: where it is
    started, seen from the file. ``ready``: the path that answers below 500 once it is up; without one it is
    up when it takes connections. ``label``: its name in the report. ``contract``: the results of the contract
    suite on it, seen from the file."""

    name: str
    command: str | list[str]
    ready: str = ""
    environment: dict[str, str] = {}
    folder: str = "."
    label: str = ""
    contract: str = ""

    @property
    def words(self) -> list[str]:
        """Return the command as a list of words."""
        return shlex.split(self.command) if isinstance(self.command, str) else self.command


@cache  # once for all blocks: an edit meanwhile must not change what is timed
def read_own(path: Path) -> Own:
    """Read a file. Raises ValueError, one line, when it cannot be read or does not say what is needed."""
    try:
        own = msgspec.convert(tomllib.loads(path.read_text("utf-8")), Own)
        faults = _faults(own)
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None
    except ValueError as error:  # TOMLDecodeError, ValidationError, UnicodeDecodeError, shlex's own
        raise ValueError(f"{path}: {error}") from None
    if faults:
        raise ValueError(f"{path}: {faults[0]}")
    return own


def _faults(own: Own) -> list[str]:
    found = []
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,63}", own.name):
        found.append(f"name {own.name!r}: small letters, digits, '.', '_' and '-' only, 64 at most")
    if not own.words or not own.words[0]:
        found.append("command is empty")
    if own.ready and not own.ready.startswith("/"):
        found.append(f"ready {own.ready!r} is no path: it begins with /")
    if not re.fullmatch(r"[!-~]*", own.ready):
        found.append(f"ready {own.ready!r} is no path: write other characters as %XX")
    if not own.label.isprintable():
        found.append(f"label {own.label!r} is not one printable line")
    if wrong := [name for name in own.environment if not name or "=" in name]:
        found.append(f"environment: {wrong[0]!r} is no name of a variable")
    handed = (*own.words, *own.environment, *own.environment.values(), own.folder, own.contract)
    if any("\0" in text for text in handed):
        found.append("a character 0 can be handed to no program")
    told = {name for text in (*own.words, *own.environment.values()) for name in _PLACEHOLDER.findall(text)}
    if unknown := sorted(told.difference(_NAMES)):
        found.append(f"{{{unknown[0]}}} is none of {', '.join(f'{{{name}}}' for name in _NAMES)}")
    if "port" not in told:
        found.append("neither command nor environment holds {port}, which the benchmark chooses")
    if not told & _UPSTREAM:
        found.append("neither command nor environment holds {upstream}, which it has to ask")
    return found


def cell_of(path: Path) -> CellSpec:
    """Return the cell that a file adds to a plan.

    Raises ValueError as `read_own` does, and when folder, program or the contract's results are not there.
    """
    own = read_own(path)
    if not (path.parent / own.folder).is_dir():
        raise ValueError(f"{path}: there is no folder {own.folder}")
    program = own.words[0]
    if not shutil.which(str(path.parent / own.folder / program) if "/" in program else program):
        raise ValueError(f"{path}: there is no program {program}")
    _score(path)
    return CellSpec(id=own.name, label=own.label or own.name, group="peer", app=str(path), loop="")


def own_digests(cells: Iterable[CellSpec]) -> dict[str, str]:
    """Return, for the fingerprint of a run, what the files of those cells that are one's own now hold."""
    own = (cell for cell in cells if cell.app.endswith(".toml"))
    return {f"file of {cell.id}": sha256(Path(cell.app).read_bytes()).hexdigest()[:12] for cell in own}


def own_scores(cells: Iterable[CellSpec]) -> dict[str, Score]:
    """Return the contract scores of those cells that are one's own and name their results."""
    own = (cell for cell in cells if cell.app.endswith(".toml"))
    return {cell.id: score for cell in own if (score := _score(Path(cell.app))) is not None}


def _score(path: Path) -> Score | None:
    own = read_own(path)
    if not own.contract:
        return None
    try:
        return read_score(path.parent / own.contract)
    except OSError as error:
        raise ValueError(f"{path}: contract {own.contract}: {error.strerror}") from None
    except msgspec.MsgspecError as error:
        raise ValueError(f"{path}: contract {own.contract} holds no results of the suite: {error}") from None


def start_own(
    path: Path, upstream_url: str, *, settings: Mapping[str, str], cpus: frozenset[int] | None = None
) -> Running:
    """Start the app in front of an upstream and return once it is ready. ``settings``: TANDEM_ variables,
    which it may read or not. Raises ProcessFailed, with the tail of its log, when it does not come up."""
    own = read_own(path)
    where = urlsplit(upstream_url)
    # Free now, and none that the kernel gives to whoever asks for any. That it is still free when the app
    # binds it is likely, not sure: a cell that loses it has no figures, and says so.
    port = free_port(_HOST, 0)
    values = (_HOST, str(port), upstream_url, str(where.hostname), str(where.port or 80))
    known = dict(zip(_NAMES, values, strict=True))

    def filled(text: str) -> str:
        return _PLACEHOLDER.sub(lambda found: known[found[1]], text)

    process = Process.start(
        [filled(word) for word in own.words],
        name=own.name,
        env={**settings, **{name: filled(text) for name, text in own.environment.items()}},
        cpus=cpus,
        folder=(path.parent / own.folder).resolve(),
    )
    try:
        what = f"answer below 500 to {own.ready}" if own.ready else f"connection on port {port}"
        process.wait_for(lambda _: _ready(port, own.ready), what=what, deadline_s=_READY_DEADLINE_S)
    except BaseException:
        process.stop(deadline_s=0)
        raise
    return Running(process, host=_HOST, port=port)


def _ready(port: int, path: str) -> bool | None:
    connection = http.client.HTTPConnection(_HOST, port, timeout=_ASK_TIMEOUT_S)
    try:
        connection.connect()
        if path:
            connection.request("GET", path)
            return connection.getresponse().status < 500 or None
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    return True
