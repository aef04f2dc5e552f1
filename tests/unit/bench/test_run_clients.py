"""Bursts, slow readers and clients that leave, through a proxy in a process of its own, to the report."""

from __future__ import annotations

import io
from pathlib import Path

import msgspec
from rich.console import Console

from bench.cells import choose, direct
from bench.progress import Bar
from bench.record import AbortsResult, BurstResult, Run, SlowResult
from bench.report import write_html, write_terminal
from bench.report.leaving import leaving_section
from bench.report.view import view
from bench.run import run_plan
from bench.scenarios import Aborts, Burst, Gate, Scenario, Slow, Streams
from bench.shapes import LEAVING
from tests.unit.bench.made import made_header
from tests.unit.bench.test_sections import text_of

SHORT: list[Scenario] = [
    Gate(id="S0", title="", deadline_s=30.0),
    Burst(id="S6", title="", events=200, times=6),
    Slow(
        id="S8",
        title="",
        healthy=Streams(id="S8", title="", streams=3, every_us=10_000, window_s=0.3, settle_s=0.02),
        slow=2,
    ),
    Aborts(id="S9", title="", each=4, together=2, patience_s=5.0),
]


def test_a_proxy_runs_through_them_and_what_streams_nothing_takes_no_part(tmp_path: Path) -> None:
    header = msgspec.structs.replace(
        made_header(1),
        cells=[direct(), *choose(["bare", "static"])],
        scenarios=SHORT,
        subject_cpus=[],
        rig_cpus=[],
    )
    with Bar(Console(file=io.StringIO())) as bar:
        assert run_plan(header, tmp_path, bar=bar) == "finished"
    found = Run.read(tmp_path / "records.jsonl")
    records = {record.cell: record for record in found.cells}
    assert set(records["static"].results) == {"S0"}
    for name in ("direct", "bare"):
        assert records[name].failure == ""
        burst, slow, left = (records[name].results[of] for of in ("S6", "S8", "S9"))
        assert isinstance(burst, BurstResult)
        assert isinstance(slow, SlowResult)
        assert isinstance(left, AbortsResult)
        for result in (burst, slow, left):
            assert result.integrity.failures == {}
        assert burst.completed == 6
        assert slow.alone.events > 0
        assert slow.beside.events > 0
        assert all(0 < reader.taken <= reader.accepted < slow.body for reader in slow.readers)
        assert {point: (of.clients, of.never) for point, of in left.points.items()} == dict.fromkeys(
            LEAVING, (4, 0)
        )
        assert (left.kept is None) == (name == "direct")
        assert records[name].streams_left == 0
    text = " ".join(text_of(leaving_section(view(found))).split())
    assert "bare ASGI, uvicorn ✓ pass" in text
    assert "static ASGI answer, uvicorn n/a" in text
    write_terminal(found, Console(file=io.StringIO()))
    assert write_html(found)
