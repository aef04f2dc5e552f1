"""Our own subjects: app, route and profile on each engine, and the tier in which a case is played on them."""

from shared.harness.subject import ENGINES, ROUTES, Subject, subjects
from tests.contract.case import Case, Tier

__all__ = ["POSSIBLE", "SUBJECTS", "default_engine", "tier"]

_EVERYWHERE = "httpx2"
"""The library's engine that is played on every server profile and on both routes as well."""

# Where the other engines are played, and that one in the quick tier: what differs is the engine's, whatever
# server is in front of it.
_ROUTES, _PROFILES = ROUTES[:1], ("uvicorn-httptools",)

POSSIBLE: tuple[Subject, ...] = tuple(subject for engine in ENGINES for subject in subjects(engine=engine))
"""Each app, route and profile on each engine: what is played, and would be with another engine first."""


def default_engine(subject: Subject) -> Subject:
    """The same app, route, profile and loop on the default engine."""
    return Subject(subject.app, subject.route, subject.profile, subject.loop)


def _beside(subject: Subject) -> bool:
    return subject.route in _ROUTES and subject.profile in _PROFILES


SUBJECTS: tuple[Subject, ...] = tuple(
    subject
    for subject in POSSIBLE
    if subject == default_engine(subject) or subject.engine == _EVERYWHERE or _beside(subject)
)


def tier(case: Case, subject: Subject) -> Tier | None:
    """In which one of our subjects is asked this, None in neither."""
    if subject == default_engine(subject):
        return case.tier
    if subject.engine == _EVERYWHERE:
        return case.tier if _beside(subject) else "long"
    return case.tier if case.tier == "quick" else None
