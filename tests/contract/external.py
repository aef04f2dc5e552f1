"""A proxy that somebody else has started: `pytest tests/contract --proxy URL --origin-port N --manifest F`.

    cases -- raw bytes --> the proxy at URL -- configured by its owner --> our origin on port N

Before the first case one plain request makes sure that all three are where they should be: whatever is wrong
with the set-up is told in one line, and not by hundreds of failed cases.
"""

import asyncio
import errno
import os
import re
import socket
from urllib.parse import SplitResult, urlsplit

from shared.harness.origin.channel import LateError
from shared.harness.origin.http1 import IncompleteError, MalformedError
from shared.harness.origin.scripted import Origin
from tests.contract.case import Case
from tests.contract.deviations import Known
from tests.contract.entrant import Entrant, Standing, Upstream
from tests.contract.manifest import Manifest
from tests.contract.talk import Exchange, Proxy, Talk
from tests.contract.wire import Response

__all__ = ["External", "SetUpError", "address_of"]

_PATIENCE_S = 10.0
"""A proxy that watches its upstream needs a moment to believe in one that has just come up."""
_PAUSE_S = 0.25
_ANSWER_S = 3.0


class SetUpError(Exception):
    """One line for the person at the command line."""


class External(Entrant):
    """One running proxy in one configuration; its manifest says which variants that satisfies."""

    reconfigurable = False

    def __init__(
        self,
        name: str,
        address: tuple[str, int],
        origin: tuple[str, int],
        manifest: Manifest,
        deviations: tuple[Known, ...] = (),
    ):
        # Brackets would end the name of an item too soon.
        self.id = self.group = re.sub(r"[^\w.-]", "_", name)
        self.address, self.origin = address, origin
        self.declared, self.deviations = manifest, deviations

    def manifest(self, variant: str) -> Manifest | None:
        return self.declared if variant in self.declared.variants else None

    def start(self, variant: str, origin: Upstream) -> Standing:
        return Standing(*self.address)

    def version(self) -> str:
        return self.declared.version

    def deviation(self, case: Case) -> Known | None:
        return next((known for known in self.deviations if known.case == case.id), None)

    async def stands(self) -> None:
        """Bring a plain GET through the proxy to the origin and back. Raises: SetUpError."""
        origin = self._origin()
        origin.listen()
        try:
            talk = Talk(Proxy(self.id, *self.address, self.declared), origin)
            try:
                await self._trip(talk)
            finally:
                await talk.close()
        finally:
            await origin.close()

    def _origin(self) -> Origin:
        host, port = self.origin
        try:
            # The origin shares its port with later ones of its own; this one shares with nobody.
            with socket.create_server((host, port), family=_family(host)):
                pass
            return Origin(host, port)
        except OSError as error:
            why = "the port is in use" if error.errno == errno.EADDRINUSE else _told(error)
            raise SetUpError(f"no origin can listen on {_shown(host, port)}: {why}") from None

    async def _trip(self, talk: Talk) -> None:
        where = f"the proxy at {_shown(*self.address)}"
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _PATIENCE_S
        while True:
            try:
                came = await self._ask(await talk.exchange())
            except LateError:
                raise SetUpError(f"{where} gives no answer within {_ANSWER_S:g} s") from None
            except (IncompleteError, MalformedError) as error:
                raise SetUpError(f"{where} does not speak HTTP/1.1: {error}") from None
            except OSError as error:
                raise SetUpError(f"{where} cannot be reached: {_told(error)}") from None
            if came is None or not self.declared.reachable:
                return
            if loop.time() > deadline:
                raise SetUpError(
                    f"{where} answers {came.status} by itself and asks nothing of the origin "
                    f"on {_shown(*self.origin)}: is that its upstream?"
                )
            await asyncio.sleep(_PAUSE_S)  # nothing tells when a proxy looks for its upstream again

    async def _ask(self, exchange: Exchange) -> Response | None:
        """None when the request has come to the origin, otherwise the proxy's own answer."""
        await exchange.ask()
        came = await exchange.reaches(_ANSWER_S)
        if isinstance(came, Response):
            exchange.client.close()
            return came
        await came.answer()
        await exchange.response(_ANSWER_S)
        return None


def address_of(url: str) -> tuple[str, int]:
    """Host and port of `http://host[:port]`. Raises: SetUpError."""
    parts = urlsplit(url)
    try:
        port = 80 if parts.port is None else parts.port
    except ValueError:
        port = 0
    if (
        parts.scheme != "http"
        or not parts.hostname
        or not port
        or parts.path.strip("/")
        or _more_than_address(parts)
    ):
        raise SetUpError(f"--proxy {url}: accepted: http://host:port")
    return parts.hostname, port


def _more_than_address(parts: SplitResult) -> bool:
    return bool(parts.query or parts.fragment or parts.username or parts.password)


def _told(error: OSError) -> str:
    """In the system's words: asyncio's and socket's hold the address once more."""
    if error.errno is None or error.errno < 0:  # a resolver's error
        return (error.strerror or str(error)).partition(" (while")[0]
    return os.strerror(error.errno)


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _shown(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
