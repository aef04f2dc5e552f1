"""What can stand under test: our own apps, reference proxies that the suite starts, any proxy by its URL.

An entrant knows how it is started and what it declares; nothing else in the suite does.
"""

from typing import Protocol

from shared.harness.peers import Upstream
from shared.harness.process import Process
from shared.harness.subject import Subject, start
from tests.contract.case import Case, Tier
from tests.contract.deviations import Known, deviation
from tests.contract.manifest import Manifest
from tests.contract.own import manifest_of
from tests.contract.subjects import tier
from tests.contract.variants import VARIANTS

__all__ = ["App", "Entrant", "Standing", "Upstream"]


class Standing:
    """A proxy that takes connections. process: where the suite has started it."""

    def __init__(self, host: str, port: int, process: Process | None = None):
        self.host, self.port, self.process = host, port, process

    @property
    def pid(self) -> int | None:
        return None if self.process is None else self.process.pid

    def stop(self) -> None:
        """End what was started; nothing for a proxy that is not ours. Stopping twice does no harm."""
        if self.process is not None:
            self.process.stop()


class Entrant(Protocol):
    """A proxy that cases are played on, in one or several configurations.

    id: stands in item names and results. group: entrants of one group run in one worker. twins: entrants of
    one group have to agree. strict: an S case that fails is a failure; otherwise a warning.
    origin: host and port that the origin has to have, 0 for any. reconfigurable: each variant is a process of
    its own, with an origin of its own.
    """

    id: str
    group: str
    twins: bool = False
    strict: bool = False
    origin: tuple[str, int] = ("127.0.0.1", 0)
    reconfigurable: bool = True

    def manifest(self, variant: str) -> Manifest | None:
        """What it declares under a variant; None: it cannot be configured so."""

    def start(self, variant: str, origin: Upstream) -> Standing:
        """Put it in front of the origin and return once it takes connections. Raises: ProcessFailed."""
        ...

    def version(self) -> str:
        """What was tested, for the results."""
        return ""

    def tier(self, case: Case) -> Tier | None:
        """In which it is asked this, None in neither."""
        return case.tier

    def deviation(self, case: Case) -> Known | None:
        """Why it is known to fail this case; then it has to."""
        return None


class App(Entrant):
    """One of our own apps, on a route and a server profile."""

    twins = strict = True

    def __init__(self, subject: Subject):
        self.subject, self.id = subject, subject.id
        # Both apps of one route and profile in one worker: agreement then needs no second run, in any order.
        self.group = subject.id.removeprefix(f"{subject.app}-")

    def manifest(self, variant: str) -> Manifest | None:
        return manifest_of(variant, self.subject.engine)

    def start(self, variant: str, origin: Upstream) -> Standing:
        chosen = VARIANTS[variant]
        settings = dict(chosen.settings)
        if origin.ca is not None:
            settings["TANDEM_UPSTREAM_CA"] = str(origin.ca)
        url = chosen.upstream.format(origin=origin.url, port=origin.port)
        running = start(self.subject, url, settings=settings)
        return Standing(running.host, running.port, running.process)

    def tier(self, case: Case) -> Tier | None:
        return tier(case, self.subject)

    def deviation(self, case: Case) -> Known | None:
        return deviation(case, self.subject)
