"""What level O sees on our own apps, for the contract's page: `python -m tests.contract.observe`
plays those cases once per server profile and engine and writes results/own/PROFILE.json.

One app stands for both, because what a case notes is a thing that they have to agree on.
"""

import sys

from shared.harness.subject import Subject
from tests.contract.case import Case, load
from tests.contract.columns import OWN, profiles
from tests.contract.entrant import App
from tests.contract.fingerprint import fingerprint
from tests.contract.results import Result, Results, write
from tests.contract.stage import Stage


def main(arguments: list[str]) -> int:
    """The exit status: 1 when a case could not be played to its end, and its result is then left out."""
    if arguments:
        print("usage: python -m tests.contract.observe", file=sys.stderr)
        return 2
    cases = [case for case in load().values() if case.level == "O" and case.tier == "quick"]
    status = 0
    for profile, members in profiles().items():
        results = _seen(cases, members[0])
        write(Results(f"ours on {profile}", "", "", results), OWN / f"{profile}.json")
        print(f"{profile}: {len(results)} of {len(cases)} observed")
        status |= len(results) < len(cases)
    return status


def _seen(cases: list[Case], subject: Subject) -> list[Result]:
    stage, app = Stage(), App(subject)
    results = []
    try:
        for case in cases:
            stage.book(app, case)
        for case in cases:
            outcome = stage.outcome(case, app)
            stage.leave(app, case)
            if outcome.verdict == "observed":
                current = fingerprint(case, app.manifest(case.settings))
                told = outcome.why, outcome.notes, current
                results.append(Result(case.id, case.sentence, case.level, outcome.verdict, *told))
            else:
                print(outcome.report, file=sys.stderr)
    finally:
        stage.close()
    return results


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
