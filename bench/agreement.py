"""What the cross-check says: capacity by others over capacity by our engine, block by block. Pure."""

from __future__ import annotations

from typing import Literal

import msgspec

from bench.record import Absence, Run, RunRecord
from bench.shapes import Closed
from bench.stats import MARGIN, Estimate, blocks_lacking, compare, log_ratios

__all__ = ["OURS", "Agreement", "agreements", "loops"]

OURS = "engine"

Word = Literal["agreed", "apart", "cannot tell"]


class Agreement(msgspec.Struct, frozen=True):
    """Requests/s by one tool over those by our engine, with its interval; or why there is no ratio."""

    tool: str
    cell: str
    scenario: str
    estimate: Estimate | None
    absence: Absence | None

    @property
    def word(self) -> Word | None:
        """Whether the two agree: the whole interval within the margin, or beyond it, or neither."""
        if self.estimate is None:
            return None
        least, most = 1 / (1 + MARGIN), 1 + MARGIN
        if least <= self.estimate.low and self.estimate.high <= most:
            return "agreed"
        return "apart" if self.estimate.beyond_margin else "cannot tell"

    @property
    def missing(self) -> bool:
        """Whether the tool is not there, which nobody asks for, or was not asked."""
        return self.absence is not None and self.absence.reason in ("unsupported", "not-run")


def loops(header: RunRecord) -> list[Closed]:
    """Return the closed loops of a plan that the others can run too."""
    closed = [one for one in header.scenarios if isinstance(one, Closed)]
    return [one for one in closed if not (one.idle or one.churn or one.paths or one.up)]


def agreements(run: Run) -> list[Agreement]:
    """Return one for each tool that the run knew of; none where it knew of none."""
    return [_agreement(run, tool, version) for tool, version in (run.header.tools or {}).items()]


def _agreement(run: Run, tool: str, version: str) -> Agreement:
    cell, scenario = (run.crosses[0].cell, run.crosses[0].scenario) if run.crosses else ("", "")

    def absent(absence: Absence) -> Agreement:
        return Agreement(tool, cell, scenario, None, absence)

    if not version:
        return absent(Absence("unsupported", "not installed"))
    for record in run.crosses:
        if why := record.failures.get(tool) or record.failures.get(OURS):
            return absent(Absence("failed", f"block {record.block + 1}: {why}"))
        if not all(record.rates.get(who) for who in (tool, OURS)):
            return absent(Absence("failed", f"block {record.block + 1}: nothing completed"))
    if not run.crosses:
        why = "the run ended before" if loops(run.header) else "no closed loop in this plan"
        return absent(Absence("not-run", why))
    theirs, ours = ({one.block: one.rates[who] for one in run.crosses} for who in (tool, OURS))
    estimate = compare(log_ratios(theirs, ours))
    if estimate is None:
        return absent(Absence("too-few-samples", blocks_lacking(len(run.crosses))))
    return Agreement(tool, cell, scenario, estimate, None)
