"""The recipe that people copy, in FastAPI and in Litestar: an app around a shared httpx client."""

import importlib.metadata

from shared.harness.servers import start_server
from tests.contract.entrant import Standing, Upstream
from tests.contract.reference.program import Reference
from tests.contract.variants import VARIANTS

__all__ = ["Recipe"]


class Recipe(Reference):
    """It keeps httpx's own deadlines and pool, which are in its manifest; there is no place to set others."""

    install = "make venv"
    tightens = False
    variants = Reference.variants | {"trusting"}

    def __init__(self, framework: str):
        self.framework = framework
        self.id = f"recipe-{framework}"
        self.group = f"reference-{self.id}"

    def version(self) -> str:
        told = (f"{name} {importlib.metadata.version(name)}" for name in ("httpx", self.framework))
        return ", ".join(told)

    def start(self, variant: str, origin: Upstream) -> Standing:
        url = VARIANTS[variant].upstream.format(origin=origin.url, port=origin.port)
        environment = {"TANDEM_UPSTREAM_URL": url}
        if origin.ca:
            environment["SSL_CERT_FILE"] = str(origin.ca)
        running = start_server(
            f"bench.baselines.recipe_{self.framework}:app",
            profile="uvicorn-httptools",
            env=environment,
            name=self.id,
        )
        return Standing(running.host, running.port, running.process)
