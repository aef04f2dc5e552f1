"""Where a subject is known not to do what a case asks: the only place, applied as strict expected failures.

A deviation is a limit of a server or an engine, with a reason and a link, never of a framework: a pattern
that told the two apps apart would hide the one thing that the suite is for. A deviation that got fixed
fails the suite until its line is deleted.
"""

import fnmatch

import msgspec

from shared.harness.subject import Subject
from tests.contract.case import Case

__all__ = ["DEVIATIONS", "Deviation", "deviation"]


class Deviation(msgspec.Struct, frozen=True):
    """case: an id. subjects: a pattern over `route-profile[-loop][-engine]`, as in `*-hypercorn-h1`."""

    case: str
    subjects: str
    reason: str
    link: str


DEVIATIONS: tuple[Deviation, ...] = ()


def deviation(case: Case, subject: Subject) -> Deviation | None:
    """The deviation that speaks of this case on this subject."""
    name = subject.id.removeprefix(f"{subject.app}-")
    for known in DEVIATIONS:
        if known.case == case.id and fnmatch.fnmatchcase(name, known.subjects):
            return known
    return None
