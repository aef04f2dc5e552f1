"""Cases as pytest items: `HDR-01[fastapi-handler-uvicorn-h11]` and `HDR-01[agree-handler-uvicorn-h11]`.

The conversation between pytest and the suite is all here; tests/conftest.py only passes pytest's hooks on.
"""

import collections
import os
import re
from collections.abc import Iterator
from typing import Any

import pytest

from shared.harness.subject import Subject, subjects
from tests.contract.agree import differences
from tests.contract.case import Case
from tests.contract.deviations import deviation
from tests.contract.stage import Stage

__all__ = ["STAGE", "AgreeItem", "CaseItem", "Count", "items_of", "sorted_for_stage"]

STAGE: pytest.StashKey[Stage] = pytest.StashKey()
AGREEMENT = "both apps agree"

_NODE_ID = re.compile(r"contract/test_\w+\.py::[A-Z]{3}-[^\[]+\[")


class CaseFailedError(Exception):
    """Carries a report that is shown as it is."""


class _ContractItem(pytest.Item):
    """Common to both kinds: where it is, how it is shown, which processes it keeps alive."""

    def __init__(self, *, case: Case, subjects: tuple[Subject, ...], **kwargs: Any):
        super().__init__(**kwargs)
        self.case, self.subjects = case, subjects
        first = subjects[0]
        group = f"{first.route}-{first.profile}"
        # Both apps of one route and profile in one worker: agreement then needs no second run, in any order.
        self.add_marker(pytest.mark.xdist_group(group))
        self.group = group
        if case.tier == "long":
            self.add_marker(pytest.mark.long)

    @property
    def stage(self) -> Stage:
        if STAGE not in self.config.stash:
            self.config.stash[STAGE] = Stage()
        return self.config.stash[STAGE]

    def teardown(self) -> None:
        for subject in self.subjects:
            self.stage.leave(subject, self.case)

    def repr_failure(self, excinfo: Any, style: Any = None) -> Any:
        if isinstance(excinfo.value, CaseFailedError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[os.PathLike[str] | str, int | None, str]:
        return self.path, self.case.line - 1, self.name


class CaseItem(_ContractItem):
    """One case on one subject. beside: the subjects that share its route and profile."""

    def __init__(self, *, beside: tuple[Subject, ...], **kwargs: Any):
        super().__init__(**kwargs)
        self.beside = beside
        subject = self.subjects[0]
        self.user_properties.append(("contract", subject.id))
        known = deviation(self.case, subject)
        if known is not None:
            reason = f"{known.reason} ({known.link})"
            self.add_marker(pytest.mark.xfail(strict=True, raises=CaseFailedError, reason=reason))

    def runtest(self) -> None:
        outcome = self.stage.outcome(self.case, self.subjects[0], self.beside)
        if outcome.verdict == "unsupported":
            pytest.skip(f"unsupported: {outcome.report}")
        if outcome.verdict == "failed":
            raise CaseFailedError(outcome.report)


class AgreeItem(_ContractItem):
    """Both apps on one case, route and server profile: the same bytes at both ends, or the same failure."""

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.user_properties.append(("contract", AGREEMENT))

    def runtest(self) -> None:
        first, second = (self.stage.outcome(self.case, each, self.subjects) for each in self.subjects)
        names = (first.proxy, second.proxy)
        if first.verdict != second.verdict:
            failed = first if first.verdict == "failed" else second
            raise CaseFailedError(
                f"{self.case.id}: {names[0]} {first.verdict}, {names[1]} {second.verdict}\n\n{failed.report}"
            )
        # A failure is cut off where it failed; that both fail is then all that can be compared.
        if first.verdict != "passed" or self.case.compare == "verdict":
            return
        assert first.transcript is not None
        assert second.transcript is not None
        unlike = differences(first.transcript, second.transcript, names)
        if unlike:
            raise CaseFailedError("\n".join([f"{self.case}: the apps do not agree", *unlike]))


def items_of(collector: pytest.Module, case: Case) -> Iterator[pytest.Item]:
    """Every item of one case: each app x route x profile, then agreement per route x profile."""
    pairs: dict[tuple[str, str], list[Subject]] = collections.defaultdict(list)
    for subject in subjects():
        pairs[subject.route, subject.profile].append(subject)
    for (route, profile), pair in pairs.items():
        apps = tuple(pair)
        for subject in apps:
            name = f"{case.id}[{subject.id}]"
            yield CaseItem.from_parent(collector, name=name, case=case, subjects=(subject,), beside=apps)
        if len(apps) == 2:
            name = f"{case.id}[agree-{route}-{profile}]"
            yield AgreeItem.from_parent(collector, name=name, case=case, subjects=apps)


def sorted_for_stage(items: list[pytest.Item]) -> list[pytest.Item]:
    """Contract items by the processes they need, everything else where it was; and book those processes."""
    mine = [item for item in items if isinstance(item, _ContractItem)]
    for item in mine:
        for subject in item.subjects:
            item.stage.book(subject, item.case)
    ordered = iter(sorted(mine, key=lambda item: (item.group, item.case.settings)))
    return [next(ordered) if isinstance(item, _ContractItem) else item for item in items]


class Count:
    """A pytest plugin: what happened to every contract item, told per subject at the end (rule 12)."""

    def __init__(self) -> None:
        self.expected: set[str] = set()
        self.results: dict[str, tuple[str, str]] = {}  # node id: subject, word

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self._expect([item.nodeid for item in session.items])

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        self._expect(ids)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        named = dict(report.user_properties).get("contract")
        if named is None or (report.when != "call" and report.passed):
            return
        word = {"passed": "passed", "failed": "failed", "skipped": "unsupported"}[report.outcome]
        if hasattr(report, "wasxfail") and report.skipped:
            word = "deviated"
        self.results[report.nodeid] = (str(named), word)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.not_run() and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        lines = self.lines()
        if not lines:
            return
        terminalreporter.section("contract")
        for line in lines:
            terminalreporter.write_line(line)
        for node_id in self.not_run()[:20]:
            terminalreporter.write_line(f"did not run: {node_id}", red=True)

    def not_run(self) -> list[str]:
        return sorted(self.expected - self.results.keys())

    def lines(self) -> list[str]:
        """One line per subject; none when no contract item was asked for."""
        table: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
        for where, word in self.results.values():
            table[where][word] += 1
        for node_id in self.not_run():
            name = node_id.partition("[")[2].partition("]")[0]
            table[AGREEMENT if name.startswith("agree-") else name]["not run"] += 1
        words = ("passed", "deviated", "unsupported", "failed", "not run")
        width = max(map(len, table), default=0)
        return [
            f"{where:<{width}}  " + "  ".join(f"{counts[word]:4} {word}" for word in words)
            for where, counts in sorted(table.items())
        ]

    def _expect(self, node_ids: list[str]) -> None:
        self.expected.update(node_id for node_id in node_ids if _NODE_ID.search(node_id))
