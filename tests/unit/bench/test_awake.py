"""A core is kept awake by what takes nothing from anybody and ends with the rig; where not, it says why."""

from __future__ import annotations

import asyncio
import html
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from bench import awake, command, folders
from bench.awake import choose_awake, keep_awake, quota, share_a_core, words
from bench.begin import _the_same_now
from bench.environment import SUBJECTS_CORE, Pinning
from bench.health import health
from bench.perform import Rig
from bench.record import Absence, RecordFile
from bench.report import write_html
from bench.report.compare import differences
from bench.usage import Spun, Usage, span
from shared.harness.process import ROOT, Process, ProcessFailed
from tests.unit.bench.made import made_header, made_run
from tests.unit.harness.leftovers import wait_until_gone

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux knows SCHED_IDLE")

_PINNED = Pinning(frozenset({1}), frozenset({0}), "pinned")
_NO_CORE = Pinning(frozenset(), frozenset(), "not pinned")


def _one_core() -> int:
    return min(os.sched_getaffinity(0))


@linux
def test_it_spins_at_sched_idle_on_its_core_and_is_gone_afterwards() -> None:
    core = _one_core()
    with keep_awake([core]) as spinners:
        (pid,) = (process.pid for process in spinners.values())
        assert os.sched_getscheduler(pid) == os.SCHED_IDLE
        assert os.sched_getaffinity(pid) == {core}
        assert list(spinners) == [core]
    wait_until_gone(pid)


@linux
def test_it_is_in_one_session_with_what_it_gives_way_to() -> None:
    """Of two sessions each has half a core, whatever runs in them: autogroup, sched(7)."""
    with (
        keep_awake([_one_core()]) as spinners,
        Process.start([sys.executable, "-c", "import time; time.sleep(60)"], name="subject") as subject,
    ):
        (spinner,) = spinners.values()
        assert os.getsid(spinner.pid) == os.getsid(subject.pid) == os.getsid(0)


_RIG = """
import sys, time
from bench.awake import keep_awake
with keep_awake([int(sys.argv[1])]) as spinners:
    print(*(process.pid for process in spinners.values()), flush=True)
    {ending}
"""


@linux
@pytest.mark.parametrize(
    ("how", "ending"),
    [
        ("is killed", "time.sleep(60)"),
        ("ends", "sys.exit(0)"),
        ("fails", "raise RuntimeError('lost the way')"),
    ],
)
def test_it_ends_when_the_rig(how: str, ending: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _RIG.format(ending=ending), str(_one_core())],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as rig:
        assert rig.stdout is not None
        spinner = int(rig.stdout.readline())
        if how == "is killed":
            rig.send_signal(signal.SIGKILL)
        rig.wait(timeout=30)
    wait_until_gone(spinner)


@linux
def test_where_the_system_refuses_it_is_absent_with_the_systems_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The child's own call is refused, as a sandbox may."""
    refuse = "import os\ndef refuse(*_): raise PermissionError(1, 'Operation not permitted')\n"
    (tmp_path / "sitecustomize.py").write_text(refuse + "os.sched_setscheduler = refuse\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(awake, "quota", lambda: False)
    core = frozenset({_one_core()})
    found = choose_awake(Pinning(core, core, "pinned"), asleep=False)
    assert found == Absence("failed", "SCHED_IDLE is refused: Operation not permitted")


@pytest.mark.parametrize(
    ("platform", "pinning", "asleep", "absence"),
    [
        ("linux", _PINNED, True, Absence("not-asked", "--asleep was given")),
        ("darwin", _NO_CORE, False, Absence("unsupported", "only Linux knows SCHED_IDLE")),
        ("linux", _NO_CORE, False, Absence("unsupported", "no core is the subject's alone")),
    ],
)
def test_why_it_cannot_be_had_is_typed(
    platform: str, pinning: Pinning, asleep: bool, absence: Absence, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    assert choose_awake(pinning, asleep=asleep) == absence
    assert words(absence) == f"may sleep: {absence.detail}"


@linux
@pytest.mark.parametrize(("fact", "told"), [("share_a_core", "threads of one"), ("quota", "so much CPU")])
def test_a_spinner_that_would_take_from_the_subject_is_not_started(
    fact: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(awake, "share_a_core", lambda _: False)
    monkeypatch.setattr(awake, fact, lambda *_: True)
    found = choose_awake(_PINNED, asleep=False)
    assert isinstance(found, Absence)
    assert told in found.detail


@pytest.mark.parametrize(
    ("siblings", "shared"),
    [({0: "0", 1: "1"}, False), ({0: "0-1", 1: "0-1"}, True), ({0: "0,4", 1: "1,5"}, False), ({}, False)],
)
def test_threads_of_one_core_are_known_from_their_siblings(
    siblings: dict[int, str], shared: bool, tmp_path: Path
) -> None:
    for cpu, text in siblings.items():
        folder = tmp_path / f"cpu{cpu}" / "topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text(f"{text}\n")
    assert share_a_core([0, 1], system=tmp_path) is shared


@pytest.mark.parametrize(
    ("groups", "file", "text", "held"),
    [
        ("0::/user/bench\n", "user/bench/cpu.max", "max 100000\n", False),
        ("0::/user/bench\n", "user/bench/cpu.max", "150000 100000\n", True),
        ("0::/user/bench\n", "user/cpu.max", "150000 100000\n", True),
        ("0::/../outside\n", "cpu.max", "150000 100000\n", True),
        ("4:memory:/box\n1:cpu,cpuacct:/box\n0::/\n", "cpu/box/cpu.cfs_quota_us", "-1\n", False),
        ("4:memory:/box\n1:cpu,cpuacct:/box\n0::/\n", "cpu/box/cpu.cfs_quota_us", "50000\n", True),
        ("", "cpu.max", "150000 100000\n", False),
    ],
)
def test_a_quota_is_found_in_any_group_above(
    groups: str, file: str, text: str, held: bool, tmp_path: Path
) -> None:
    (tmp_path / "cgroup").write_text(groups)
    (tmp_path / "fs" / file).parent.mkdir(parents=True)
    (tmp_path / "fs" / file).write_text(text)
    assert quota(proc=tmp_path / "cgroup", root=tmp_path / "fs") is held


def test_what_the_host_took_from_a_spinner_is_not_the_runs() -> None:
    """Of 0.3 s, 0.2 s were taken from a core on which a spinner ran for half of the time."""
    before = Usage(at_ns=0, cpu_ns=0, wait_ns=0, rig_cpu_ns=0, steal_s=3.0, spun=(Spun(0, 1.0),))
    after = Usage(at_ns=10**9, cpu_ns=0, wait_ns=0, rig_cpu_ns=0, steal_s=3.3, spun=(Spun(5 * 10**8, 1.2),))
    assert span(before, after).steal_s == pytest.approx(0.2)


@linux
def test_a_record_page_health_and_comparison_say_how_the_cores_were_left(tmp_path: Path) -> None:
    told = [words([1]), words(Absence("not-asked", "--asleep was given"))]
    runs = [
        msgspec.structs.replace(
            run,
            header=msgspec.structs.replace(
                run.header, environment=run.header.environment | {SUBJECTS_CORE: text}
            ),
        )
        for run, text in zip([made_run(blocks=3)] * 2, told, strict=True)
    ]
    assert differences(*runs) == [f"{SUBJECTS_CORE}: {told[0]} against {told[1]}"]
    assert differences(made_run(blocks=3), runs[0]) == [f"{SUBJECTS_CORE}: none against {told[0]}"]
    for run, text in zip(runs, told, strict=True):
        assert re.search(
            rf"<t[hd][^>]*>{html.escape(SUBJECTS_CORE)}</t[hd]><td[^>]*>{re.escape(text)}",
            write_html(run, {}),
        )
        (cores,) = (one for one in health(run) if one.name == "Cores")
        assert cores.meaning.endswith(f"; {SUBJECTS_CORE} {text}")
    header = msgspec.structs.replace(made_header(), awake=[1])
    assert msgspec.json.decode(msgspec.json.encode(header), type=type(header)).awake == [1]


def test_a_run_goes_on_as_it_was_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    absence = Absence("not-asked", "--asleep was given")
    header = msgspec.structs.replace(made_header(), awake=absence)
    assert _the_same_now(header).environment[SUBJECTS_CORE] == words(absence)
    monkeypatch.setattr(folders, "_RESULTS", tmp_path)
    (tmp_path / "one").mkdir()
    with RecordFile(tmp_path / "one" / "records.jsonl") as records:
        records.append(header)
    assert command.main(["run", "--resume", "--asleep"]) == 2
    assert "give it alone" in capsys.readouterr().err


@linux
def test_a_spinner_that_has_died_is_seen() -> None:
    core = _one_core()
    origin_words = [sys.executable, "-m", "shared.harness.origin.fast"]
    with (
        keep_awake([core]) as spinners,
        Process.start(origin_words, name="fast origin") as origin,
        asyncio.Runner() as runner,
    ):
        rig = Rig(made_header(), origin, runner, spinners)
        rig.check()
        spinners[core].signal(signal.SIGKILL)
        assert spinners[core].wait(deadline_s=10) == -signal.SIGKILL
        with pytest.raises(ProcessFailed, match=rf"^the spinner on core {core} died; its records end here$"):
            rig.check()
