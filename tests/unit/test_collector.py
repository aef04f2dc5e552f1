"""The collector is put off, not switched off."""

import subprocess
import sys

from shared.collector import YOUNG

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
for _ in range({YOUNG}):
    living.add(Cycle())
print(0 < len(living) < {YOUNG})
"""


def test_what_stands_is_frozen_and_cycles_that_come_later_are_collected() -> None:
    argv = [sys.executable, "-c", _CYCLES]
    ran = subprocess.run(argv, check=True, capture_output=True, text=True, timeout=60)
    assert ran.stdout.split() == ["True", "True"]
