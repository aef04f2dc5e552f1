"""Which run counts is told by the loop's clock."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.unit.aio import aio
from tests.unit.bench.undisturbed import undisturbed


def stand_still() -> None:
    time.sleep(0.3)


@pytest.mark.parametrize("after_s", [0, 0.02], ids=["at once", "at the end"])
@aio
async def test_a_run_in_which_the_loop_stood_still_does_not_count(after_s: float) -> None:
    runs = 0

    async def measure() -> int:
        nonlocal runs
        runs += 1
        await asyncio.sleep(after_s)
        if runs == 1:
            stand_still()
        await asyncio.sleep(0.02 - after_s)
        return runs

    assert await undisturbed(measure, late_s=0.1) > 1


@aio
async def test_one_that_is_late_by_less_counts() -> None:
    runs = 0

    async def measure() -> None:
        nonlocal runs
        runs += 1
        stand_still()

    await undisturbed(measure, late_s=60.0)
    assert runs == 1
