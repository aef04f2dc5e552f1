"""wrk and hey beside our engine: what they print is read right, and how far they differ is told."""

from __future__ import annotations

import asyncio
import io
import shutil
import sys
import time
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from bench.agreement import agreements
from bench.cells import choose, direct
from bench.cross import crossed
from bench.health import health
from bench.progress import Bar
from bench.record import CrossRecord, Run
from bench.run import run_plan
from bench.scenarios import MORE, QUICK
from bench.shapes import Closed, Gate
from bench.tools import TOOLS, installed
from tests.unit.aio import aio
from tests.unit.bench.made import made_header, made_run
from tests.unit.bench.origins import answer, origin, write

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="neither runs there")


@pytest.mark.parametrize("name", TOOLS)
@pytest.mark.parametrize(("status", "right"), [(b"200 OK", True), (b"503 No", False)])
@aio
async def test_a_tool_counts_what_the_origin_answered_and_refuses_any_other_status(
    name: str, status: bytes, right: bool
) -> None:
    if not shutil.which(name):
        pytest.skip(f"{name} is not installed: apt-get install {name}")
    requests = 0

    def get(connection: object, _: bytes) -> None:
        nonlocal requests
        requests += 1
        write(connection, answer(status=status))  # type: ignore[arg-type]

    async with origin(get) as (address, _):
        argv = TOOLS[name].argv(f"http://{address.host}:{address.port}/json", 4, 1)
        began = time.monotonic()
        process = await asyncio.create_subprocess_exec(*argv, stdout=asyncio.subprocess.PIPE)
        printed, _ = await process.communicate()
        seconds = time.monotonic() - began
    if right:
        # it says requests a second, over the second that it took itself, or more, but no more than these
        assert 0.8 * requests / seconds < TOOLS[name].read(printed.decode()) < 1.05 * requests
    else:
        with pytest.raises(ValueError, match=r"503|Non-2xx"):
            TOOLS[name].read(printed.decode())


@pytest.mark.parametrize(
    ("name", "printed", "message"),
    [
        ("wrk", "unable to connect to 127.0.0.1:1 Connection refused", "it says no rate"),
        (
            "wrk",
            "  Socket errors: connect 0, read 3, write 0, timeout 0\nRequests/sec:  9.00\n",
            "Socket errors: connect 0, read 3",
        ),
        (
            "hey",
            "  Requests/sec:\t30.1\n\nStatus code distribution:\nError distribution:\n  [4]\tGet: refused\n",
            r"\[4\]\tGet: refused",
        ),
        ("hey", "  Requests/sec:\t3012.61\n\nStatus code distribution:\n", "status none"),
    ],
)
def test_what_went_wrong_is_told_in_the_words_of_the_tool(name: str, printed: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TOOLS[name].read(printed)


def checked(
    by_wrk: float, *, failures: dict[str, str] | None = None, blocks: int = 6, spread: float = 1e-4
) -> Run:
    """A run that wrk has checked; hey is not there. ``spread``: how far apart blocks are from each other."""
    run = made_run()
    crosses = [
        CrossRecord(
            block,
            "cell",
            "S3",
            {"engine": 1000.0 + block}
            | ({} if failures else {"wrk": (1000 + block) * by_wrk * (1 + block * spread)}),
            failures or {},
        )
        for block in range(blocks)
    ]
    header = msgspec.structs.replace(run.header, tools={"wrk": "4.1.0", "hey": ""})
    return msgspec.structs.replace(run, header=header, crosses=crosses)


@pytest.mark.parametrize(
    ("run", "level", "value"),
    [
        (
            checked(1.02),
            "good",
            "wrk 1.02\N{MULTIPLICATION SIGN} (1.02\N{EN DASH}1.02), agreed; hey not installed",
        ),
        (checked(1.21), "doubtful", "wrk 1.21\N{MULTIPLICATION SIGN} (1.21\N{EN DASH}1.21), apart"),
        (checked(0.9), "doubtful", "wrk 0.90\N{MULTIPLICATION SIGN} (0.90\N{EN DASH}0.90), apart"),
        # within the margin by its point alone
        (
            checked(1.0, spread=0.015),
            "doubtful",
            "wrk 1.04\N{MULTIPLICATION SIGN} (1.01\N{EN DASH}1.07), cannot tell",
        ),
        (checked(1.0, blocks=2), "doubtful", "wrk 2 of the 3 blocks that a figure needs"),
        (checked(1.0, failures={"wrk": "Socket errors"}), "doubtful", "wrk block 1: Socket errors"),
        # a subject that answers nobody within the tool's time: 0.00 requests/s, and no error told
        (checked(0.0), "doubtful", "wrk block 1: nothing completed"),
        (checked(1.0, blocks=0), "good", "wrk not run: the run ended before; hey not installed"),
    ],
)
def test_the_health_of_a_run_says_by_how_much_they_differ(run: Run, level: str, value: str) -> None:
    (found,) = [one for one in health(run) if one.name == "Cross-check"]
    assert (found.level, found.value[: len(value)]) == (level, value)


def test_a_plan_without_a_closed_loop_says_that_there_was_nothing_to_check() -> None:
    paced = [one for one in QUICK if not isinstance(one, Closed)]
    header = msgspec.structs.replace(made_header(), scenarios=paced, tools={"wrk": "4", "hey": "0"})
    (found,) = [
        one for one in health(msgspec.structs.replace(made_run(), header=header)) if one.name == "Cross-check"
    ]
    assert (found.level, found.value) == ("good", "wrk, hey not run: no closed loop in this plan")


def test_a_run_that_knew_of_no_tool_says_nothing_of_them() -> None:
    assert agreements(made_run()) == []
    assert "Cross-check" not in {one.name for one in health(made_run())}


def test_what_is_checked_is_the_first_product_under_the_first_closed_loop() -> None:
    header = msgspec.structs.replace(made_header(), tools={"wrk": "4", "hey": ""})
    found = crossed(header)
    assert found is not None
    assert (found[0].id, found[1].id) == ("fastapi-handler-uvicorn-httptools-wire", "S3")
    assert crossed(msgspec.structs.replace(header, tools={"wrk": "", "hey": ""})) is None
    paced = [one for one in QUICK if not isinstance(one, Closed)]
    assert crossed(msgspec.structs.replace(header, scenarios=paced)) is None
    posts = [one for one in MORE if isinstance(one, Closed) and one.up]
    assert posts
    assert crossed(msgspec.structs.replace(header, scenarios=posts)) is None, "neither is told what to send"


def test_a_run_checks_one_cell_in_each_block(tmp_path: Path) -> None:
    there = installed()
    if not any(there.values()):
        pytest.skip("neither is installed: apt-get install wrk hey")
    loop = Closed(
        id="S3", title="", path="/json", connections=4, window_s=1.0, warm_slice_s=0.03, warm_most=3
    )
    header = msgspec.structs.replace(
        made_header(1),
        cells=[direct(), *choose(["static"])],
        scenarios=[Gate(id="S0", title=""), loop],
        subject_cpus=[],
        rig_cpus=[],
        tools=there,
    )
    with Bar(Console(file=io.StringIO())) as bar:
        assert run_plan(header, tmp_path, bar=bar) == "finished"
    (record,) = Run.read(tmp_path / "records.jsonl").crosses
    assert (record.cell, record.scenario, record.failures) == ("static", "S3", {})
    assert record.rates.keys() == {"engine", *(name for name, version in there.items() if version)}
    assert all(rate > 0 for rate in record.rates.values())
