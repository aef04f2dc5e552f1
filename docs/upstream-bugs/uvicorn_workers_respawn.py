"""uvicorn --workers starts a module that fails to import again and again, for ever.

A worker that exits with STARTUP_FAILURE stops the parent, since uvicorn #3001: a missing module, a
missing attribute or a failed lifespan. A module that raises while it is imported (a setting that is
missing, say) ends the worker with status 1, which counts as a worker that died and is replaced, twice a
second. With one worker the same module ends uvicorn with status 1 at once, so that whoever started it
can tell.

Needs uvicorn.
"""

import importlib.metadata
import os
import pathlib
import subprocess
import sys
import tempfile
import threading

EXPECTED = "uvicorn has ended"
DEATHS = 3


def main():
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "raises.py").write_text("raise ValueError('a setting is missing')\n")
        process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "raises:app", "--workers", "2", "--port", "0"],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": folder},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        bound = threading.Timer(20, process.kill)
        bound.start()
        deaths = 0
        for line in process.stderr:
            deaths += line.rstrip().endswith("died")
            if deaths == DEATHS:
                break
        ended = deaths < DEATHS
        process.terminate()
        process.wait()
        bound.cancel()
    observed = EXPECTED if ended else f"after {DEATHS} deaths it goes on"
    print("uvicorn", importlib.metadata.version("uvicorn"))
    print(f"expected: {EXPECTED}")
    print(f"observed: {observed}")
    there = observed != EXPECTED
    print("still there" if there else "gone")
    return int(not there)


sys.exit(main())
