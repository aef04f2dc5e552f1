"""Cold start: begun to first right answer, and of that the import of the app, each found at its size."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from bench.importing import environment, import_s
from bench.load import first_answer
from bench.record import CellRecord
from shared.harness.origin.fast import FastOrigin
from shared.harness.origin.payload import JSON_BODY
from tests.unit.aio import aio
from tests.unit.bench.origins import answer, origin, write
from tests.unit.bench.test_run import cell, run

IMPORT_S, STARTUP_S, FIRST_S = 0.2, 0.3, 0.4  # the faults, whose sizes are to be found
SLOW = f"""
import asyncio, time
from bench.baselines.static import app as static

time.sleep({IMPORT_S})
first = True

async def app(scope, receive, send):
    global first
    if scope["type"] == "lifespan":
        await asyncio.sleep({STARTUP_S})
    elif first:
        first = False
        await asyncio.sleep({FIRST_S})
    await static(scope, receive, send)
"""
WRONG = "from bench.baselines.static import _BODY, app; _BODY['body'] = bytes(1024)"
SPIKE = "x = bytearray(64 << 20); del x; from bench.baselines.static import app"
HERE = cell("here", "here:app")


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str) -> CellRecord:
    """The record of a process that serves that source."""
    (tmp_path / "here.py").write_text(source, "utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    _, found = run(tmp_path, msgspec.structs.replace(HERE, scenarios=("S3",)))
    (record,) = (record for record in found.cells if record.cell == HERE.id)
    return record


@pytest.mark.parametrize("source", [SLOW])
def test_a_slow_import_a_slow_start_up_and_a_slow_first_answer_are_each_found(asked: CellRecord) -> None:
    """No sleep is shorter than it was meant to be, so each difference holds on any machine."""
    assert asked.failure == ""
    assert asked.import_s is not None
    assert asked.started_s is not None
    assert asked.answered_s is not None
    assert asked.import_s >= IMPORT_S
    assert asked.started_s >= asked.import_s + STARTUP_S
    assert asked.answered_s >= asked.started_s + FIRST_S
    assert asked.seconds > asked.answered_s


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("source", [SPIKE])
def test_memory_that_was_given_back_before_anybody_looked_is_in_the_peak(asked: CellRecord) -> None:
    assert asked.peak_kib is not None
    assert asked.idle is not None
    assert asked.after is not None
    assert asked.peak_kib >= max(asked.idle.rss_kib, asked.after.rss_kib)
    assert asked.peak_kib >= 64 * 1024


@pytest.mark.parametrize("source", [WRONG])
def test_a_process_that_answers_wrongly_has_no_first_answer(asked: CellRecord) -> None:
    assert asked.failure.startswith("gate: json: ")
    assert asked.started_s is not None
    assert asked.answered_s is None


@aio
async def test_a_connection_that_fails_is_tried_again_until_there_is_an_answer() -> None:
    asked = 0

    def get(connection: FastOrigin, _: bytes) -> None:
        nonlocal asked
        asked += 1
        if asked == 3:
            write(connection, answer())
        elif connection.transport is not None:
            connection.transport.close()

    async with origin(get) as (address, _):
        assert await first_answer(address)
    assert asked == 3


@pytest.mark.parametrize(
    "wrong",
    [answer(JSON_BODY[::-1]), answer(status=b"502 Bad Gateway"), b"no HTTP\r\n\r\n"],
    ids=["content", "status", "framing"],
)
@aio
async def test_an_answer_that_is_wrong_is_no_answer_and_is_not_asked_for_again(wrong: bytes) -> None:
    asked: list[bytes] = []

    def get(connection: FastOrigin, target: bytes) -> None:
        asked.append(target)
        write(connection, wrong)

    async with origin(get) as (address, _):
        assert not await first_answer(address)
    assert asked == [b"/json"]


@aio
async def test_who_never_answers_is_given_up() -> None:
    async with origin(lambda *_: None) as (address, _):
        assert not await first_answer(address, deadline_s=0.05)


def told(folder: Path, code: str) -> subprocess.CompletedProcess[str]:
    """What a process says that is told to say how long it imports ``here``."""
    return subprocess.run(
        [sys.executable, "-c", code],
        env=environment(HERE), cwd=folder, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_an_import_is_told_once_by_its_process_and_nothing_stays_on_its_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "here.py").write_text("", "utf-8")
    show = "import sys; print(sys.path, [str(finder).partition(' at ')[0] for finder in sys.meta_path])"
    (tmp_path / "sitecustomize.py").write_text("print('the one that was hidden')", "utf-8")
    clean = subprocess.run(
        [sys.executable, "-c", show],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    done = told(tmp_path, f"import here, importlib; importlib.reload(here); {show}")
    assert done.stdout == clean.stdout
    assert clean.stdout.startswith("the one that was hidden")
    assert done.stderr.count("imported in") == 1
    assert import_s(done.stderr) is not None


def test_an_import_that_fails_fails_as_it_would_alone_and_tells_nothing(tmp_path: Path) -> None:
    (tmp_path / "here.py").write_text("raise ValueError('no configuration')", "utf-8")
    done = told(tmp_path, "import here")
    assert done.returncode == 1
    assert done.stderr.endswith("ValueError: no configuration\n")
    assert import_s(done.stderr) is None
    missing = told(tmp_path, "import elsewhere")
    assert "No module named 'elsewhere'" in missing.stderr


def test_what_imports_no_app_of_pythons_is_told_nothing() -> None:
    assert environment(msgspec.structs.replace(HERE, profile="", app="")) == {}
    assert import_s("Started server process [5]\n") is None
