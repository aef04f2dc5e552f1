"""Apps around a client, as people write them or find them: those that bench.baselines times."""

import functools
import importlib.metadata

from shared.harness.servers import command, start_server
from tests.contract.entrant import Standing, Upstream
from tests.contract.reference.program import Reference
from tests.contract.reference.source import module
from tests.contract.variants import VARIANTS

__all__ = ["App"]

_PROFILE = "uvicorn-httptools"


class App(Reference):
    """It keeps its client's own deadlines and pool, as its manifest says; there is no place to set others.

    packages: what it is made of, for its version. declares: the manifest's name, where several share one.
    trusting: whether it hands on what a client says about itself, which is what that variant asks for.
    """

    tightens = False

    def __init__(self, name: str, *packages: str, declares: str = "", trusting: bool = True):
        self.id = name
        self.declares = declares
        self.group = f"reference-{name}"
        self.module = f"bench.baselines.{name.replace('-', '_')}"
        self.packages = packages
        self.install = f"pip install {' '.join(packages)}"
        if trusting:
            self.variants = Reference.variants | {"trusting"}

    def version(self) -> str:
        try:
            versions = [importlib.metadata.version(name) for name in self.packages]
        except importlib.metadata.PackageNotFoundError:
            return ""
        if self.packages == (self.id,):
            return versions[0]
        return ", ".join(map(" ".join, zip(self.packages, versions, strict=True)))

    def setup(self, variant: str) -> str:
        return self._setup

    @functools.cached_property
    def _setup(self) -> str:
        started = command(self.module, profile=_PROFILE, port=0)[1:]  # behind this machine's interpreter
        return "\n".join([module(self.module), *started])

    def start(self, variant: str, origin: Upstream) -> Standing:
        url = VARIANTS[variant].upstream.format(origin=origin.url, port=origin.port)
        environment = {"TANDEM_UPSTREAM_URL": url}
        if origin.ca:
            environment |= dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"), str(origin.ca))
        running = start_server(
            f"{self.module}:app",
            profile=_PROFILE,
            env=environment,
            name=self.id,
        )
        return Standing(running.host, running.port, running.process)
