"""Whether a run that was cut off may go on: only what is measured alike may stand in one table. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from bench.record import RunRecord

__all__ = ["differs"]

_PASSING = frozenset({"load average at start"})


def differs(then: RunRecord, now: RunRecord) -> str:
    """Return the first thing in which what is here now differs from what was then; empty for none.

    ``now``: what the same plan would begin with here.
    """

    def lasting(header: RunRecord) -> dict[str, str]:
        return {name: value for name, value in header.environment.items() if name not in _PASSING}

    checks: tuple[tuple[str, Mapping[str, object], Mapping[str, object]], ...] = (
        ("", _first("commit", lasting(then)), lasting(now)),
        ("", then.packages, now.packages),
        ("cell ", {cell.id: cell for cell in then.cells}, {cell.id: cell for cell in now.cells}),
        ("scenario ", {one.id: one for one in then.scenarios}, {one.id: one for one in now.scenarios}),
        ("setting ", then.settings, now.settings),
        ("", {"pinning": then.pinning}, {"pinning": now.pinning}),
    )
    for what, old, new in checks:
        for name in (*old, *(name for name in new if name not in old)):
            was, here = old.get(name, "none"), new.get(name, "none")
            if was != here:
                simple = isinstance(was, str) and isinstance(here, str)
                return f"{what}{name} was {was}, is {here}" if simple else f"{what}{name} is another now"
    return ""


def _first(name: str, values: dict[str, str]) -> dict[str, str]:
    return ({name: values[name]} if name in values else {}) | values
