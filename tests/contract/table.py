"""The contract as a page, made from the cases themselves: `python -m tests.contract.table` writes
docs/contract.md.
"""

import pathlib

from tests.contract.case import Case, load
from tests.contract.deviations import DEVIATIONS

__all__ = ["PAGE", "page"]

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "contract.md"

_INTRODUCTION = """\
# The contract

What any HTTP reverse proxy must do, and what this one promises on top. The page is made from the cases in
`tests/contract` by `python -m tests.contract.table`; a test compares it with them.

Every case runs over plain sockets at both ends, on each app, route and server profile, and both apps must
produce the same normalised bytes upstream and downstream. **M**: every reverse proxy has to pass. **S**:
should. **P**: a policy, as the proxy's manifest declares it. A requirement that is a *promise* is this
project's own, where no RFC speaks.

Settings: `plain` are the defaults, `tight` has a pool of ten, deadlines of two seconds and a body limit
of 1 MiB, `based` has a base path in the upstream's URL, `nowhere` an upstream name that does not resolve,
`tls` an upstream over TLS, under a CA of its own.
"""


def page() -> str:
    """The whole page, Markdown."""
    cases = load()
    families: dict[str, list[Case]] = {}
    for case in cases.values():
        families.setdefault(case.family, []).append(case)
    count = sum(case.level == "M" for case in cases.values())
    parts = [_INTRODUCTION, f"{len(cases)} cases, {count} of them M.\n"]
    parts += [_section(family, members) for family, members in families.items()]
    parts.append(_deviations())
    return "\n".join(parts)


def _section(family: str, cases: list[Case]) -> str:
    lines = [
        f"## {family}",
        "",
        "| id | level | the proxy's promise | requirement | runs on |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {case.id} | {case.level} | {_cell(case.sentence)} | {_cell(case.requirement)} | "
        f"{case.settings}{', long tier' if case.tier == 'long' else ''} |"
        for case in cases
    ]
    return "\n".join([*lines, ""])


def _deviations() -> str:
    lines = [
        "## Known deviations",
        "",
        "Limits of a server, each expected to fail and failing the suite when it no longer does.",
        "",
    ]
    lines += ["| case | subjects | reason | link |", "|---|---|---|---|"]
    lines += [f"| {d.case} | `{d.subjects}` | {_cell(d.reason)} | <{d.link}> |" for d in DEVIATIONS]
    return "\n".join([*lines, ""])


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page())
