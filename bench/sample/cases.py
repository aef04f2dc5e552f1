"""What cells do, by the contract's own results: sentences of its cases, and who holds them."""

from __future__ import annotations

from pathlib import Path

import msgspec

from bench.cells import EXTRA, QUICK_CELLS
from bench.report.words import DASH
from bench.sample.sentences import table
from bench.score import RESULTS

__all__ = ["cases"]

_MARKS = {"passed": "✓", "failed": "✗", "warning": "⚠", "deviated": "△"}


class _Case(msgspec.Struct):
    case: str
    sentence: str
    verdict: str


class _Results(msgspec.Struct):
    results: list[_Case]


def cases(wanted: str, folder: Path = RESULTS) -> str:
    """Return a table for "PROXY … CASE …": a row for each case, a column for each proxy that was asked.

    Raises ValueError where there are no results of a proxy, or of a case.
    """
    proxies = [word for word in wanted.split() if not word[:3].isupper()]
    known = {proxy: _results(folder / f"{proxy}.json") for proxy in proxies}
    rows = []
    for name in [word for word in wanted.split() if word not in known]:
        found = [known[proxy].get(name) for proxy in proxies]
        if not all(found):
            raise ValueError(f"there is no result of {name} for each of {', '.join(proxies)}")
        told = [one for one in found if one]
        rows.append([name, told[0].sentence, *(_MARKS.get(one.verdict, DASH) for one in told)])
    labels = {cell.id: cell.label for cell in (*QUICK_CELLS, *EXTRA)}
    return table(["case", "asked", *(labels.get(proxy, proxy) for proxy in proxies)], rows)


def _results(path: Path) -> dict[str, _Case]:
    try:
        found = msgspec.json.decode(path.read_bytes(), type=_Results)
    except FileNotFoundError:
        raise ValueError(
            f"there are no results of {path.stem}: `make contract-reference` makes them"
        ) from None
    return {one.case: one for one in found.results}
