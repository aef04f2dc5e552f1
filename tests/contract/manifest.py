"""What a proxy declares about itself, and the variants of our own proxies that cases ask for.

A case sees a manifest and never a framework: that is what lets the same case judge any proxy.
"""

import dataclasses
from typing import Literal

__all__ = ["VARIANTS", "Manifest", "Variant", "manifest_of"]


@dataclasses.dataclass(frozen=True, slots=True)
class Manifest:
    """Declared policies of one proxy. Times in seconds, sizes in bytes; None: not declared.

    leave_s: how soon a client's leaving closes the upstream side, at most.
    via: what the proxy adds to Via, as a regular expression for the whole of its member. loops: whether a
    request that comes round is "refused". location: what becomes of absolute URLs of the upstream itself in
    Location and Content-Location. base: path prefix of the upstream URL. server_name: SNI of its TLS
    connections to the upstream. failures: how failures made by the proxy look ("tandem": JSON body and
    Proxy-Status). metrics: path of a Prometheus page with the in-flight gauge.
    """

    host: Literal["rewrite", "preserve"]
    forwarded_for: Literal["replace", "append", "none"]
    forwarded_host: bool
    via: str | None
    loops: Literal["refused"] | None = None
    location: Literal["rewrite", "verbatim"] | None = None
    base: str = ""
    reachable: bool = True
    server_name: str | None = None
    pool: int | None = None
    pool_timeout_s: float | None = None
    connect_timeout_s: float | None = None
    response_timeout_s: float | None = None
    read_timeout_s: float | None = None
    keepalive_expiry_s: float | None = None
    leave_s: float = 2.0
    max_body: int | None = None
    max_header: int | None = None
    failures: Literal["tandem"] | None = None
    metrics: str | None = None
    traits: frozenset[str] = frozenset()
    informational: Literal["relay", "drop"] | None = None
    trailers: Literal["relay", "drop"] | None = None
    expect: Literal["end-to-end", "answered"] | None = None
    retries: Literal["none", "safe"] | None = None

    def offers(self, need: str) -> bool:
        """Whether a case that needs it can be asked: a field that is declared, or a trait."""
        if need in self.traits:
            return True
        return need in Manifest.__dataclass_fields__ and getattr(self, need) not in (None, "")


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
    "tls": Variant({}, upstream="https://localhost:{port}", tls=True),
}


def manifest_of(variant: str) -> Manifest:
    """What our own apps declare: the settings table's defaults, changed by the variant."""
    chosen = VARIANTS[variant]
    tight = variant == "tight"
    return Manifest(
        host="rewrite",
        forwarded_for="replace",
        forwarded_host=True,
        via=r"1\.1 tandem-[0-9a-f]{8}",
        loops="refused",
        location="rewrite",
        base=chosen.base,
        reachable=chosen.reachable,
        server_name="localhost" if chosen.tls else None,
        pool=TIGHT_POOL if tight else 100,
        pool_timeout_s=TIGHT_S if tight else 5.0,
        connect_timeout_s=TIGHT_S if tight else 5.0,
        response_timeout_s=TIGHT_S if tight else 60.0,
        read_timeout_s=TIGHT_S if tight else 60.0,
        keepalive_expiry_s=4.0,
        leave_s=1.0,
        max_body=TIGHT_BODY if tight else None,
        max_header=65536,
        failures="tandem",
        metrics="/-/metrics",
        informational="drop",
        trailers="drop",
        expect="answered",
        retries="none",
        traits=frozenset({"keepalive", "replaces", "streams"}),
    )
