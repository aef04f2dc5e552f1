"""A run becomes the sample: its records packed, its report beside them, and nothing of the machine's own."""

from __future__ import annotations

import getpass
import platform
import re
from collections.abc import Iterable
from pathlib import Path

from bench.record import Run
from bench.report import write_html
from bench.stored import PACKED, pack, records_in, unpacked
from shared.harness.process import ROOT

__all__ = ["SAMPLE", "keep", "traces"]

SAMPLE = ROOT / "bench" / "results" / "sample"
_ANYBODYS = ("/", "localhost")
_ORDINARY = 4  # a shorter name of a machine or a person may be part of any word


def keep(folder: Path, sample: Path = SAMPLE) -> None:
    """Keep the run of that folder as the sample, in place of the one before.

    The report is made from the packed records, without a word about the versions installed here. Raises
    ValueError for a folder without records, a run that is not finished, and records that name this machine.
    """
    path = records_in(folder)
    if path is None:
        raise ValueError(f"{folder} is no run: there are no records in it")
    lines = unpacked(path)
    if found := traces(lines.decode("utf-8"), _own_names()):
        raise ValueError(f"{path} names what is this machine's own: {', '.join(found)}")
    end = Run.read(path).end
    if end is None or end.outcome != "finished":
        raise ValueError(f"{path} is of a run that was not finished")
    sample.mkdir(parents=True, exist_ok=True)
    (sample / PACKED).write_bytes(pack(lines))
    page = write_html(Run.read(sample / PACKED))
    (sample / "report.html").write_text(page, encoding="utf-8")


def traces(text: str, names: Iterable[str]) -> list[str]:
    """Return which of the names stand in the text, as words of their own or as the beginning of a path."""
    return [name for name in names if re.search(rf"(?<![\w/]){re.escape(name)}(?!\w)", text)]


def _own_names() -> list[str]:
    folders = [str(ROOT), str(Path.home())]
    people = [name for name in (platform.node(), getpass.getuser()) if len(name) > _ORDINARY]
    return list(dict.fromkeys(name for name in (*folders, *people) if name not in _ANYBODYS))
