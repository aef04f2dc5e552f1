"""Where our apps stand while cases are played on them: one process and one origin per subject and variant.

Processes start when the first case needs them and stop after the last one that does. Each case is played
once per subject; the outcome is remembered, so that "both apps agree" costs no second run.
"""

import asyncio
import collections
import dataclasses
import ssl
from collections.abc import Coroutine
from typing import Any, TypeVar

from shared.harness.origin.scripted import Origin
from shared.harness.servers import Running
from shared.harness.subject import Subject, start
from tests.contract.case import Case
from tests.contract.manifest import VARIANTS, manifest_of
from tests.contract.play import Outcome, play
from tests.contract.talk import Proxy
from tests.contract.tls import Authority

__all__ = ["Stage"]

T = TypeVar("T")


@dataclasses.dataclass(slots=True)
class _Standing:
    proxy: Proxy
    origin: Origin
    running: Running


class Stage:
    """One per test process. `close()` stops everything that still runs."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._standing: dict[tuple[Subject, str], _Standing] = {}
        self._outcomes: dict[tuple[str, Subject], Outcome] = {}
        self._elsewhere: Origin | None = None
        self._authority: Authority | None = None
        self._booked: collections.Counter[tuple[Subject, str]] = collections.Counter()

    def book(self, subject: Subject, case: Case) -> None:
        """Another item will ask for this subject: keep it until `leave` has been called as often."""
        self._booked[subject, case.settings] += 1

    def leave(self, subject: Subject, case: Case) -> None:
        key = (subject, case.settings)
        self._booked[key] -= 1
        if self._booked[key] <= 0:
            self._stop(key)

    def outcome(self, case: Case, subject: Subject, beside: tuple[Subject, ...] = ()) -> Outcome:
        """Play the case, or remember how it went. Raises: ProcessFailed when the subject does not start.

        beside: subjects that will be asked for too. Cases that wait for deadlines are played on all of them
        at once, so that the waiting is done once.
        """
        if (case.id, subject) not in self._outcomes:
            due = [subject]
            if case.settings == "tight" or case.tier == "long":
                due += [other for other in beside if other != subject and self._booked[other, case.settings]]
            standings = [self._stand(each, case.settings) for each in due]
            for each, outcome in zip(due, self.run(self._play(case, standings)), strict=True):
                self._outcomes[case.id, each] = self._with_log(outcome, (each, case.settings))
        return self._outcomes[case.id, subject]

    async def _play(self, case: Case, standings: list[_Standing]) -> list[Outcome]:
        return await asyncio.gather(*(play(case, s.proxy, s.origin, self._elsewhere) for s in standings))

    def _with_log(self, outcome: Outcome, key: tuple[Subject, str]) -> Outcome:
        """A failure's report with what the proxy's process had to say; its death is a failure in any case."""
        process = self._standing[key].running.process
        died = not process.running()
        if not died and outcome.verdict != "failed":
            return outcome
        word = "the proxy's process has died; its log ends" if died else "the proxy's log ends"
        report = f"{outcome.report}\n\n{word}:\n{process.log()[-2000:]}"
        if died:
            self._stop(key)
        return dataclasses.replace(outcome, verdict="failed", report=report)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run in the stage's own event loop, which all its origins live in."""
        return self._runner.run(work)

    def close(self) -> None:
        for key in list(self._standing):
            self._stop(key)
        if self._elsewhere is not None:
            self.run(self._elsewhere.close())
        if self._authority is not None:
            self._authority.close()
        self._runner.close()

    def _stand(self, subject: Subject, variant: str) -> _Standing:
        key = (subject, variant)
        if key not in self._standing:
            chosen = VARIANTS[variant]
            settings, tls = dict(chosen.settings), None
            if chosen.tls:
                self._authority = self._authority or Authority()
                settings["TANDEM_UPSTREAM_CA"] = str(self._authority.ca)
                tls = self._authority.server()
            origin = self.run(_open(tls))
            if self._elsewhere is None:
                self._elsewhere = self.run(_open())
            url = chosen.upstream.format(origin=origin.url, port=origin.port)
            try:
                running = start(subject, url, settings=settings)
            except BaseException:
                self.run(origin.close())
                raise
            manifest = manifest_of(variant)
            pid = running.process.pid
            proxy = Proxy(subject.id, running.host, running.port, manifest, pid)
            self._standing[key] = _Standing(proxy, origin, running)
        return self._standing[key]

    def _stop(self, key: tuple[Subject, str]) -> None:
        standing = self._standing.pop(key, None)
        if standing is not None:
            self.run(standing.origin.close())  # first: an idle pool then has nothing to wait for
            standing.running.stop()


async def _open(tls: ssl.SSLContext | None = None) -> Origin:
    origin = Origin(tls=tls)
    origin.listen()
    return origin
