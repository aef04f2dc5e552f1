"""hypercorn ends with status 0 when the app cannot start, unless it runs without a supervisor.

hypercorn #173 made the exit status that of a failed worker. `run()` still loses it: after the loop it
collects the exited workers a second time, and the one that failed has been taken off the list by then
(hypercorn/run.py, the second `_join_exited`). `--workers 1`, the default, is enough.

Needs hypercorn.
"""

import importlib.metadata
import subprocess
import sys

EXPECTED = "status 1 with 0 workers, 1 with 1"


def main():
    statuses = []
    for workers in ("0", "1"):
        command = [sys.executable, "-m", "hypercorn", "missing:app", "--workers", workers]
        command += ["--bind", "127.0.0.1:0"]
        statuses.append(
            subprocess.run(command, check=False, timeout=20, stderr=subprocess.DEVNULL).returncode
        )
    observed = f"status {statuses[0]} with 0 workers, {statuses[1]} with 1"
    print("hypercorn", importlib.metadata.version("hypercorn"))
    print(f"expected: {EXPECTED}")
    print(f"observed: {observed}")
    there = observed != EXPECTED
    print("still there" if there else "gone")
    return int(not there)


sys.exit(main())
