"""What our own apps declare: a manifest per variant and engine, made from the settings they run under.

`python -m tests.contract.own` writes those of the defaults to tests/contract/manifests/tandem-*.toml, one per
server profile and engine, as a file for `--manifest`; `--check` compares them.
"""

import json
import sys
from pathlib import Path
from typing import Any, Literal

import msgspec

from tests.contract.manifest import Manifest
from tests.contract.subjects import SUBJECTS
from tests.contract.variants import VARIANTS

__all__ = ["COMMAND", "FOLDER", "files", "main", "manifest_of"]

COMMAND = "python -m tests.contract.own"
FOLDER = Path(__file__).parent / "manifests"

_ENGINES: dict[str, dict[str, Any]] = {
    "wire": {"expect": "end-to-end", "retries": "safe"},
}
"""What an engine does otherwise than httpcore's two, under which every Expect is answered by the server."""


def manifest_of(variant: str, engine: str) -> Manifest:
    """What our own apps declare: the settings table's defaults, changed by the variant and the engine."""
    chosen = VARIANTS[variant]

    def seconds(name: str, default: float) -> float:
        return float(chosen.settings.get(f"TANDEM_{name}", default))

    host: Literal["rewrite", "preserve"] = (
        "preserve" if chosen.settings.get("TANDEM_HOST") == "preserve" else "rewrite"
    )
    forwarded: Literal["append", "replace"] = (
        "append" if chosen.settings.get("TANDEM_TRUSTED_PROXIES") else "replace"
    )
    declared = Manifest(
        host=host,
        forwarded_for=forwarded,
        forwarded_host=True,
        forwarded=forwarded,
        via=r"1\.1 tandem-[0-9a-f]{8}",
        location="rewrite" if host == "rewrite" else "verbatim",
        trace="refuse",
        max_forwards=True,
        underscores="guarded",
        query="verbatim",
        base=chosen.base,
        reachable=chosen.reachable,
        server_name="localhost" if chosen.tls else None,
        pool=int(chosen.settings.get("TANDEM_MAX_CONNECTIONS", 100)),
        pool_timeout_s=seconds("POOL_TIMEOUT", 5.0),
        connect_timeout_s=seconds("CONNECT_TIMEOUT", 5.0),
        response_timeout_s=seconds("RESPONSE_TIMEOUT", 60.0),
        read_timeout_s=seconds("READ_TIMEOUT", 60.0),
        keepalive_expiry_s=seconds("KEEPALIVE_EXPIRY", 4.0),
        leave_s=1.0,
        drain_s=seconds("DRAIN_TIMEOUT", 30.0),
        max_body=int(chosen.settings.get("TANDEM_MAX_BODY", 0)) or None,
        max_header=int(chosen.settings.get("TANDEM_MAX_HEADER", 65536)),
        proxy_authorization="drop",
        informational="drop",
        expect="answered",
        trailers="drop",
        retries="none",
        upgrade="none",
        failures="tandem",
        metrics="/-/metrics",
        healthy="/-/healthy",
        ready="/-/ready",
        second_signal="cuts",
        access_log="tandem",
        traits=frozenset({"keepalive", "replaces", "streams"}),
        variants=frozenset({variant}),
    )
    return msgspec.structs.replace(declared, **_ENGINES.get(engine, {}))


def files() -> dict[str, str]:
    """The TOML of each of our columns, by its file's name. A server changes nothing of what is declared."""
    engines = {subject.id.removeprefix(f"{subject.app}-{subject.route}-"): subject for subject in SUBJECTS}
    return {
        f"tandem-{profile}.toml": (
            f"# Either app on {subject.profile}, engine {subject.engine}: made by `{COMMAND}`.\n"
            + toml(manifest_of("plain", subject.engine))
        )
        for profile, subject in engines.items()
    }


def toml(manifest: Manifest) -> str:
    """What is not left out, one field a line, in words that JSON and TOML spell alike."""
    lines = []
    for field in msgspec.structs.fields(Manifest):
        value = getattr(manifest, field.name)
        if value != field.default and value != {}:
            lines.append(
                f"{field.name} = {json.dumps(sorted(value) if isinstance(value, frozenset) else value)}"
            )
    return "\n".join([*lines, ""])


def main(arguments: list[str]) -> int:
    """Write the files, or say which are stale; the exit status."""
    wanted = files()
    found = {path.name: path.read_text("utf-8") for path in FOLDER.glob("tandem-*.toml")}
    if arguments == ["--check"]:
        stale = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
        if stale:
            print(f"{', '.join(stale)}: stale; `.venv/bin/{COMMAND}` makes them anew")
        return bool(stale)
    if arguments:
        print(f"usage: {COMMAND} [--check]")
        return 2
    for name in found.keys() - wanted.keys():
        (FOLDER / name).unlink()
    for name, text in wanted.items():
        (FOLDER / name).write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
