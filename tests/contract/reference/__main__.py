"""The suite over every reference that is installed: `make contract-reference`, or

    python -m tests.contract.reference [NAME ...] [--missing | --case PATTERN] [--reports FOLDER]

Writes tests/contract/results/NAME.json when every quick case has been played, and says what came of it.
Ctrl-C ends it early and keeps what has been played. With --missing only those cases are played that the file
does not hold as they are now (fingerprint.py); with --case nothing is written.
"""

import argparse
import collections
import datetime
import fnmatch
import pathlib
import sys
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from tests.contract.case import Case, load
from tests.contract.columns import RESULTS
from tests.contract.play import Outcome
from tests.contract.reference import REFERENCES, Reference
from tests.contract.results import VERDICTS, Result, Results, Verdict, comparable, read, write
from tests.contract.stage import Stage

Due: TypeAlias = tuple[Case, Reference]
Outcomes: TypeAlias = dict[tuple[str, str], Outcome]
"""Of a case's id and a reference's."""

_BY_ID = {each.id: each for each in REFERENCES}
_LEVELS = "MSPO"
_WHY_CHARACTERS = 300  # a target of 64 KiB is in the report


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0 whatever the references do: what they fail is theirs, and stands in their results."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.contract.reference", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(_BY_ID)}; all if left out")
    parser.add_argument(
        "--case", default="*", help="only cases of this pattern, as in 'HDR-*'; writes no results"
    )
    parser.add_argument(
        "--missing", action="store_true", help="only cases whose results are not there, or stale"
    )
    parser.add_argument("--reports", type=pathlib.Path, help="a folder for the report of each failure")
    asked = parser.parse_args(arguments)
    for name in asked.names:
        if name not in _BY_ID:
            parser.error(f"{name}: accepted: {', '.join(_BY_ID)}")
    chosen = [each for each in REFERENCES if not asked.names or each.id in asked.names]
    cases = [
        case for case in load().values() if case.tier == "quick" and fnmatch.fnmatch(case.id, asked.case)
    ]
    if not cases:
        parser.error(f"--case {asked.case}: no quick case is called so")
    for each in chosen:
        if not each.version():
            print(f"{each.id} is not installed ({each.install}); its results stay as they are")
    present = [each for each in chosen if each.version()]
    fresh = {each.id: held(each, cases) for each in present}
    due = [
        (case, each)
        for case in cases
        for each in present
        if not asked.missing or case.id not in fresh[each.id]
    ]
    outcomes: Outcomes = {}
    status = 0
    try:
        _play(due, outcomes, failed_before={(name, case) for name in fresh for case in _failed(name)})
    except KeyboardInterrupt:
        print(f"ended early: {len(outcomes)} of {len(due)} played; --missing plays the rest", file=sys.stderr)
        status = 130
    finally:  # a fault of the suite's own loses nothing either
        for each in present:
            of_it = {case: outcome for (case, name), outcome in outcomes.items() if name == each.id}
            results = fresh[each.id] | {name: _result(outcome, each) for name, outcome in of_it.items()}
            held_now = [results[case.id] for case in cases if case.id in results]
            found = Results(each.id, each.version(), _now(), held_now)
            if asked.case == "*":
                write(found, _file(each))
            if asked.reports is not None:
                _report(asked.reports / each.id, of_it.values())
            print("\n".join(_summary(found)))
    return status


def held(reference: Reference, cases: list[Case]) -> dict[str, Result]:
    """Results of the same version for cases, declarations and set-ups that are still the same."""
    try:
        found = read(_file(reference))
    except OSError:
        return {}
    if found.version != reference.version():
        return {}
    prints = {case.id: reference.fingerprint(case) for case in cases}
    return {each.case: each for each in found.results if prints.get(each.case) == each.fingerprint}


def _file(reference: Reference) -> pathlib.Path:
    return RESULTS / f"{reference.id}.json"


def _failed(name: str) -> set[str]:
    """The cases that failed when this reference was measured last, whatever its version was."""
    try:
        found = read(RESULTS / f"{name}.json")
    except OSError:
        return set()
    return {each.case for each in found.results if each.verdict in ("failed", "warning")}


def _play(due: list[Due], outcomes: Outcomes, *, failed_before: set[tuple[str, str]]) -> None:
    """Each case on its reference. One that fails, and did not before, is played twice: machines are busy."""
    _round(due, outcomes)
    news = [
        (case, each)
        for case, each in due
        if outcomes[case.id, each.id].verdict == "failed" and (each.id, case.id) not in failed_before
    ]
    again: Outcomes = {}
    _round(news, again)
    outcomes.update({key: outcome for key, outcome in again.items() if outcome.verdict != "failed"})


def _round(due: list[Due], outcomes: Outcomes) -> None:
    """Play them, one process per reference at a time, and put what came of each into `outcomes`."""
    stage = Stage()
    due = sorted(due, key=lambda each: each[0].settings)
    try:
        for case, reference in due:
            stage.book(reference, case)
        for number, (case, reference) in enumerate(due):
            _progress(f"{number + 1}/{len(due)} {case.id} {reference.id}")
            if not sys.stderr.isatty() and number % 100 == 0:
                print(f"{number} of {len(due)} played", file=sys.stderr, flush=True)
            beside = [other for same, other in due if same is case]
            outcomes[case.id, reference.id] = outcome = stage.outcome(case, reference, beside)
            stage.leave(reference, case)
            if outcome.verdict == "failed":  # what it has leaked must not fail the next case
                stage.renew(reference, case)
    finally:
        _progress("")
        stage.close()


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).replace(microsecond=0).isoformat()


def _result(outcome: Outcome, reference: Reference) -> Result:
    case, told = outcome.case, comparable(outcome.why)
    verdict: Verdict = "warning" if (case.level, outcome.verdict) == ("S", "failed") else outcome.verdict
    why = told if len(told) <= _WHY_CHARACTERS else f"{told[:_WHY_CHARACTERS]} ..."
    current = reference.fingerprint(case)
    return Result(case.id, case.sentence, case.level, verdict, why, outcome.notes, current)


def _report(folder: pathlib.Path, outcomes: Iterable[Outcome]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for outcome in outcomes:
        if outcome.verdict == "failed":
            (folder / f"{outcome.case.id}.txt").write_text(outcome.report, "utf-8")


def _summary(found: Results) -> list[str]:
    """One line per level: how many cases had which verdict."""
    counts: dict[str, collections.Counter[Verdict]] = collections.defaultdict(collections.Counter)
    for result in found.results:
        counts[result.level][result.verdict] += 1
    lines = [f"{found.proxy} {found.version}"]
    for level in _LEVELS:
        told = [f"{counts[level][verdict]:4} {verdict}" for verdict in VERDICTS if counts[level][verdict]]
        lines.append(f"  {level}  {'  '.join(told) or '   no case'}")
    return lines


if __name__ == "__main__":
    sys.exit(main())
