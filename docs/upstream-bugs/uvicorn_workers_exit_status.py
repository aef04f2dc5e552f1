"""uvicorn --workers ends with status 0 when the app cannot start.

With one worker a failed start is status 3, STARTUP_FAILURE. With two, the parent stops as it should
(uvicorn #3001) and says so in its log, but its exit status is that of a good end: systemd's
Restart=on-failure, a container's restart policy and `&&` in a shell all believe it.

Needs uvicorn.
"""

import importlib.metadata
import subprocess
import sys

EXPECTED = "status 3 with 1 worker, 3 with 2"


def main():
    statuses = []
    for workers in ("1", "2"):
        command = [sys.executable, "-m", "uvicorn", "missing:app", "--workers", workers, "--port", "0"]
        statuses.append(
            subprocess.run(command, check=False, timeout=20, stderr=subprocess.DEVNULL).returncode
        )
    observed = f"status {statuses[0]} with 1 worker, {statuses[1]} with 2"
    print("uvicorn", importlib.metadata.version("uvicorn"))
    print(f"expected: {EXPECTED}")
    print(f"observed: {observed}")
    there = observed != EXPECTED
    print("still there" if there else "gone")
    return int(not there)


sys.exit(main())
