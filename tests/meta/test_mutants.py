"""The suite's own test: the correct miniature passes every case, and each mutant is caught by those that
name it.
"""

import asyncio
import pathlib

import pytest

from tests.contract.case import load
from tests.contract.play import Outcome
from tests.meta.mutants import MUTANTS
from tests.meta.mutation import Mutant, asked, manifest, played, write

_AT_ONCE = 4  # mutants that are played at once, in one test worker: most of their cases wait, few work
_outcomes: dict[str, dict[str, Outcome]] = {}  # of mutants that were played with the one before


def test_miniature_passes_every_case(tmp_path: pathlib.Path) -> None:
    write(None, tmp_path)
    outcomes = asyncio.run(played(tmp_path, "miniature", asked(None)))
    asyncio.run(_again(outcomes, tmp_path, None))
    failed = [each.report for each in outcomes.values() if each.verdict == "failed"]
    assert not failed, "\n\n".join(failed)
    # What is unsupported could not be measured on this system; an M case that it cannot be asked is a gap.
    gaps = [each.case.id for each in outcomes.values() if each.case.level == "M" and each.missing]
    gaps += [each.id for each in load().values() if each.level == "M" and not _asked_in(each.settings)]
    assert not gaps, f"the miniature is not asked {gaps}"


def _asked_in(variant: str) -> bool:
    """It speaks no TLS, and trusts no proxy in front of it."""
    return manifest(variant) is not None or variant in ("tls", "trusting")


@pytest.mark.parametrize(
    "mutant",
    [
        # Neighbours meet in one worker.
        pytest.param(mutant, id=mutant.name, marks=pytest.mark.xdist_group(f"mutants-{number // _AT_ONCE}"))
        for number, mutant in enumerate(MUTANTS)
    ],
)
def test_mutant_is_caught(
    mutant: Mutant, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """By every case that names it, and by no unrelated one."""
    if mutant.name not in _outcomes:
        asyncio.run(_play(_from(mutant, request.session.items), tmp_path_factory))
    _judge(mutant, _outcomes.pop(mutant.name))


@pytest.mark.long
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_mutant_is_caught_by_no_unrelated_case_at_all(mutant: Mutant, tmp_path: pathlib.Path) -> None:
    """Of those that are cheap every one is played, where the quick tier samples other families."""
    write(mutant, tmp_path)

    async def outcomes() -> dict[str, Outcome]:
        found = await played(tmp_path, mutant.name, asked(mutant, share=1))
        await _again(found, tmp_path, mutant)
        return found

    _judge(mutant, asyncio.run(outcomes()))


def _judge(mutant: Mutant, outcomes: dict[str, Outcome]) -> None:
    caught = {name for name, outcome in outcomes.items() if outcome.verdict == "failed"}
    unrelated = sorted(name for name in caught if not mutant.relates_to(name))
    reports = "\n\n".join(outcomes[name].report for name in unrelated)
    assert mutant.caught_by <= caught, f"not caught by {sorted(mutant.caught_by - caught)}"
    assert not unrelated, f"caught by {unrelated}, which are unrelated:\n{reports}"


def _from(mutant: Mutant, items: list[pytest.Item]) -> list[Mutant]:
    """The mutant and its neighbours, of those that this session is to run."""
    batch = MUTANTS.index(mutant) // _AT_ONCE
    here = {
        item.callspec.params.get("mutant")
        for item in items
        if isinstance(item, pytest.Function) and hasattr(item, "callspec")
    }
    return [each for each in MUTANTS[batch * _AT_ONCE :][:_AT_ONCE] if each in here]


async def _play(mutants: list[Mutant], folders: pytest.TempPathFactory) -> None:
    written: dict[str, pathlib.Path] = {}

    async def one(mutant: Mutant) -> None:
        written[mutant.name] = folder = folders.mktemp(mutant.name)
        write(mutant, folder)
        _outcomes[mutant.name] = await played(folder, mutant.name, asked(mutant))

    async with asyncio.TaskGroup() as group:
        for mutant in mutants:
            group.create_task(one(mutant))
    for mutant in mutants:
        await _again(_outcomes[mutant.name], written[mutant.name], mutant)


async def _again(outcomes: dict[str, Outcome], folder: pathlib.Path, mutant: Mutant | None) -> None:
    """Play what failed and should not have, by itself: a program does the same each time, a crowded machine
    does not.
    """
    failed = [each.case for each in outcomes.values() if each.verdict == "failed"]
    doubtful = [case for case in failed if mutant is None or not mutant.relates_to(case.id)]
    if doubtful:
        outcomes |= await played(folder, "again" if mutant is None else mutant.name, doubtful)


def test_a_mutant_is_one_line_away(tmp_path: pathlib.Path) -> None:
    assert len(MUTANTS) >= 25
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)
    known = load().keys()
    for mutant in MUTANTS:
        assert mutant.caught_by, f"{mutant.name} names no case"
        assert mutant.caught_by <= known, f"{mutant.name} names {sorted(mutant.caught_by - known)}"
    with pytest.raises(ValueError, match="0 times, not once"):
        write(Mutant("none", "no such line", "", frozenset()), tmp_path)
