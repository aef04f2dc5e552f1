"""What a proxy tells about its exchanges: its metrics page, and its access log."""

import asyncio
import datetime
import re
from collections.abc import Iterable

import msgspec

from shared.harness.origin.channel import LateError
from tests.contract.talk import FRONT, LEAVE_S, Talk

__all__ = ["IN_FLIGHT", "Record", "Samples", "grown", "page", "records", "samples", "settled"]

IN_FLIGHT = "tandem_exchanges_in_flight"
_POLL_S = 0.02
_SAMPLE = re.compile(rb'^([a-z_]+(?:\{(?:[^"}]|"(?:[^"\\]|\\.)*")*\})?) ([0-9.e+-]+)$', re.MULTILINE)

Samples = dict[str, float]
"""Series as they are spelt, labels included, and their values."""


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of the access log of `access_log = "tandem"`."""

    time: datetime.datetime
    method: str
    path: str
    status: int
    outcome: str
    bytes_received: int
    bytes_sent: int
    upstream_ms: float | None
    total_ms: float
    request_id: str


def records(log: str) -> list[Record]:
    """Every record in the output of a process, oldest first: lines that begin with a brace.

    Raises: AssertionError for such a line that is no record.
    """
    found = []
    # Not splitlines(): a line of JSON ends at a newline alone, whatever its strings hold.
    for line in log.split("\n"):
        if line.startswith("{"):
            try:
                found.append(msgspec.json.decode(line, type=Record))
            except (msgspec.DecodeError, UnicodeError) as error:
                raise AssertionError(f"no record of an exchange: {line!r}: {error}") from None
    return found


async def page(talk: Talk, path: str) -> tuple[int, bytes]:
    """Status and content of one of the proxy's own pages, over a connection of its own."""
    client = await talk.connect()
    await client.send(f"GET {path} HTTP/1.1\r\nHost: {FRONT}\r\nConnection: close\r\n\r\n")
    response = await client.response()
    client.close()
    return response.status, response.content


async def samples(talk: Talk) -> Samples:
    """The metrics as they are now. Raises: AssertionError."""
    assert talk.manifest.metrics is not None
    status, content = await page(talk, talk.manifest.metrics)
    assert status == 200, f"{talk.manifest.metrics} answered {status}: {content[:200]!r}"
    return {name.decode(): float(value) for name, value in _SAMPLE.findall(content)}


async def settled(talk: Talk) -> Samples:
    """The metrics when nothing is in flight any more. Raises: LateError, AssertionError."""
    try:
        async with asyncio.timeout(LEAVE_S):
            # A poll: nobody outside that process can be told when its gauge changes.
            while (now := await samples(talk)).get(IN_FLIGHT) != 0:
                await asyncio.sleep(_POLL_S)
    except TimeoutError:
        raise LateError(f"waited {LEAVE_S:g} s for {IN_FLIGHT} to be 0") from None
    return now


def grown(before: Samples, after: Samples, prefixes: Iterable[str]) -> Samples:
    """By how much each series of these names has grown, those that have not left out."""
    wanted = tuple(prefixes)
    return {
        name: value - before.get(name, 0.0)
        for name, value in after.items()
        if name.startswith(wanted) and value != before.get(name, 0.0)
    }
