"""How hypercorn is started for a proxy: hypercorn.toml, and what varies on the command line."""

from __future__ import annotations

import math
import re
import sys

__all__ = ["PROFILES", "command", "port"]

PROFILES: tuple[str, ...] = ("hypercorn-h1",)

_CONFIG = "shared/harness/servers/hypercorn.toml"  # from the project's root, where every server starts


def command(
    app: str,
    *,
    profile: str,
    host: str,
    port: int,
    loop: str = "uvloop",
    workers: int = 1,
    drain_s: float = 30.0,
) -> list[str]:
    """The command line that serves `app` ("module:name") with `profile`; port 0 lets the system choose."""
    if profile not in PROFILES:
        raise ValueError(f"unknown hypercorn profile {profile!r}: one of {', '.join(PROFILES)}")
    return [
        *(sys.executable, "-m", "hypercorn", app),
        *("--config", _CONFIG),
        *("--bind", f"[{host}]:{port}" if ":" in host else f"{host}:{port}"),
        # 0 serves in this very process; 1 would put a supervisor beside it, whose memory is not the proxy's.
        *("--workers", str(workers if workers > 1 else 0)),
        *("--worker-class", loop),
        # The proxy ends what outlives its drain (shared/drain.py); a second later the server does.
        *("--graceful-timeout", str(math.ceil(drain_s) + 1)),
    ]


def port(log: str) -> int | None:
    """The bound port, read from hypercorn's log; None as long as it does not listen."""
    found = re.search(r"Running on https?://\S+:(\d+) \(CTRL", log)
    return int(found[1]) if found else None
