"""A child process is heard, awaited with deadlines, and never left behind."""

from __future__ import annotations

import os
import re
import signal
import sys

import pytest

from shared.harness.process import Process, ProcessFailed
from tests.unit.harness.leftovers import group_members, wait_until_gone

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc to see what is left")

SLEEPS = "import time; print('ready', flush=True); time.sleep(600)"


def python(script: str, **options: object) -> Process:
    return Process.start([sys.executable, "-c", script], name="the child", **options)  # type: ignore[arg-type]


def number_in(label: str, log: str) -> int | None:
    found = re.search(rf"{label}=(\d+)\n", log)
    return int(found[1]) if found else None


def ready(log: str) -> bool | None:
    return True if "ready" in log else None


def test_its_output_and_errors_are_kept_and_reading_them_disturbs_nothing() -> None:
    script = (
        "import sys, time\n"
        "print('one', flush=True)\n"
        "print('two', file=sys.stderr, flush=True)\n"
        "time.sleep(0.1)\n"
        "print('three')\n"
    )
    with python(script) as child:
        child.wait_for(lambda log: "two" in log or None, what="second line")
        assert child.wait(deadline_s=30) == 0
    assert child.log() == "one\ntwo\nthree\n"


def test_the_environment_is_added_to_ours() -> None:
    with python(
        "import os; print(os.environ['PIGEON'], 'PATH' in os.environ)", env={"PIGEON": "grey"}
    ) as child:
        assert child.wait(deadline_s=30) == 0
    assert child.log() == "grey True\n"


def test_stop_sends_sigterm_and_tells_the_status() -> None:
    child = python(SLEEPS)
    child.wait_for(ready, what="ready line")
    assert child.running()
    assert child.stop(deadline_s=30) == -signal.SIGTERM
    assert not child.running()
    assert child.stop() == -signal.SIGTERM, "stopping twice does no harm"


def test_stop_kills_what_ignores_sigterm() -> None:
    child = python(f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPS}")
    child.wait_for(ready, what="ready line")
    assert child.stop(deadline_s=0.1) == -signal.SIGKILL


def test_stop_takes_the_childs_children_along() -> None:
    script = (
        "import subprocess, sys\n"
        f"grandchild = subprocess.Popen([sys.executable, '-c', {SLEEPS!r}])\n"
        "print(f'grandchild={grandchild.pid}', flush=True)\n"
        "grandchild.wait()\n"
    )
    with python(script) as child:
        grandchild = child.wait_for(lambda log: number_in("grandchild", log), what="grandchild's pid")
        assert set(group_members(child.pid)) == {child.pid, grandchild}
    wait_until_gone(grandchild)


def test_a_child_that_dies_while_awaited_shows_its_status_and_last_words() -> None:
    dying = python("print('no more grain'); raise SystemExit(7)")
    with dying as child, pytest.raises(ProcessFailed) as failed:
        child.wait_for(ready, what="ready line")
    first, *tail = str(failed.value).splitlines()
    assert first == "the child ended with status 7 while waiting for ready line; its log ends:"
    assert tail == ["  no more grain"]


def test_a_long_log_is_shown_by_its_tail() -> None:
    dying = python("for n in range(500): print('line', n)\nraise SystemExit(1)")
    with dying as child, pytest.raises(ProcessFailed) as failed:
        child.wait_for(ready, what="ready line")
    lines = str(failed.value).splitlines()
    assert lines[-1] == "  line 499"
    assert len(lines) == 21


def test_waiting_ends_at_the_deadline() -> None:
    with (
        python("import time; time.sleep(600)") as child,
        pytest.raises(ProcessFailed, match=r"^the child gave no ready line within 0\.2 s; its log is empty$"),
    ):
        child.wait_for(ready, what="ready line", deadline_s=0.2)


def test_a_program_that_is_not_there_is_one_line() -> None:
    with pytest.raises(
        ProcessFailed, match=r"^the ghost did not start: /nowhere/ghost: No such file or directory$"
    ):
        Process.start(["/nowhere/ghost"], name="the ghost")


def test_the_child_runs_on_the_cpus_it_is_given() -> None:
    cpu = min(os.sched_getaffinity(0))
    with python("import os; print(os.sched_getaffinity(0))", cpus=frozenset({cpu})) as child:
        assert child.wait(deadline_s=30) == 0
    assert child.log() == f"{{{cpu}}}\n"


def test_cpus_that_are_not_ours_are_refused() -> None:
    with pytest.raises(
        ProcessFailed, match=r"^the child cannot be pinned to CPU \[4095\]: not ours to give$"
    ):
        python("", cpus=frozenset({4095}))


PARENT = """
import os, signal, sys, time
from shared.harness.process import Process
child = Process.start([sys.executable, "-c", "import time; time.sleep(600)"], name="the child")
print(f"child={child.pid}", flush=True)
"""


@pytest.mark.parametrize(
    ("how", "ending"),
    [
        ("is killed", "os.kill(os.getpid(), signal.SIGKILL)"),
        ("ends without stopping it", "sys.exit(0)"),
        ("fails", "raise RuntimeError('lost the way')"),
        ("is interrupted", "os.kill(os.getpid(), signal.SIGINT); time.sleep(600)"),
    ],
)
def test_the_child_ends_when_its_parent(how: str, ending: str) -> None:
    # Python leaves SIGINT ignored where it was started so, as background jobs of a shell are.
    handler = "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    with python(PARENT + handler + ending) as parent:
        child = parent.wait_for(lambda log: number_in("child", log), what="child's pid")
        assert parent.wait(deadline_s=30) is not None, how
    wait_until_gone(child)
