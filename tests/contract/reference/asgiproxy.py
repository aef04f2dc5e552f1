"""asgiproxy, a library for ASGI proxies over aiohttp, by its own command line."""

import importlib.metadata
import sys

from shared.harness.process import Process
from shared.harness.servers import uvicorn
from tests.contract.entrant import Standing, Upstream
from tests.contract.reference.program import HOST, Reference
from tests.contract.variants import VARIANTS

__all__ = ["Asgiproxy"]

_ARGUMENTS = ("-m", "asgiproxy", "--host", HOST, "--port", "0")


class Asgiproxy(Reference):
    """It has no deadlines and no limits to be set."""

    id = "asgiproxy"
    group = "reference-asgiproxy"
    install = "pip install asgiproxy"
    tightens = False

    def version(self) -> str:
        try:
            return importlib.metadata.version("asgiproxy")
        except importlib.metadata.PackageNotFoundError:
            return ""

    def setup(self, variant: str) -> str:
        return "\n".join(_ARGUMENTS)

    def start(self, variant: str, origin: Upstream) -> Standing:
        url = VARIANTS[variant].upstream.format(origin=origin.url, port=origin.port)
        argv = [sys.executable, *_ARGUMENTS, url]
        # The default of ssl.create_default_context (X509_get_default_cert_file), which aiohttp uses.
        environment = {"SSL_CERT_FILE": str(origin.ca)} if origin.ca else None
        process = Process.start(argv, name=self.id, env=environment)
        try:
            port = process.wait_for(uvicorn.port, what="listening address")
        except BaseException:
            process.stop(deadline_s=0)
            raise
        return Standing(HOST, port, process)
