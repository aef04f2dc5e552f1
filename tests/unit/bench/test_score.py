"""The contract score beside a cell's speed: counted from the suite's results, kept in the records."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from bench.cells import EXTRA, QUICK_CELLS, choose
from bench.report import write_html
from bench.report.scores import unscored
from bench.score import Score, read_score, scores
from tests.contract.results import VERDICTS, Result, Results, read, write
from tests.unit.bench.made import made_run

RESULTS = Path(__file__).parents[2] / "contract" / "results"


def test_every_verdict_of_the_suite_counts_once_or_is_only_observed(tmp_path: Path) -> None:
    cases = [Result(f"C-{verdict}", "A case.", "M", verdict) for verdict in VERDICTS]
    write(Results("p", "1.2", "2026-01-02T03:04:05+00:00", cases), tmp_path / "p.json")
    found = read_score(tmp_path / "p.json")
    assert found == Score(passed=1, failed=3, unasked=3, version="1.2", date="2026-01-02")
    assert found.passed + found.failed + found.unasked == len(VERDICTS) - 1


def test_the_results_that_are_kept_are_those_of_cells_that_can_be_timed() -> None:
    cells = {cell.id for cell in (*QUICK_CELLS, *EXTRA)}
    kept = {path.stem for path in RESULTS.glob("*.json")}
    assert kept
    assert kept <= cells
    found = scores(cells)
    assert set(found) == kept
    for name, score in found.items():
        assert score.passed == sum(one.verdict == "passed" for one in read(RESULTS / f"{name}.json").results)


def test_each_baseline_and_each_peer_has_a_score_or_says_why_not() -> None:
    timed = [cell for cell in (*QUICK_CELLS, *EXTRA) if cell.group in ("baseline", "peer")]
    known = scores(cell.id for cell in timed)
    why = {cell.id: unscored(cell) for cell in timed if cell.id not in known}
    assert [name for name, absence in why.items() if absence.reason == "not-run"] == []
    assert {name for name, absence in why.items() if absence.reason == "unsupported"} == {"static"}


def test_a_cell_without_results_has_no_score_and_a_broken_file_is_no_score(tmp_path: Path) -> None:
    assert scores(["bare", "direct"]) == {}
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(msgspec.ValidationError):
        read_score(tmp_path / "x.json")


def test_the_page_says_the_score_beside_the_speed() -> None:
    run = made_run()
    assert "Contract cases passed" not in write_html(run)
    known = {"recipe-fastapi": Score(191, 123, 27, "httpx 0.28.1", "2026-11-21")}
    cells = [*run.header.cells, *choose(["static"])]
    header = msgspec.structs.replace(run.header, cells=cells, scores=known)
    page = write_html(msgspec.structs.replace(run, header=header))
    beside = "Contract cases passed, of those that apply, beside the speed"
    assert f"{beside}: recipe in FastAPI, uvicorn 191 of 314." in page
    assert "passes 191 of 314 (version httpx 0.28.1, 2026-11-21)" in page
    assert "n/a: no proxy, it has no upstream" in page
