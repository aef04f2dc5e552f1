"""The settings that cases ask our own apps to run under, and the manifest that follows from each."""

import dataclasses
from typing import Any, Literal

import msgspec

from tests.contract.manifest import Manifest

__all__ = ["TIGHT_BODY", "TIGHT_POOL", "TIGHT_S", "VARIANTS", "Variant", "manifest_of"]


@dataclasses.dataclass(frozen=True, slots=True)
class Variant:
    """Settings beside the defaults. Each variant costs one process per subject, so there are few.

    upstream: how the origin's address becomes the upstream URL. tls: the origin speaks TLS, under a CA that
    the proxy is told to trust.
    """

    settings: dict[str, str]
    upstream: str = "{origin}"
    base: str = ""
    reachable: bool = True
    tls: bool = False


# Seconds until a deadline strikes under `tight`: long enough for a machine that is busy, short enough to
# wait for.
TIGHT_S = 2.0
TIGHT_POOL = 10
TIGHT_BODY = 1 << 20

VARIANTS: dict[str, Variant] = {
    "plain": Variant({}),
    "tight": Variant(
        {
            "TANDEM_MAX_CONNECTIONS": str(TIGHT_POOL),
            "TANDEM_CONNECT_TIMEOUT": str(TIGHT_S),
            "TANDEM_POOL_TIMEOUT": str(TIGHT_S),
            "TANDEM_WRITE_TIMEOUT": str(TIGHT_S),
            "TANDEM_RESPONSE_TIMEOUT": str(TIGHT_S),
            "TANDEM_READ_TIMEOUT": str(TIGHT_S),
            "TANDEM_MAX_BODY": str(TIGHT_BODY),
        }
    ),
    "based": Variant({}, upstream="{origin}/base", base="/base"),
    # RFC 6761 §6.4: names under `invalid` never resolve.
    "nowhere": Variant({}, upstream="http://upstream.invalid", reachable=False),
    # A proxy in front whose forwarding fields count, and the Host that its clients speak of.
    "trusting": Variant({"TANDEM_TRUSTED_PROXIES": "127.0.0.1", "TANDEM_HOST": "preserve"}),
    "tls": Variant({}, upstream="https://localhost:{port}", tls=True),
    # Warnings are shown, so that what is left open is told when the process ends.
    "stops": Variant({"TANDEM_DRAIN_TIMEOUT": str(TIGHT_S), "PYTHONWARNINGS": "always"}),
}


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
        loops="refused",
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
