"""The suite's own test: the correct miniature passes every case, and each mutant is caught by those that
name it.
"""

import asyncio
import collections
import contextlib
import pathlib

import pytest

from shared.harness.origin.scripted import Origin
from tests.contract.case import Case, load
from tests.contract.play import Outcome, play
from tests.contract.variants import VARIANTS
from tests.meta.mutants import MUTANTS, Mutant, running, write

_LANES = {"plain": 3, "tight": 4}  # that many processes of one variant at once: most cases wait, few work

# Hundreds of megabytes or of clients each: for the miniature once, not for every mutant again.
_HEAVY = {"RQB-01-large", "RQB-07", "STR-05", "STR-06", "STR-07", "CAN-06", "SHR-04"}


async def _lane(
    folder: pathlib.Path, name: str, variant: str, cases: collections.deque[Case]
) -> list[Outcome]:
    """One process and one origin, and cases until there are none left."""
    origin, elsewhere = Origin(), Origin()
    origin.listen()
    elsewhere.listen()
    outcomes = []
    try:
        with running(folder, name, origin.url, variant) as proxy:
            while cases:
                outcomes.append(await play(cases.popleft(), proxy, origin, elsewhere))
    finally:
        await origin.close()
        await elsewhere.close()
    return outcomes


async def _outcomes(folder: pathlib.Path, name: str, light: bool) -> dict[str, Outcome]:
    """Every M case of the quick tier, by id, but for TLS, which the miniature does not speak.

    light: but for the heavy ones too.
    """
    queues: dict[str, collections.deque[Case]] = collections.defaultdict(collections.deque)
    for case in load().values():
        asked = case.level == "M" and case.tier == "quick" and not VARIANTS[case.settings].tls
        if asked and not (case.id in _HEAVY and light):
            queues[case.settings].append(case)
    lanes = [
        asyncio.create_task(_lane(folder, name, variant, cases))
        for variant, cases in queues.items()
        for _ in range(_LANES.get(variant, 1))
    ]
    try:
        return {outcome.case.id: outcome for lane in lanes for outcome in await lane}
    finally:
        for lane in lanes:
            lane.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*lanes, return_exceptions=True)


def _run(mutant: Mutant | None, folder: pathlib.Path) -> dict[str, Outcome]:
    write(mutant, folder)
    if mutant is None:
        return asyncio.run(_outcomes(folder, "miniature", light=False))
    return asyncio.run(_outcomes(folder, mutant.name, light=True))


def test_miniature_passes_every_case(tmp_path: pathlib.Path) -> None:
    outcomes = _run(None, tmp_path)
    # What is unsupported here could not be measured on this system; anything not declared would be a gap.
    failed = [each.report for each in outcomes.values() if each.verdict == "failed" or each.missing]
    assert not failed, "\n\n".join(failed)
    assert len(outcomes) >= 40


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_mutant_is_caught(mutant: Mutant, tmp_path: pathlib.Path) -> None:
    """By every case that names it, and by no unrelated one."""
    outcomes = _run(mutant, tmp_path)
    caught = {name for name, outcome in outcomes.items() if outcome.verdict == "failed"}
    reports = "\n\n".join(outcomes[name].report for name in sorted(caught - mutant.caught_by))
    assert caught == mutant.caught_by, f"missed {sorted(mutant.caught_by - caught)}; unrelated:\n{reports}"
