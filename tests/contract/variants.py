"""The settings that cases ask a proxy to run under, as our own apps are told them."""

import dataclasses

__all__ = ["TIGHT_BODY", "TIGHT_POOL", "TIGHT_S", "VARIANTS", "Variant"]


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
