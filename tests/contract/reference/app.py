"""Apps around httpx's client, as people write them or find them: those that bench.baselines times."""

import importlib.metadata

from shared.harness.servers import start_server
from tests.contract.entrant import Standing, Upstream
from tests.contract.reference.program import Reference
from tests.contract.variants import VARIANTS

__all__ = ["App"]


class App(Reference):
    """It keeps httpx's own deadlines and pool, which are in its manifest; there is no place to set others.

    packages: what it is made of, for its version. trusting: whether it hands on what a client says about
    itself, which is what that variant asks for.
    """

    tightens = False

    def __init__(self, name: str, *packages: str, trusting: bool = True):
        self.id = name
        self.group = f"reference-{name}"
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

    def start(self, variant: str, origin: Upstream) -> Standing:
        url = VARIANTS[variant].upstream.format(origin=origin.url, port=origin.port)
        environment = {"TANDEM_UPSTREAM_URL": url}
        if origin.ca:
            environment["SSL_CERT_FILE"] = str(origin.ca)
        running = start_server(
            f"bench.baselines.{self.id.replace('-', '_')}:app",
            profile="uvicorn-httptools",
            env=environment,
            name=self.id,
        )
        return Standing(running.host, running.port, running.process)
