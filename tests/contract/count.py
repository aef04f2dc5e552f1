"""A pytest plugin: what happened to every contract item, told per proxy at the end, and written to a file.

Nothing is skipped silently: what was collected and did not run fails the run (rule 12).
"""

import collections
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.contract.results import VERDICTS, Result, Results, Verdict, suite, write

__all__ = ["AGREEMENT", "Count"]

AGREEMENT = "both apps agree"

_SHOWN = 50  # lines of a kind; with --results all are in the file
_NODE_ID = re.compile(r"contract/test_\w+\.py::[A-Z]{3}-[^\[]+\[")


class Count:
    """versions: what is known of a proxy, by id. results: a file for one proxy, a folder for several."""

    def __init__(self, versions: dict[str, str] | None = None, results: Path | None = None) -> None:
        self.versions, self.path = versions or {}, results
        self.unwritten = ""  # why there are none in that file
        self.expected: set[str] = set()
        self.verdicts: dict[str, tuple[str, Verdict]] = {}  # node id: proxy, verdict
        self.results: dict[str, dict[str, Result]] = collections.defaultdict(dict)  # proxy: case: result

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        if not session.config.option.collectonly:
            self._expect([item.nodeid for item in session.items])

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        self._expect(ids)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        told = dict(report.user_properties)
        named = told.get("contract")
        if named is None or (report.when != "call" and report.passed):
            return
        plain: dict[str, Verdict] = {"passed": "passed", "failed": "failed", "skipped": "unsupported"}
        verdict: Verdict = told.get("verdict", plain[report.outcome])  # type: ignore[assignment]
        if hasattr(report, "wasxfail") and report.skipped:
            verdict = "deviated"
        if report.outcome == "failed":  # in set-up or tear-down too, whatever the case itself has come to
            verdict = "failed"
        self.verdicts[report.nodeid] = (str(named), verdict)
        if "case" in told:
            notes = {name[5:]: str(value) for name, value in told.items() if name.startswith("note ")}
            why = str(told.get("why") or ("" if report.outcome != "failed" else _last_line(report)))
            case, sentence, level = str(told["case"]), str(told["sentence"]), told["level"]
            measured = str(told.get("fingerprint", ""))
            self.results[str(named)][case] = Result(case, sentence, level, verdict, why, notes, measured)  # type: ignore[arg-type]

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if (self.not_run() or self.nothing_asked()) and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        if self.path is not None:
            try:
                self._write(self.path)
            except OSError as error:
                self.unwritten = f"no results in {self.path}: {error.strerror}"
                session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter, exitstatus: int) -> None:
        lines = self.lines()
        if (
            not lines or exitstatus == pytest.ExitCode.USAGE_ERROR
        ):  # nothing was to run: its one line says why
            return
        terminalreporter.section("contract")
        for line in lines:
            terminalreporter.write_line(line)
        for proxy, result in self._each("warning"):
            terminalreporter.write_line(f"warning: {result.case} on {proxy}: {result.why}", yellow=True)
        for proxy, result in self._each("failed")[:_SHOWN]:
            terminalreporter.write_line(f"failed: {result.case} on {proxy}: {result.why}", red=True)
        if terminalreporter.config.getoption("notes", default=False):
            for line in self.notes():
                terminalreporter.write_line(line)
        for node_id in self.not_run()[:_SHOWN]:
            terminalreporter.write_line(f"did not run: {node_id}", red=True)
        if self.unwritten:
            terminalreporter.write_line(self.unwritten, red=True)
        if self.nothing_asked():
            terminalreporter.write_line(
                "nothing was asked: every case is unsupported or wants another configuration", red=True
            )

    def nothing_asked(self) -> bool:
        """Whether cases were played and not one of them could say anything about a proxy."""
        verdicts = {result.verdict for found in self.results.values() for result in found.values()}
        return bool(verdicts) and verdicts <= {"unsupported", "reconfiguration"}

    def not_run(self) -> list[str]:
        return sorted(self.expected - self.verdicts.keys())

    def lines(self) -> list[str]:
        """One line per proxy; none when no contract item was asked for."""
        table: dict[str, collections.Counter[Verdict]] = collections.defaultdict(collections.Counter)
        for where, verdict in self.verdicts.values():
            table[where][verdict] += 1
        for node_id in self.not_run():
            name = node_id.partition("[")[2].partition("]")[0]
            table[AGREEMENT if name.startswith("agree-") else name]["not run"] += 1
        always = ("passed", "deviated", "unsupported", "failed", "not run")
        words = [word for word in VERDICTS if word in always or any(table[where][word] for where in table)]
        width = max(map(len, table), default=0)
        return [
            f"{where:<{width}}  " + "  ".join(f"{counts[word]:4} {word}" for word in words)
            for where, counts in sorted(table.items())
        ]

    def notes(self) -> list[str]:
        """What was observed, one line per case and proxy."""
        lines = []
        for proxy, found in sorted(self.results.items()):
            for case, result in sorted(found.items()):
                told = [f"{name}: {value}" for name, value in result.notes.items()]
                if result.verdict == "observed" and result.why:
                    told.append(f"not played to its end: {result.why}")
                if told:
                    lines.append(f"{case} on {proxy}: {'; '.join(told)}")
        return lines

    def _each(self, verdict: Verdict) -> list[tuple[str, Result]]:
        return [
            (proxy, result)
            for proxy, found in sorted(self.results.items())
            for _, result in sorted(found.items())
            if result.verdict == verdict
        ]

    def _write(self, path: Path) -> None:
        for proxy, found in self.results.items():
            file = path / f"{proxy}.json" if path.is_dir() or len(self.results) > 1 else path
            results = [result for _, result in sorted(found.items())]
            date = datetime.now(UTC).date().isoformat()
            write(Results(proxy, self.versions.get(proxy, ""), date, results, suite()), file)

    def _expect(self, node_ids: list[str]) -> None:
        self.expected.update(node_id for node_id in node_ids if _NODE_ID.search(node_id))


def _last_line(report: pytest.TestReport) -> str:
    return next(reversed(report.longreprtext.strip().splitlines()), "")
