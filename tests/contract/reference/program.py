"""What every reference has: a manifest in a file, a way to start it, a version when it is installed."""

import pathlib
import re
from typing import Protocol

import msgspec

from shared.harness.peers import PEERS, Wish
from shared.harness.servers import Running
from tests.contract.case import Case
from tests.contract.entrant import Entrant, Standing, Upstream
from tests.contract.fingerprint import fingerprint
from tests.contract.manifest import Manifest, read
from tests.contract.reference.source import configuration
from tests.contract.variants import TIGHT_BODY, TIGHT_POOL, TIGHT_S, VARIANTS

__all__ = ["HOST", "Program", "Reference"]

HOST = "127.0.0.1"
_DRAIN_S = 2.0  # under `stops`
_MANIFESTS = pathlib.Path(__file__).parents[1] / "manifests"
_RESOLVER = re.compile(r"\bresolver [0-9.]+")  # of the machine: nginx does not read resolv.conf itself
_DEADLINES = ("connect_timeout_s", "response_timeout_s", "read_timeout_s", "pool_timeout_s")


class Reference(Entrant, Protocol):
    """A proxy that is not ours. install: the command that would install it here. declares: the name of its
    manifest, where that is not its own.

    variants: which of the suite's settings it can be configured for. tightens: its deadlines and its pool are
    what `tight` asks for, and limits_body: so is its limit for bodies; otherwise it keeps its own.
    """

    install: str
    declares: str = ""
    variants: frozenset[str] = frozenset({"plain", "tight", "based", "nowhere", "tls"})
    tightens: bool = True
    limits_body: bool = True

    def version(self) -> str:
        """As the program tells it; empty when it is not installed."""
        ...

    def setup(self, variant: str) -> str:
        """What is started under a variant that it knows: its configuration or its code, and its command line.
        The same on every machine, and after an edit that changes nothing."""
        ...

    def fingerprint(self, case: Case) -> str:
        """What a result of the case is measured with today."""
        variant = case.settings
        setup = self.setup(variant) if variant in self.variants else ""
        return fingerprint(case, self.manifest(variant), setup)

    def manifest(self, variant: str) -> Manifest | None:
        """What the file declares for `plain`, changed as the variant changes the configuration."""
        if variant not in self.variants:
            return None
        declared = read(_MANIFESTS / f"{self.declares or self.id}.toml")
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


class Program(Reference):
    """A program from the distribution, as shared.harness.peers configures and starts it."""

    variants = Reference.variants | {"stops", "trusting"}

    def __init__(self, name: str, *, limits_body: bool = True):
        self.id = name
        self.group = f"reference-{name}"
        self.limits_body = limits_body
        self._peer = PEERS[name]
        self.install = self._peer.install

    def version(self) -> str:
        return self._peer.version()

    def setup(self, variant: str) -> str:
        ca = pathlib.Path("ca.pem") if VARIANTS[variant].tls else None
        folder = pathlib.Path("folder")
        text = self._peer.configuration(_wish(variant), 0, Upstream("origin", 80, ca), folder)
        text = _RESOLVER.sub("resolver", configuration(text))
        return "\n".join([text, self._peer.command, *self._peer.argv(folder / "file")])

    def start(self, variant: str, origin: Upstream) -> Standing:
        return _Started(self._peer.start(origin, _wish(variant)))


def _wish(variant: str) -> Wish:
    chosen = VARIANTS[variant]
    tight = variant == "tight"
    return Wish(
        base=chosen.base,
        reachable=chosen.reachable,
        trusting=variant == "trusting",
        deadline_s=TIGHT_S if tight else None,
        drain_s=_DRAIN_S if variant == "stops" else Wish().drain_s,
        pool=TIGHT_POOL if tight else None,
        max_body=TIGHT_BODY if tight else None,
    )


class _Started(Standing):
    def __init__(self, running: Running):
        super().__init__(running.host, running.port, running.process)
        self._running = running

    def stop(self) -> None:
        self._running.stop()
