"""Makes .venv from pyproject.toml's lists and constraints.txt, with uv or with venv and pip.

`scripts/venv` runs it with the interpreter that .venv shall use; it needs the standard library only. It
prints nothing on stdout when .venv is ready, otherwise one line that says why it is not, and leaves the
installer's own words in .venv.log.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "made-from"
LOG = ROOT / ".venv.log"
CONSTRAINTS = ROOT / "constraints.txt"

# What pip 23 to 26 and uv print when no index answers.
UNREACHABLE = re.compile(
    r"NewConnectionError|NameResolutionError|Failed to establish a new connection|ConnectTimeout|ReadTimeout"
    r"|Connection refused|Connection reset|Cannot connect to proxy|ProxyError|Network is unreachable"
    r"|Temporary failure in name resolution|Max retries exceeded"
    r"|error sending request|dns error|Failed to fetch|tcp connect error|operation timed out"
)


class SetUpFailed(Exception):
    """.venv could not be made; the message is the one line that its reader sees."""


def requirements() -> list[str]:
    """Everything pyproject.toml asks for: the product's dependencies, then each group's."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)
    groups: dict[str, list[str]] = project["dependency-groups"]
    own: list[str] = project["project"]["dependencies"]
    return own + [requirement for group in groups.values() for requirement in group]


def digest(wanted: list[str]) -> str:
    """What a .venv is made from. Other lines of pyproject.toml, such as a lint rule, do not change it."""
    parts = [f"{sys.version_info.major}.{sys.version_info.minor}", *wanted, CONSTRAINTS.read_text("utf-8")]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def is_current(wanted: list[str]) -> bool:
    """Whether .venv was made, to the end, from just these lists by this version of Python."""
    return STAMP.is_file() and STAMP.read_text("utf-8") == digest(wanted)


def install(wanted: list[str]) -> None:
    """Makes .venv anew, so that nothing in it is left over from earlier lists.

    Raises SetUpFailed with one line when a step fails.
    """
    python = str(VENV / "bin" / "python")
    uv = shutil.which("uv")
    # A short patience: whoever has no network should hear it within seconds. Their own settings win.
    patience = {"PIP_DEFAULT_TIMEOUT": "15", "UV_HTTP_RETRIES": "2"}
    environ = {**patience, **os.environ, "PIP_NO_INPUT": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    if uv:
        make = [uv, "venv", "--quiet", "--no-project", "--python", sys.executable, str(VENV)]
        fill = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", python]
    else:
        make = [sys.executable, "-m", "venv", str(VENV)]
        # pip says that an index did not answer only in its warning before a retry, and never with --quiet.
        fill = [python, "-m", "pip", "install", "--retries", "2"]
    version = ".".join(map(str, sys.version_info[:3]))
    print(f"making .venv with Python {version} and {'uv' if uv else 'pip'}", file=sys.stderr, flush=True)
    shutil.rmtree(VENV, ignore_errors=True)
    with LOG.open("wb") as log:
        for step in (make, [*fill, "--constraint", str(CONSTRAINTS), *wanted]):
            if subprocess.run(step, cwd=ROOT, env=environ, stdout=log, stderr=log, check=False).returncode:
                log.flush()
                raise SetUpFailed(reason(step, LOG.read_text("utf-8", "replace")))
    STAMP.write_text(digest(wanted), "utf-8")
    LOG.unlink()


def reason(step: list[str], said: str) -> str:
    """One line for a step that failed, from what the installer said."""
    if "ensurepip" in said:
        return (
            ".venv could not be made: this Python has no ensurepip; install its python3-venv package, or uv"
        )
    if UNREACHABLE.search(said):
        return (
            ".venv could not be made: the package index cannot be reached; "
            f"check the network or the proxy, then run it again (all that was said: {LOG.name})"
        )
    errors = [line.strip() for line in said.splitlines() if line.strip()]
    marked = [line for line in errors if line.lower().startswith("error")] or errors or ["it said nothing"]
    return (
        f".venv could not be made: {Path(step[0]).name}: {marked[-1][:200]} (all that was said: {LOG.name})"
    )


def main(arguments: list[str]) -> int:
    """Exit status 0 when .venv is ready. With --current it only answers whether it is."""
    wanted = requirements()
    if arguments == ["--current"]:
        return 0 if is_current(wanted) else 1
    with (ROOT / ".venv.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # `make test` and `make bench` started side by side make it once
        if is_current(wanted):
            return 0
        try:
            install(wanted)
        except SetUpFailed as failure:
            print(failure)
            return 1
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        print("interrupted; .venv is not ready yet", file=sys.stderr)  # make is gone, and stdout with it
        sys.exit(130)
