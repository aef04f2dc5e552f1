"""Cases as pytest items: `HDR-01[fastapi-handler-uvicorn-h11]` and `HDR-01[agree-handler-uvicorn-h11]`.

Together with count.py this is the whole conversation between pytest and the suite; tests/conftest.py only
passes pytest's hooks on.
"""

import collections
import dataclasses
import os
import random
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.agree import differences
from tests.contract.case import Case
from tests.contract.count import AGREEMENT
from tests.contract.entrant import Entrant
from tests.contract.fingerprint import fingerprint
from tests.contract.play import Outcome
from tests.contract.results import PASSES_BY_NOW
from tests.contract.stage import Stage

__all__ = ["ENTRANTS", "STAGE", "AgreeItem", "CaseItem", "items_of", "shuffled", "sorted_for_stage"]

STAGE: pytest.StashKey[Stage] = pytest.StashKey()
ENTRANTS: pytest.StashKey[tuple[Entrant, ...]] = pytest.StashKey()


class CaseFailedError(Exception):
    """Carries a report that is shown as it is."""


class _ContractItem(pytest.Item):
    """Common to both kinds: where it is, how it is shown, which processes it keeps alive."""

    def __init__(self, *, case: Case, entrants: tuple[Entrant, ...], **kwargs: Any):
        super().__init__(**kwargs)
        self.case, self.entrants = case, entrants
        # What shares a process meets in one worker; what waits for deadlines, elsewhere than what computes.
        self.group = f"{entrants[0].group} {'alone' if case.alone else case.settings}"
        self.add_marker(pytest.mark.xdist_group(self.group))
        if entrants[0].tier(case) == "long":
            self.add_marker(pytest.mark.long)

    @property
    def stage(self) -> Stage:
        if STAGE not in self.config.stash:
            self.config.stash[STAGE] = Stage()
        return self.config.stash[STAGE]

    def tell(self, **properties: str) -> None:
        """What the report carries: to the summary, to the results, and into JUnit's XML."""
        self.user_properties += properties.items()

    def teardown(self) -> None:
        for entrant in self.entrants:
            self.stage.leave(entrant, self.case)

    def repr_failure(self, excinfo: Any, style: Any = None) -> Any:
        if isinstance(excinfo.value, CaseFailedError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[os.PathLike[str] | str, int | None, str]:
        return self.path, self.case.line - 1, self.name


class CaseItem(_ContractItem):
    """One case on one entrant. beside: the entrants of its group."""

    def __init__(self, *, beside: tuple[Entrant, ...], **kwargs: Any):
        super().__init__(**kwargs)
        self.entrant, self.beside = self.entrants[0], beside
        self.known = self.entrant.deviation(self.case)
        case = self.case
        self.tell(contract=self.entrant.id, case=case.id, sentence=case.sentence)
        self.tell(level=case.level, requirement=case.requirement)
        if self.known is not None:
            reason = f"{self.known.reason} ({self.known.link})" if self.known.link else self.known.reason
            strict = not self.known.race
            self.add_marker(pytest.mark.xfail(strict=strict, raises=CaseFailedError, reason=reason))

    def runtest(self) -> None:
        self.tell(fingerprint=fingerprint(self.case, self.entrant.manifest(self.case.settings)))
        outcome = self.stage.outcome(self.case, self.entrant, self.beside)
        self.tell(**{f"note {name}": value for name, value in outcome.notes.items()})
        verdict, why = outcome.verdict, outcome.why
        if verdict == "failed" and self.known is not None:
            verdict, why = "deviated", self.known.reason
        elif verdict == "failed" and self.case.level == "S" and not self.entrant.strict:
            verdict = "warning"
        elif verdict == "passed" and self.known is not None and not self.known.race:
            verdict, why = "failed", f"{PASSES_BY_NOW}{self.known.reason}"
        self.tell(verdict=verdict, why=why)
        if outcome.verdict in ("unsupported", "reconfiguration"):
            pytest.skip(f"{outcome.verdict}: {outcome.report}")
        if verdict in ("warning", "observed") and outcome.report:
            self.add_report_section("call", verdict, outcome.report)
            self.tell(conversation=outcome.report)  # JUnit keeps a failure's own, and no sections
        elif outcome.verdict == "failed":
            raise CaseFailedError(outcome.report)


class AgreeItem(_ContractItem):
    """Both apps on one case, route and server profile: the same bytes at both ends, or the same failure."""

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.tell(contract=AGREEMENT)

    def runtest(self) -> None:
        if _races(self.case, self.entrants):
            return
        first, second = (self.stage.outcome(self.case, each, self.entrants) for each in self.entrants)
        names = (first.proxy, second.proxy)
        if first.verdict != second.verdict:
            failed = first if first.verdict == "failed" else second
            raise CaseFailedError(
                f"{self.case.id}: {names[0]} {first.verdict}, {names[1]} {second.verdict}\n\n{failed.report}"
            )
        # What did not come to its end is cut off somewhere; that neither did is all that can be compared.
        if self.case.compare == "verdict" or not (_whole(first) or _whole(second)):
            return
        if first.transcript is None or second.transcript is None:
            cut = first if first.transcript is None else second
            raise CaseFailedError(f"{self.case}: only {cut.proxy} did not come to its end\n\n{cut.report}")
        unlike = differences(first.transcript, second.transcript, names)
        if unlike:
            raise CaseFailedError("\n".join([f"{self.case}: the apps do not agree", *unlike]))


def _whole(outcome: Outcome) -> bool:
    return outcome.transcript is not None


def _races(case: Case, entrants: tuple[Entrant, ...]) -> bool:
    return any(known.race for each in entrants if (known := each.deviation(case)) is not None)


def items_of(collector: pytest.Module, case: Case, entrants: tuple[Entrant, ...]) -> Iterator[pytest.Item]:
    """Every item of one case: one per entrant, then agreement per group of twins."""
    groups: dict[str, list[Entrant]] = collections.defaultdict(list)
    for entrant in entrants:
        if entrant.tier(case) is not None:
            groups[entrant.group].append(entrant)
    for group, members in groups.items():
        beside = tuple(members)
        alone = _races(case, beside) and all(each.reconfigurable for each in beside)
        told = dataclasses.replace(case, alone=case.alone or alone)
        for entrant in beside:
            name = f"{case.id}[{entrant.id}]"
            yield CaseItem.from_parent(collector, name=name, case=told, entrants=(entrant,), beside=beside)
        if len(beside) == 2 and all(each.twins for each in beside):
            name = f"{case.id}[agree-{group}]"
            yield AgreeItem.from_parent(collector, name=name, case=told, entrants=beside)


def shuffled(items: list[pytest.Item], seed: int) -> list[pytest.Item]:
    """In another order: files among each other, then the tests of each, so that what one sets up stays up."""
    files: dict[os.PathLike[str], list[pytest.Item]] = collections.defaultdict(list)
    for item in items:
        files[item.path].append(item)
    chance = random.Random(seed)
    orders = list(files.values())
    chance.shuffle(orders)
    for order in orders:
        chance.shuffle(order)
    return [item for order in orders for item in order]


def sorted_for_stage(items: list[pytest.Item]) -> list[pytest.Item]:
    """Contract items by the processes they need, everything else where it was; and book those processes."""
    mine = [item for item in items if isinstance(item, _ContractItem)]
    for item in mine:
        for entrant in item.entrants:
            item.stage.book(entrant, item.case)
    ordered = iter(sorted(mine, key=lambda item: item.group))
    return [next(ordered) if isinstance(item, _ContractItem) else item for item in items]
