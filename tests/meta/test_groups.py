"""Tests of one group meet in one worker: a subject's processes start once, and both apps' outcomes are there
to be compared. pytest-xdist lost that under pytest 9.2 without a word (pytest-dev/pytest-xdist #1386).
"""

import collections
import os
import pathlib
import subprocess
import sys

from tests.meta.papers import ROOT

_TESTS = """
import os, pytest

groups = [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in "abcd"]

@pytest.mark.parametrize("number", range(20))
@pytest.mark.parametrize("group", groups)
def test(group, number):
    with open({told!r}, "a") as told:
        print(group, os.environ["PYTEST_XDIST_WORKER"], file=told)
"""


def test_a_group_is_run_by_one_worker(tmp_path: pathlib.Path) -> None:
    told, file = tmp_path / "told", tmp_path / "test_it.py"
    file.write_text(_TESTS.format(told=str(told)))
    alone = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    argv = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-n",
        "2",
        "--dist",
        "loadgroup",
        "-c",
        os.devnull,
        str(file),
    ]
    done = subprocess.run(argv, cwd=ROOT, env=alone, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    workers = collections.defaultdict(set)
    for line in told.read_text().splitlines():
        group, worker = line.split()
        workers[group].add(worker)
    assert {group: len(found) for group, found in workers.items()} == dict.fromkeys("abcd", 1)
