"""CPU and memory read from outside: of the whole tree, and close to what the process itself counts."""

from __future__ import annotations

import os
import sys
import time

import pytest

from bench import usage
from bench.usage import Meter, memory, peak_kib, span, tree
from shared.harness.process import Process

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

_BURN = """
import sys, time
def burn(s):
    end = time.process_time() + s
    while time.process_time() < end: pass
print('ready', flush=True)
while True:
    time.sleep(0.01)
    burn(0.002)
"""
_PARENT = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, '-c', {_BURN!r}])
child.wait()
"""


def test_cpu_of_a_tree_holds_the_child_that_does_the_work() -> None:
    with Process.start([sys.executable, "-c", _PARENT], name="tree") as process:
        process.wait_for(lambda log: "ready" in log or None, what="readiness")
        assert len(tree(process.pid)) == 2
        meter = Meter(process.pid, rig=(os.getpid(),))
        before = meter.read()
        deadline = time.monotonic() + 60
        while (used := span(before, meter.read())).cpu_s < 0.02:
            assert time.monotonic() < deadline, "no CPU time was seen"
            time.sleep(0.01)
        assert 0 < used.cpu_s <= used.seconds * (os.cpu_count() or 1)


def test_an_idle_process_uses_next_to_nothing_beside_a_busy_rig() -> None:
    with Process.start(
        [sys.executable, "-c", "import time; print('ready', flush=True); time.sleep(60)"], name="idle"
    ) as process:
        process.wait_for(lambda log: "ready" in log or None, what="readiness")
        meter = Meter(process.pid, rig=(os.getpid(),))
        before = meter.read()
        end = time.process_time() + 0.05
        while time.process_time() < end:
            pass
        used = span(before, meter.read())
    assert used.cpu_s < 0.02
    assert used.rig_busy is not None
    assert used.rig_busy * used.seconds >= 0.05


def test_memory_is_the_trees_and_grows_with_it() -> None:
    code = "import time; print('ready', flush=True); time.sleep(60)"
    big = "x = bytearray(64 << 20); " + code
    found = []
    for text in (code, big):
        with Process.start([sys.executable, "-c", text], name="memory") as process:
            process.wait_for(lambda log: "ready" in log or None, what="readiness")
            found.append(memory(process.pid))
    assert found[0] is not None
    assert found[1] is not None
    assert found[1].private_kib - found[0].private_kib >= 64 * 1024 * 0.9
    assert found[0].rss_kib >= found[0].private_kib > 0


def test_the_peak_of_memory_is_still_known_when_it_has_been_given_back() -> None:
    code = "import time; x = bytearray(64 << 20); del x; print('ready', flush=True); time.sleep(60)"
    with Process.start([sys.executable, "-c", code], name="peak") as process:
        process.wait_for(lambda log: "ready" in log or None, what="readiness")
        now, most = memory(process.pid), peak_kib(process.pid)
    assert now is not None
    assert most is not None
    assert most - now.rss_kib >= 64 * 1024 * 0.9
    assert peak_kib(process.pid) is None  # it has ended


def test_a_process_that_has_ended_counts_nothing_and_is_no_error() -> None:
    with Process.start([sys.executable, "-c", "pass"], name="short") as process:
        process.wait(deadline_s=10)
        usage = Meter(process.pid, rig=()).read()
    assert usage.cpu_ns >= 0
    assert memory(process.pid) is None


def test_without_a_subject_there_is_no_cpu_time() -> None:
    meter = Meter(None, rig=(os.getpid(),))
    used = span(meter.read(), meter.read())
    assert used.cpu_s == 0
    assert used.wait_s is None


def test_what_the_system_does_not_tell_is_none_and_never_a_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on macOS: no /proc, and no clock of another process."""
    monkeypatch.setattr(usage, "_read", lambda _: "")
    monkeypatch.setattr(sys, "platform", "darwin")
    with Process.start([sys.executable, "-c", "import time; time.sleep(60)"], name="other") as process:
        meter = Meter(None, rig=(os.getpid(), process.pid))
        used = span(meter.read(), meter.read())
    assert (used.wait_s, used.rig_busy, used.steal_s) == (None, None, None)
