"""Our own subjects: app, route and profile on the default engine, and one profile on the other engine."""

from shared.harness.subject import Subject, subjects

__all__ = ["SUBJECTS", "default_engine"]

SUBJECTS: tuple[Subject, ...] = (
    *subjects(),
    # Beside the default on one profile: what differs is the engine's, whatever server is in front of it.
    *subjects(routes=("handler",), profiles=("uvicorn-httptools",), engine="httpx"),
)


def default_engine(subject: Subject) -> Subject:
    """The same app, route, profile and loop on the default engine."""
    return Subject(subject.app, subject.route, subject.profile, subject.loop)
