"""docs/anchors.md speaks of cases that exist."""

import re

from tests.contract.case import load
from tests.meta.papers import ROOT

_ID = re.compile(r"\b[A-Z]{3}-\d\d(?:-[a-z0-9]+)?\b")


def test_every_case_that_the_anchors_lead_to_exists() -> None:
    named = set(_ID.findall((ROOT / "docs" / "anchors.md").read_text("utf-8")))
    assert len(named) > 100
    assert named <= load().keys(), sorted(named - load().keys())
