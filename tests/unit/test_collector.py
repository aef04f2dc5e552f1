"""The collector is put off, not switched off; the allocator keeps what is needed again at once."""

import os
import platform
import subprocess
import sys

import pytest

from shared.collector import BETWEEN

# In a process of its own: what is frozen stays so.
_CYCLES = f"""
import gc, weakref
from shared import collector

class Cycle:
    def __init__(self):
        self.itself = self

collector.settle()
print(gc.get_freeze_count() > 0)
living = weakref.WeakSet()
for _ in range({BETWEEN}):
    living.add(Cycle())
print(0 < len(living) < {BETWEEN})
"""


def test_what_stands_is_frozen_and_cycles_that_come_later_are_collected() -> None:
    argv = [sys.executable, "-c", _CYCLES]
    ran = subprocess.run(argv, check=True, capture_output=True, text=True, timeout=60)
    assert ran.stdout.split() == ["True", "True"]


# Pages that the kernel has to give anew for pieces as they are made and freed while a body goes by.
_PIECES = """
import resource, sys
from shared import collector

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def pieces():
    return [b"x" * 256_000 for _ in range(5)]

def rounds():
    pieces()
    before = faults()
    for _ in range(100):
        pieces()
    return faults() - before

collector.settle()
print(rounds())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other allocators have ways of their own")
def test_large_pieces_take_no_new_page_each_time() -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    argv = [sys.executable, "-c", _PIECES]
    ran = subprocess.run(argv, check=True, capture_output=True, text=True, timeout=60, env=env)
    assert int(ran.stdout) < 1000, "of 31,500 pages that they need"
