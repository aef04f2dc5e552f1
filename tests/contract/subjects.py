"""Our own subjects: app, route and profile on the default engine, and one profile on each other engine."""

from shared.harness.subject import ENGINES, Subject, subjects

__all__ = ["POSSIBLE", "SUBJECTS", "default_engine"]

SUBJECTS: tuple[Subject, ...] = (
    *subjects(),  # on ENGINES[0]: which engine runs on all of them is decided where they are named
    # Beside it on one profile: what differs is the engine's, whatever server is in front of it.
    *(
        subject
        for engine in ENGINES[1:]
        for subject in subjects(routes=("handler",), profiles=("uvicorn-httptools",), engine=engine)
    ),
)

POSSIBLE: tuple[Subject, ...] = tuple(subject for engine in ENGINES for subject in subjects(engine=engine))
"""Those, and what would be tested with another engine first."""


def default_engine(subject: Subject) -> Subject:
    """The same app, route, profile and loop on the default engine."""
    return Subject(subject.app, subject.route, subject.profile, subject.loop)
