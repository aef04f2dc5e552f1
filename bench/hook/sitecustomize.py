"""Tells on stderr how long one import took, in the very process that serves what was imported.

Python imports a module of this name before its program (https://docs.python.org/3/library/site.html). It
takes its folder off the path again and hands over to the module that it hid; after the import nothing of it
is left on any path that a request takes.
"""

from __future__ import annotations

import importlib
import os
import sys
import time
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

__all__ = ["VARIABLE"]

VARIABLE = "BENCH_IMPORT"
"""Names the module."""


class _Finder:
    """Finds one module, once, as the usual finder does."""

    def __init__(self, wanted: str) -> None:
        self._wanted = wanted

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != self._wanted:
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and (loader := spec.loader) is not None:
            execute = loader.exec_module

            def timed(module: ModuleType) -> None:
                loader.exec_module = execute  # type: ignore[method-assign]
                begun = time.perf_counter()
                execute(module)
                took_s = time.perf_counter() - begun
                print(f"bench: {name} imported in {took_s:.6f} s", file=sys.stderr, flush=True)

            loader.exec_module = timed  # type: ignore[method-assign]
        return spec


def _hand_over() -> None:
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != here]
    sys.modules.pop("sitecustomize", None)
    try:
        importlib.import_module("sitecustomize")
    except ModuleNotFoundError as error:
        if error.name != "sitecustomize":
            raise


if _wanted := os.environ.get(VARIABLE):
    sys.meta_path.insert(0, _Finder(_wanted))
    _hand_over()
