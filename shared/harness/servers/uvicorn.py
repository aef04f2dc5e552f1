"""How uvicorn is started for a proxy: one table of flags, and what varies."""

from __future__ import annotations

import math
import re
import sys

__all__ = ["PROFILES", "command", "port"]

PROFILES: tuple[str, ...] = ("uvicorn-httptools", "uvicorn-h11")

_FLAGS = (
    # The upstream's Date and Server are the ones the client should see. A missing Date the app adds itself.
    "--no-date-header",
    "--no-server-header",
    # scope["client"] must be the peer: whom to believe is TANDEM_TRUSTED_PROXIES' business.
    "--no-proxy-headers",
    # The app writes one line per exchange itself. Level info carries the address that the harness reads back.
    "--no-access-log",
    *("--log-level", "info"),
    # An upgrade that nobody speaks is an ordinary request, which RFC 9110 §7.8 allows a server to make of it.
    *("--ws", "none"),
    # A lifespan that fails must end the start, not leave a proxy without an upstream client.
    *("--lifespan", "on"),
    # Twice TANDEM_MAX_HEADER, so that it is the app that answers 431, in the same words on every server.
    *("--h11-max-incomplete-event-size", "131072"),
    # Load balancers keep idle connections for about 60 s. Whoever closes first should be the side that sends
    # requests, or one of them meets a closed connection.
    *("--timeout-keep-alive", "75"),
)


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
        raise ValueError(f"unknown uvicorn profile {profile!r}: one of {', '.join(PROFILES)}")
    return [
        *(sys.executable, "-m", "uvicorn", app),
        *("--host", host, "--port", str(port)),
        *("--workers", str(workers)),
        *("--http", profile.removeprefix("uvicorn-")),
        *("--loop", loop),
        # The proxy ends what outlives its drain (shared/drain.py); a second later the server does.
        *("--timeout-graceful-shutdown", str(math.ceil(drain_s) + 1)),
        *_FLAGS,
    ]


def port(log: str) -> int | None:
    """The bound port, read from uvicorn's log; None as long as it does not listen."""
    found = re.search(r"Uvicorn running on https?://\S+:(\d+) \(Press", log)
    return int(found[1]) if found else None
