"""The miniature and its mutants as processes, and the cases played on them."""

import asyncio
import collections
import contextlib
import fnmatch
import pathlib
import re
import sys
import zlib
from collections.abc import Iterator

import msgspec

from shared.harness.origin.scripted import Origin
from shared.harness.process import Process
from tests.contract.case import Case, load
from tests.contract.manifest import Manifest
from tests.contract.play import Outcome, play
from tests.contract.talk import Proxy
from tests.contract.variants import TIGHT_POOL, TIGHT_S, VARIANTS

__all__ = ["HEAVY", "Mutant", "asked", "manifest", "mutant", "played", "running", "write"]

HEAVY = frozenset(
    {"CAN-06", "INF-03", "OPS-04", "OPS-07", "RQB-01-large", "RQB-07", "RQB-19"}
    | {"SHR-04", "SHR-07", "STR-05", "STR-06", "STR-07", "STR-13"}
)
"""Megabytes or clients by the hundred: for the miniature, and for the mutants that name them."""

_LANES = {"plain": 2, "tight": 3}  # that many processes of one variant at once: most cases wait, few work
# Arguments after the upstream: connections, seconds for an answer, seconds for the drain.
_ARGUMENTS: dict[str, tuple[float, ...]] = {
    "plain": (),
    "tight": (TIGHT_POOL, TIGHT_S),
    "based": (),
    "nowhere": (),
    "stops": (1000, 60, TIGHT_S),
}
_FILES = sorted(pathlib.Path(__file__).parent.glob("miniature*.py"))


class Mutant(msgspec.Struct, frozen=True):
    """`line` of the miniature, which must be there once, becomes `instead`.

    caught_by: the cases that fail, every time. related: patterns of ids; of those some may fail too, where a
    fault shows in many places.
    """

    name: str
    line: str
    instead: str
    caught_by: frozenset[str]
    related: tuple[str, ...] = ()

    def relates_to(self, case: str) -> bool:
        return case in self.caught_by or any(fnmatch.fnmatchcase(case, each) for each in self.related)


def mutant(name: str, line: str, instead: str, *caught_by: str, related: str = "") -> Mutant:
    """related: patterns with blanks between them."""
    return Mutant(name, line, instead, frozenset(caught_by), tuple(related.split()))


def write(mutant: Mutant | None, folder: pathlib.Path) -> None:
    """Put the program into `folder`, mutated. Raises: ValueError unless exactly one line changes."""
    package = folder / "tests" / "meta"
    package.mkdir(parents=True)
    changed = 0
    for file in _FILES:
        lines = file.read_text().split("\n")
        for number, line in enumerate(lines):
            if mutant is not None and line.strip() == mutant.line:
                lines[number] = line.replace(mutant.line, mutant.instead)
                changed += 1
        (package / file.name).write_text("\n".join(lines))
    if mutant is not None and changed != 1:
        raise ValueError(f"{mutant.name}: {mutant.line!r} is in the miniature {changed} times, not once")


def manifest(variant: str) -> Manifest | None:
    """What the miniature declares under a variant. None: it cannot be configured so."""
    if variant not in _ARGUMENTS:
        return None
    chosen, tight = VARIANTS[variant], variant == "tight"
    return Manifest(
        host="rewrite",
        forwarded_for="replace",
        forwarded_host=True,
        forwarded="replace",
        via=r"1\.1 miniature",
        location="verbatim",
        proxy_authorization="drop",
        underscores="guarded",
        query="verbatim",
        base=chosen.base,
        reachable=chosen.reachable,
        pool=TIGHT_POOL if tight else 1000,
        pool_timeout_s=TIGHT_S if tight else 5.0,
        connect_timeout_s=TIGHT_S if tight else 5.0,
        response_timeout_s=TIGHT_S if tight else 60.0,
        read_timeout_s=TIGHT_S if tight else 60.0,
        leave_s=1.0,
        drain_s=TIGHT_S if variant == "stops" else 30.0,
        second_signal="cuts",
        informational="relay",
        expect="end-to-end",
        trailers="drop",
        retries="none",
        upgrade="none",
        traits=frozenset({"keepalive", "replaces", "streams"}),
    )


def asked(mutant: Mutant | None, share: int = 3) -> list[Case]:
    """The cases of the quick tier that judge anything: all for the miniature.

    For a mutant those that name it, those of their families that are cheap, and one in `share` of the cheap
    ones of other families, others for each mutant: between them all mutants meet every such case many times.
    """
    cases = [case for case in load().values() if case.tier == "quick" and case.level != "O"]
    if mutant is None:
        return cases
    families = {name[:3] for name in mutant.caught_by}
    return [
        case
        for case in cases
        if case.id in mutant.caught_by
        or (
            not _is_dear(case)
            and (case.family in families or zlib.crc32(f"{mutant.name} {case.id}".encode()) % share == 0)
        )
    ]


def _is_dear(case: Case) -> bool:
    """It moves megabytes or hundreds of clients, waits for deadlines, or needs a process of its own."""
    return case.alone or case.settings == "tight" or case.id in HEAVY


async def played(folder: pathlib.Path, name: str, cases: list[Case]) -> dict[str, Outcome]:
    """Every case that the program in `folder` can be asked, by id."""
    queues: dict[tuple[str, bool], collections.deque[Case]] = collections.defaultdict(collections.deque)
    for case in cases:
        if manifest(case.settings) is not None:
            queues[case.settings, case.alone].append(case)
    lanes = [
        asyncio.create_task(_lane(folder, name, queue))
        for (variant, _), queue in queues.items()
        for _ in range(_LANES.get(variant, 1))
    ]
    try:
        return {outcome.case.id: outcome for lane in lanes for outcome in await lane}
    finally:
        for lane in lanes:
            lane.cancel()
        await asyncio.gather(*lanes, return_exceptions=True)


async def _lane(folder: pathlib.Path, name: str, cases: collections.deque[Case]) -> list[Outcome]:
    """Cases of one variant until there are none left, on one process, or on one each.

    A process that has failed a case is replaced: what it leaves behind is not the next one's fault.
    """
    outcomes: list[Outcome] = []
    elsewhere = Origin()
    elsewhere.listen()
    try:
        while cases:
            origin = Origin()
            origin.listen()
            try:
                with contextlib.ExitStack() as stack:
                    starting = running(folder, name, origin.url, cases[0].settings)
                    proxy = await asyncio.to_thread(stack.enter_context, starting)
                    while cases:
                        outcomes.append(await play(cases.popleft(), proxy, origin, elsewhere))
                        if outcomes[-1].verdict == "failed" or outcomes[-1].case.alone:
                            break
            finally:
                await origin.close()
    finally:
        await elsewhere.close()
    return outcomes


@contextlib.contextmanager
def running(folder: pathlib.Path, name: str, origin_url: str, variant: str) -> Iterator[Proxy]:
    """The program in front of an origin, with the variant's settings. Raises: ProcessFailed."""
    upstream = VARIANTS[variant].upstream.format(origin=origin_url).removeprefix("http://")
    # -P: the folder we stand in does not come before the one that the program was written to. -S: it needs no
    # installed package, and starts in half the time.
    argv = [
        sys.executable,
        "-P",
        "-S",
        "-m",
        "tests.meta.miniature",
        upstream,
        *map(str, _ARGUMENTS[variant]),
    ]
    process = Process.start(argv, name=name, env={"PYTHONPATH": str(folder)})
    declared = manifest(variant)
    assert declared is not None
    try:
        port = process.wait_for(_port, what="listening port")
        yield Proxy(name, "127.0.0.1", port, declared, process.pid, process)
    finally:
        process.stop(deadline_s=0)


def _port(log: str) -> int | None:
    match = re.search(r"listening on port (\d+)", log)
    return int(match[1]) if match else None
