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
from tests.contract.manifest import Manifest
from tests.contract.talk import Proxy
from tests.contract.variants import TIGHT_POOL, TIGHT_S, VARIANTS, manifest_of

__all__ = ["MUTANTS", "Mutant", "manifest", "running", "write"]

_FILES = sorted(pathlib.Path(__file__).parent.glob("miniature*.py"))


class Mutant(msgspec.Struct, frozen=True):
    """`line` of the miniature, which must be there once, becomes `instead`. caught_by: the cases, all of
    them.
    """

    name: str
    line: str
    instead: str
    caught_by: frozenset[str]


def _mutant(name: str, line: str, instead: str, *caught_by: str) -> Mutant:
    return Mutant(name, line, instead, frozenset(caught_by))


MUTANTS: tuple[Mutant, ...] = (
    _mutant(
        "keeps-hop-by-hop-fields",
        'HOP = b"connection keep-alive proxy-authorization proxy-connection te trailer upgrade".split()',
        "HOP = []",
        "HDR-01",
        "RSP-03",
    ),
    _mutant(
        "keeps-what-connection-lists",
        "gone = {*HOP, *FRAMING, *options(fields)}",
        "gone = {*HOP, *FRAMING}",
        "HDR-02",
        "HDR-04",
        "RSP-03",
    ),
    _mutant(
        "ends-cut-responses-cleanly",
        'raise Cut("the response is not whole") from None',
        'raise Cut(await client.send(b"0\\r\\n\\r\\n") if chunked else "") from None',
        "ERR-09",
        "ERR-09-size",
        "ERR-10",
    ),
    _mutant(
        "takes-both-framings",
        'if [coding.lower() for coding in codings] != [b"chunked"] or lengths:',
        'if [coding.lower() for coding in codings] != [b"chunked"]:',
        "FRM-01",
    ),
    _mutant(
        "ends-cut-uploads-cleanly",
        "upstream.transport.abort()  # what has come must not be taken for the whole",
        'await upstream.send(b"0\\r\\n\\r\\n")',
        "RQB-09",
        "CAN-04",
    ),
    _mutant(
        "ignores-disconnects",
        "await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)",
        "await asyncio.wait({working})",
        "CAN-01",
        "CAN-01-body",
        "CAN-03",
        "CAN-07",
        "CAN-08",
    ),
    _mutant(
        "keeps-fields-in-a-mapping",  # so that Set-Cookie collapses
        "sent = end_to_end(came)",
        "sent = list({name.lower(): (name, value) for name, value in end_to_end(came)}.values())",
        "RSP-04",
        "RSP-05",
        "SHR-01",
    ),
    _mutant(
        "has-a-cookie-jar",
        "answer, came = await answered(upstream, sending)",
        "answer, came = await answered(upstream, sending); "
        'ADDED[1:] = [(b"Cookie", jar) for jar in values(came, b"set-cookie")] or ADDED[1:]',
        "SHR-01",
    ),
    _mutant(
        "invents-fields",
        'ADDED: Fields = [(b"X-Forwarded-Proto", b"http")]',
        'ADDED = [(b"X-Forwarded-Proto", b"http"), (b"User-Agent", b"miniature"), (b"Accept", b"*/*")]',
        "HDR-13",
    ),
    _mutant(
        "decodes-targets",
        'return (SLASH + BASE).rstrip("/").encode() + target',
        'return (SLASH + BASE).rstrip("/").encode() + path + target[len(target.partition(b"?")[0]) :]',
        "TGT-01",
        "TGT-13",
    ),
    _mutant(
        "lets-dot-segments-through",
        'if BASE and any(segment.partition(b";")[0] == b".." for segment in re.split(rb"[/\\\\]", path)):',
        "if False:",
        "TGT-03",
    ),
    _mutant(
        "has-no-pool-limit",
        "self.free = asyncio.Semaphore(POOL)",
        "self.free = asyncio.Semaphore(1 << 30)",
        "CAN-07",
        "ERR-13",
        "SHR-07",
    ),
    _mutant(
        "frames-empty-responses",
        'if isinstance(length, int) and answer[2] != b"204":',
        "if isinstance(length, int):",
        "RSP-16",
    ),
    _mutant(
        "adds-a-second-date",
        'if not values(sent, b"date"):',
        "if True:",
        "RSP-06",
    ),
)


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


def manifest(variant: str) -> Manifest:
    """What the miniature declares under a variant: what our apps do, without what it does not have."""
    return msgspec.structs.replace(
        manifest_of(variant),
        via="1.1 miniature",
        keepalive_expiry_s=None,
        max_body=None,
        max_header=None,
        failures=None,
        metrics=None,
        access_log=None,
        drain_s=None,
    )


@contextlib.contextmanager
def running(folder: pathlib.Path, name: str, origin_url: str, variant: str) -> Iterator[Proxy]:
    """The program in `folder`, in front of an origin, with the variant's settings. Raises: ProcessFailed."""
    upstream = VARIANTS[variant].upstream.format(origin=origin_url).removeprefix("http://")
    limits = [str(TIGHT_POOL), str(TIGHT_S)] if variant == "tight" else []
    # -P: the folder we stand in does not come before the one that the program was written to.
    argv = [sys.executable, "-P", "-m", "tests.meta.miniature", upstream, *limits]
    process = Process.start(argv, name=name, env={"PYTHONPATH": str(folder)})
    try:
        port = process.wait_for(_port, what="listening port")
        yield Proxy(name, "127.0.0.1", port, manifest(variant), process.pid, process)
    finally:
        process.stop(deadline_s=0)


def _port(log: str) -> int | None:
    match = re.search(r"listening on port (\d+)", log)
    return int(match[1]) if match else None
