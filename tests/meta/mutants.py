"""Wrong proxies: the miniature with one line changed, each a process of its own, each named by what catches
it.
"""

import contextlib
import pathlib
import re
import sys
from collections.abc import Iterator

import msgspec

from shared.harness.process import Process
from tests.contract.manifest import TIGHT_POOL, TIGHT_S, VARIANTS, Manifest
from tests.contract.talk import Proxy

__all__ = ["MUTANTS", "Mutant", "manifest", "running", "source"]

_MINIATURE = pathlib.Path(__file__).with_name("miniature.py")


class Mutant(msgspec.Struct, frozen=True):
    """`line` of the miniature, which must be there once, becomes `instead`. caught_by: the cases, all of
    them.
    """

    name: str
    line: str
    instead: str
    caught_by: frozenset[str]


MUTANTS: tuple[Mutant, ...] = ()


def source(mutant: Mutant | None) -> str:
    """The program's text. Raises: ValueError unless exactly one line changes."""
    text = _MINIATURE.read_text()
    if mutant is None:
        return text
    lines = text.split("\n")
    places = [number for number, line in enumerate(lines) if line.strip() == mutant.line]
    if len(places) != 1:
        raise ValueError(f"{mutant.name}: {mutant.line!r} is in the miniature {len(places)} times, not once")
    indent = lines[places[0]][: -len(mutant.line)]
    lines[places[0]] = indent + mutant.instead
    return "\n".join(lines)


def manifest(variant: str) -> Manifest:
    """What the miniature declares under one of the variants that cases ask for."""
    tight = variant == "tight"
    return Manifest(
        host="rewrite",
        forwarded_for="replace",
        forwarded_host=True,
        via="1.1 miniature",
        base=VARIANTS[variant].base,
        reachable=VARIANTS[variant].reachable,
        pool=TIGHT_POOL if tight else 100,
        pool_timeout_s=TIGHT_S if tight else 5.0,
        connect_timeout_s=TIGHT_S if tight else 5.0,
        response_timeout_s=TIGHT_S if tight else 60.0,
        read_timeout_s=TIGHT_S if tight else 60.0,
        leave_s=1.0,
        traits=frozenset({"keepalive", "replaces", "streams"}),
    )


@contextlib.contextmanager
def running(file: pathlib.Path, name: str, origin_url: str, variant: str) -> Iterator[Proxy]:
    """The program in `file`, in front of an origin, with the variant's settings. Raises: ProcessFailed."""
    upstream = VARIANTS[variant].upstream.format(origin=origin_url).removeprefix("http://")
    limits = [str(TIGHT_POOL), str(TIGHT_S)] if variant == "tight" else []
    process = Process.start([sys.executable, str(file), upstream, *limits], name=name)
    try:
        port = process.wait_for(_port, what="listening port")
        yield Proxy(name, "127.0.0.1", port, manifest(variant), process.pid)
    finally:
        process.stop(deadline_s=0)


def _port(log: str) -> int | None:
    match = re.search(r"listening on port (\d+)", log)
    return int(match[1]) if match else None
