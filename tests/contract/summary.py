"""How many cases each proxy passes, by level: the summary of docs/contract.md, and README's short one."""

import collections
from collections.abc import Iterator, Mapping, Sequence
from typing import get_args

from tests.contract.case import Case, Level
from tests.contract.columns import Column, profiles
from tests.contract.subjects import default_engine

__all__ = ["LEVELS", "cell", "short", "summary"]

LEVELS: tuple[Level, ...] = get_args(Level)
_HEADS: dict[Level, str] = {"M": "M: must", "S": "S: should", "P": "P: as declared", "O": "O: observed"}


def summary(cases: Mapping[str, Case], columns: Sequence[Column]) -> Iterator[str]:
    """The lines of a table: a row for each column, with what was not asked and what is not known."""
    count = collections.Counter(case.level for case in cases.values())
    yield (
        f"{len(cases)} cases: "
        + ", ".join(f"{count[level]} {level}" for level in LEVELS if count[level])
        + "."
    )
    yield ""
    heads = " | ".join(_HEADS[level] for level in LEVELS)
    yield f"| proxy | version | {heads} | △ deviates | not asked | not measured |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for column in columns:
        verdicts = collections.Counter(cell.verdict for cell in column.cells.values())
        rest = (
            verdicts["deviated"],
            verdicts["unsupported"] + verdicts["reconfiguration"],
            verdicts[None] + verdicts["not run"],
        )
        told = [_told(column, cases, level) for level in LEVELS]
        version = cell(column.version or "this commit")
        yield f"| {' | '.join([column.name, version, *told, *(str(n or '') for n in rest)])} |"
    yield ""
    yield "*n of m*: of the cases that could be asked, a deviation counting as asked and not as passed."


def short(cases: Mapping[str, Case], columns: Sequence[Column]) -> Iterator[str]:
    """The same for a first look: what was passed, of ours on the default engine and of the others."""
    levels: tuple[Level, ...] = ("M", "S", "P")
    main = {
        f"ours on {name}" for name, members in profiles().items() if members[0] == default_engine(members[0])
    }
    yield f"| passed, of the cases that could be asked | {' | '.join(_HEADS[level] for level in levels)} |"
    yield "|---|---|---|---|"
    for column in columns:
        if column.version or column.name in main:
            version = column.version.rpartition(", ")[0]  # without the day
            name = column.name if not version else f"{column.name} ({cell(version)})"
            yield f"| {' | '.join([name, *(_told(column, cases, level) for level in levels)])} |"


def _told(column: Column, cases: Mapping[str, Case], level: Level) -> str:
    verdicts = collections.Counter(
        column.cells[case.id].verdict for case in cases.values() if case.level == level
    )
    if verdicts["observed"]:
        return f"{verdicts['observed']} seen"
    asked = sum(verdicts[word] for word in ("passed", "failed", "warning", "deviated"))
    return f"{verdicts['passed']} of {asked}" if asked else ""


def cell(text: str) -> str:
    """Text that ends neither its cell nor its line, and is no HTML."""
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
