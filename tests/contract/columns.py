"""The columns of docs/contract.md: what each subject makes of each case.

Ours are what the suite holds: a case passes unless a deviation says otherwise (strict: it has to fail then)
or the manifest does not offer what it needs. Other proxies' are read from their results.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from shared.harness.subject import Subject
from tests.contract.case import Case
from tests.contract.deviations import Deviation, deviation
from tests.contract.fingerprint import fingerprint
from tests.contract.own import manifest_of
from tests.contract.reference import REFERENCES
from tests.contract.results import Result, Results, Verdict, read
from tests.contract.subjects import SUBJECTS, tier

__all__ = ["OWN", "RESULTS", "Cell", "Column", "measured", "observations", "ours", "profiles", "references"]

RESULTS = Path(__file__).parent / "results"
OWN = RESULTS / "own"

_NAMES = {"haproxy": "HAProxy", "caddy": "Caddy"}
_RECIPES = frozenset(
    ("recipe-fastapi", "recipe-litestar", "starlette", "django", "client-per-request", "requests-threads")
)


@dataclasses.dataclass(frozen=True, slots=True)
class Cell:
    """verdict: None where nothing was measured. why: one line, for a verdict other than passed. notes: what
    the case observed.
    """

    verdict: Verdict | None
    why: str = ""
    notes: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class Column:
    """One subject, or several that have to agree. name: as in a sentence; head: as narrow as may be; group:
    what several are called together, empty for one that stands for itself.
    """

    name: str
    head: str
    version: str
    cells: Mapping[str, Cell]
    group: str = ""


def profiles() -> dict[str, list[Subject]]:
    """The subjects of each of our columns, by server profile and engine."""
    found: dict[str, list[Subject]] = {}
    for subject in SUBJECTS:
        found.setdefault(subject.id.removeprefix(f"{subject.app}-{subject.route}-"), []).append(subject)
    return found


_LONG = Cell("unsupported", "the long tier is for ours")


def ours(cases: Mapping[str, Case], folder: Path = OWN) -> list[Column]:
    """One column per server profile and engine: both apps. folder: where their observations are."""
    seen = observations(folder)
    return [
        Column(
            name=f"ours on {profile}",
            head=profile.replace("-", "<br>"),
            version="",
            cells={case.id: _held(case, members, seen.get(profile, {})) for case in cases.values()},
            group="ours",
        )
        for profile, members in profiles().items()
    ]


def observations(folder: Path) -> dict[str, dict[str, Result]]:
    """What O cases have seen on ours, by profile and case (observe.py)."""
    return {file.stem: {each.case: each for each in read(file).results} for file in folder.glob("*.json")}


def _held(case: Case, members: Sequence[Subject], seen: Mapping[str, Result]) -> Cell:
    manifest = manifest_of(case.settings, members[0].engine)
    missing = sorted(need for need in case.needs if not manifest.offers(need))
    if missing:
        return Cell("unsupported", f"the manifest declares no {', '.join(missing)}")
    if all(tier(case, each) is None for each in members):
        return _LONG
    known: list[Deviation] = [found for each in members if (found := deviation(case, each)) is not None]
    if known:
        return Cell("deviated", known[0].reason)
    if case.level != "O":
        return Cell("passed")
    noted = seen.get(case.id)
    if noted is None or noted.fingerprint != fingerprint(case, manifest):
        return Cell("observed")
    return Cell("observed", noted.why, noted.notes)


def references(folder: Path = RESULTS) -> list[Results]:
    """The results of other proxies, in the order of their columns; those that are no reference by name."""
    order = {each.id: place for place, each in enumerate(REFERENCES)}
    files = sorted(folder.glob("*.json"), key=lambda file: (order.get(file.stem, len(order)), file.stem))
    return [read(file) for file in files]


def measured(found: Results, cases: Mapping[str, Case]) -> Column:
    """A column from results. What was measured with another case, manifest or set-up was not measured."""
    cells = {name: _LONG if case.tier == "long" else Cell(None) for name, case in cases.items()}
    for result in found.results:
        case = cases.get(result.case)
        if case is not None and _current(result, case, found.proxy):
            cells[case.id] = Cell(result.verdict, result.why, result.notes)
    name = _NAMES.get(found.proxy, found.proxy)
    group = "the recipes" if found.proxy in _RECIPES else ""
    return Column(name, name.replace("-", "<br>"), f"{found.version}, {found.date[:10]}", cells, group)


def _current(result: Result, case: Case, proxy: str) -> bool:
    """A proxy that is no reference has its manifest elsewhere: only the case can be compared."""
    known = next((each for each in REFERENCES if each.id == proxy), None)
    if known is None:
        return result.fingerprint.partition("-")[0] == fingerprint(case, None).partition("-")[0]
    return result.fingerprint == known.fingerprint(case)
