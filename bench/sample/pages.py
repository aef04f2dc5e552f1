"""Papers with places to fill: what stands between `<!-- sample: … -->` and `<!-- end -->`, `code: …` or
`cases: …`, is made here, and everything else is left as it was written."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

from bench.report.view import View
from bench.sample.blocks import block
from bench.sample.cases import cases
from bench.sample.charts import CHARTS, chart
from bench.sample.code import snippet
from shared.harness.process import ROOT

__all__ = ["PAGES", "filled", "written"]

PAGES = (Path("README.md"), Path("docs/choosing.md"), Path("docs/porting.md"))
_PLACE = re.compile(r"(<!-- (sample|code|cases): ([^\n]*?) -->\n).*?(<!-- end -->)", re.DOTALL)


def written(found: View, root: Path = ROOT) -> dict[Path, str]:
    """Return every file that is made from the sample, by its path below the root."""
    pages = {}
    for path in PAGES:

        def fill(kind: str, what: str, folder: Path = path.parent) -> str:
            if kind == "code":
                return snippet(what, root)
            if kind == "cases":
                return cases(what)
            return block(found, what, lambda target: os.path.relpath(target, folder))

        pages[path] = filled((root / path).read_text(encoding="utf-8"), fill)
    return pages | {path: chart(found, path) for path in CHARTS}


def filled(text: str, fill: Callable[[str, str], str]) -> str:
    """Return the text with each of its places filled: ``fill`` is given its kind and what it asks for."""
    return _PLACE.sub(lambda place: f"{place[1]}{fill(place[2], place[3])}\n{place[4]}", text)
