"""What goes into the places of a paper, by the name that stands there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bench.record import RunRecord
from bench.report.headline import doubts, resolution
from bench.report.view import View
from bench.report.words import duration
from bench.sample import loads, sentences
from bench.sample.charts import described

__all__ = ["block"]

Link = Callable[[str], str]
"""The way from a paper to a file, both given below the root."""

_CARRIERS = {
    "fastapi": ("fastapi", "starlette"),
    "starlette": ("starlette",),
    "litestar": ("litestar",),
    "django": ("django",),
    "uvicorn": ("uvicorn", "httptools"),
    "hypercorn": ("hypercorn", "h11"),
    "httpx": ("httpx",),
    "httpx2": ("httpcore2",),
    "aiohttp": ("aiohttp",),
}
"""Framework, server or engine of a cell -> the packages whose versions are told with its figures."""


def block(found: View, what: str, link: Link) -> str:
    """Return Markdown for "NAME ARGUMENT …". Raises ValueError for a name that there is not."""
    name, *arguments = what.split()
    if name == "run":
        return _run(found, link)
    if name == "chart":
        return _chart(found, Path(arguments[0]), link)
    known: dict[str, Callable[..., str]] = {**sentences.BLOCKS, **loads.BLOCKS}
    if name not in known:
        raise ValueError(f"there is no block {name!r}: one of run, chart, {', '.join(known)}")
    return known[name](found, *arguments)


def _run(found: View, link: Link) -> str:
    """What was measured, on what, when, with which versions, and how to do it again."""
    header, end = found.run.header, found.run.end
    took = f", {duration(end.seconds)}" if end else ""
    where = header.environment
    machine = [where.get("cpu", "unknown CPU"), f"{where.get('cores', '?')} cores"]
    machine += ["virtual machine"] if where.get("virtual machine") == "yes" else []
    machine += [where.get("kernel", ""), " ".join(where.get("python", "").split()[:2])]
    has = {
        part for one in header.cells for part in (one.framework, one.profile.partition("-")[0], one.engine)
    }
    names = dict.fromkeys(name for part, names in _CARRIERS.items() if part in has for name in names)
    versions = [f"{name} {header.packages[name]}" for name in names if name in header.packages]
    measured = (
        f"`{header.command}`, {header.started_at}: {len(found.cells)} cells, {_blocks(header)}, a fresh "
        f"process each{took}; {header.pinning}. {', '.join(filter(None, machine))}; {', '.join(versions)}."
    )
    kept = (
        f"Its [report]({link('bench/results/sample/report.html')}) is one file to open, made from its "
        f"[records]({link('bench/results/sample/records.jsonl.gz')}) by "
        "`.venv/bin/python -m bench report sample`."
    )
    lines = [measured, f"{resolution(found)} {doubts(found)}".strip(), kept]
    return "\n".join(line for text in lines for line in sentences.wrapped(text))


def _blocks(header: RunRecord) -> str:
    fewest = min(part.blocks for part in header.plan)
    return f"{header.blocks} blocks" if fewest == header.blocks else f"{fewest} to {header.blocks} blocks"


def _chart(found: View, path: Path, link: Link) -> str:
    words = described(found, path).replace("[", "(").replace("]", ")")
    return f"![{words}]({link(str(path))})"
