"""Where entrants stand while cases are played on them: one process and one origin per entrant and variant.

Processes start when the first case needs them and stop after the last one that does; a case that is to be
alone has one of its own. Each case is played once per entrant; the outcome is remembered, so that "both apps
agree" costs no second run.
"""

import asyncio
import collections
import dataclasses
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from shared.harness.origin.scripted import Origin
from tests.contract.case import Case
from tests.contract.entrant import Entrant, Standing, Upstream
from tests.contract.play import Outcome, play
from tests.contract.talk import Proxy
from tests.contract.tls import Authority
from tests.contract.variants import VARIANTS

__all__ = ["Stage"]

T = TypeVar("T")
Key = tuple[str, str]


@dataclasses.dataclass(slots=True)
class _Place:
    proxy: Proxy
    origin: Origin
    standing: Standing


class Stage:
    """One per test process. `close()` stops everything that still runs."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._places: dict[Key, _Place] = {}
        self._outcomes: dict[tuple[str, str], Outcome] = {}
        self._elsewhere: Origin | None = None
        self._authority: Authority | None = None
        self._booked: collections.Counter[Key] = collections.Counter()

    def book(self, entrant: Entrant, case: Case) -> None:
        """Another item will ask for this: keep what it needs until `leave` has been called as often."""
        self._booked[_key(entrant, case)] += 1

    def leave(self, entrant: Entrant, case: Case) -> None:
        key = _key(entrant, case)
        self._booked[key] -= 1
        if self._booked[key] <= 0:
            self._stop(key)

    def outcome(self, case: Case, entrant: Entrant, beside: Sequence[Entrant] = ()) -> Outcome:
        """Play the case, or remember how it went. Raises: ProcessFailed when the entrant does not start.

        beside: entrants that will be asked for too. Cases that wait for deadlines are played on all of them
        at once, so that the waiting is done once.
        """
        if (case.id, entrant.id) not in self._outcomes:
            due = [entrant]
            if case.settings == "tight" or case.tier == "long" or case.alone:
                due += [each for each in beside if each is not entrant and self._booked[_key(each, case)]]
            able = [each for each in due if each.manifest(case.settings) is not None]
            for each in due:
                if each not in able:
                    report = f"it is not configured as {case.settings!r} asks"
                    self._remember(each, Outcome(case, each.id, "reconfiguration", report, report))
            places = [self._place(each, case) for each in able]
            for each, outcome in zip(able, self.run(self._play(case, places)), strict=True):
                self._remember(each, self._with_log(outcome, _key(each, case)))
                if case.alone:
                    self._stop(_key(each, case))
        return self._outcomes[case.id, entrant.id]

    def renew(self, entrant: Entrant, case: Case) -> None:
        """End the process that the case was played on: the next one gets another."""
        self._stop(_key(entrant, case))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run in the stage's own event loop, which all its origins live in."""
        return self._runner.run(work)

    def close(self) -> None:
        for key in list(self._places):
            self._stop(key)
        if self._elsewhere is not None:
            self.run(self._elsewhere.close())
        if self._authority is not None:
            self._authority.close()
        self._runner.close()

    def _remember(self, entrant: Entrant, outcome: Outcome) -> None:
        self._outcomes[outcome.case.id, entrant.id] = outcome

    async def _play(self, case: Case, places: list[_Place]) -> list[Outcome]:
        beside = self._elsewhere, self._authority
        return await asyncio.gather(*(play(case, place.proxy, place.origin, *beside) for place in places))

    def _with_log(self, outcome: Outcome, key: Key) -> Outcome:
        """A failure's report with what the proxy's process had to say.

        Its death is a failure in any case, unless the case was alone with it and may have asked for it.
        """
        process = self._places[key].standing.process
        if process is None:
            return outcome
        died = not (process.running() or outcome.case.alone)
        if not died and outcome.verdict != "failed":
            return outcome
        log, why = process.log(), outcome.why
        if died:
            last_line = log.rstrip().rpartition("\n")[2]
            why = f"the proxy's process has died, exit status {process.wait(deadline_s=0)}: {last_line}"
            self._stop(key)
        report = "\n".join([outcome.report, "", *[why][:died], "the proxy's log ends:", log[-2000:]])
        return dataclasses.replace(outcome, verdict="failed", report=report, why=why)

    def _place(self, entrant: Entrant, case: Case) -> _Place:
        key = _key(entrant, case)
        if key not in self._places:
            ca = tls = None
            if VARIANTS[case.settings].tls and entrant.reconfigurable:
                self._authority = self._authority or Authority()
                ca, tls = self._authority.ca, self._authority.server()
            if self._elsewhere is None:
                self._elsewhere = Origin()
                self.run(_listen(self._elsewhere))
            origin = Origin(*entrant.origin, tls=tls)
            self.run(_listen(origin))
            try:
                standing = entrant.start(case.settings, Upstream(origin.host, origin.port, ca))
            except BaseException:
                self.run(origin.close())
                raise
            manifest = entrant.manifest(case.settings)
            assert manifest is not None
            process = standing.process if case.alone else None  # nobody else's to end
            proxy = Proxy(entrant.id, standing.host, standing.port, manifest, standing.pid, process)
            self._places[key] = _Place(proxy, origin, standing)
        return self._places[key]

    def _stop(self, key: Key) -> None:
        place = self._places.pop(key, None)
        if place is not None:
            self.run(place.origin.close())  # first: an idle pool then has nothing to wait for
            place.standing.stop()


def _key(entrant: Entrant, case: Case) -> Key:
    if not entrant.reconfigurable:
        return entrant.id, ""
    return entrant.id, f"{case.settings}, {case.id}" if case.alone else case.settings


async def _listen(origin: Origin) -> None:
    origin.listen()
