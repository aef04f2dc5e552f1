"""What our own apps declare: a manifest per variant and engine, made from the settings they run under."""

from typing import Any, Literal

import msgspec

from tests.contract.manifest import Manifest
from tests.contract.variants import VARIANTS

__all__ = ["manifest_of"]

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
