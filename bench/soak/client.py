"""One client of a soak: asks one thing after the other over kept connections, and says what came of each."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter

from bench.load.response import Mismatch, ResponseReader
from bench.soak.body import body, checksum, send, size
from bench.soak.kinds import KINDS, Answer, Kind, Outcome, outcome
from bench.soak.origin import EARLY

__all__ = ["Client", "Tally", "expected", "hold"]

_DEADLINE_S = 30.0
_PAUSE_S = 0.01
_SLOW_BYTES = 16 * 1024
_WEIGHTS = [kind.weight for kind in KINDS]
_WRONGS_KEPT = 20


class Tally:
    """What all clients of one subject have seen; the first wrongs in words."""

    def __init__(self) -> None:
        self.outcomes: Counter[Outcome] = Counter()
        self.kinds: Counter[str] = Counter()
        self.wrongs: list[str] = []

    @property
    def exchanges(self) -> int:
        """How many have ended."""
        return self.outcomes.total()

    def add(self, kind: Kind, number: int, found: Outcome, what: str) -> None:
        """Count one exchange; what is not what its kind may come to is wrong."""
        self.kinds[kind.name] += 1
        if found not in kind.may:
            what = f"{kind.name} /{kind.path}/{number}: {found}: {what}"
            if len(self.wrongs) < _WRONGS_KEPT:
                self.wrongs.append(what)
            found = "WRONG"
        self.outcomes[found] += 1


class Client:
    """Its exchanges, their sizes and its pauses come from ``seed`` alone.

    ``every_s``: from one exchange's beginning to the next, on average. What a server holds for a time, the
    sockets of clients that have left, say, is then as much at the end of a run as at its beginning, however
    busy the machine is.
    """

    def __init__(self, host: str, port: int, tally: Tally, seed: int, *, every_s: float = 0.0) -> None:
        self.address = host, port
        self.tally = tally
        self.every_s = every_s
        self.random = random.Random(seed)
        self._ends: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def run(self) -> None:
        """Ask until cancelled."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        try:
            while True:
                kind = self.random.choices(KINDS, _WEIGHTS)[0]
                number = self.random.getrandbits(48)
                length = kind.length or size(self.random)
                found, what = await self._judged(kind, number, length)
                self.tally.add(kind, number, found, what)
                # who is late goes on from here: a burst to make up for it would be another load
                due = max(loop.time(), due + self.random.uniform(0, 2 * self.every_s))
                await asyncio.sleep(due - loop.time())
        finally:
            self._close()

    async def _judged(self, kind: Kind, number: int, length: int) -> tuple[Outcome, str]:
        try:
            async with asyncio.timeout(_DEADLINE_S):
                answer = await self._exchange(kind, number, length)
        except TimeoutError:
            self._close()
            return "WRONG", f"no end within {_DEADLINE_S:g} s"
        except Mismatch as mismatch:
            self._close()
            return "WRONG", str(mismatch)
        except OSError as error:
            self._close()
            return "WRONG", f"cannot connect: {error}"
        if answer is None:
            return "left", ""
        found = outcome(answer, expected(kind, number, length))
        return (
            found,
            f"status {answer.status}, {len(answer.body):,} bytes, {'whole' if answer.whole else 'cut'}",
        )

    async def _exchange(self, kind: Kind, number: int, length: int) -> Answer | None:
        """Ask once; None when this client has left. Raises Mismatch for what no HTTP/1.1 allows."""
        if self._ends is None:
            self._ends = await asyncio.open_connection(*self.address)
        reader, writer = self._ends
        try:
            await _ask(writer, kind, number, length)
            if kind.leaves:
                await asyncio.sleep(0.0 if kind.leaves == "upload" else kind.leaves)
                self._leave()
                return None
        except ConnectionError:
            pass  # an answer may stand before the end of its upload
        answer = await _receive(reader, slow=kind.slow)
        if not answer.kept or answer.status != 200:  # who refuses an upload may close on the rest of it
            self._close()
        return answer

    def _leave(self) -> None:
        """Go as clients go: with a close, or with a reset."""
        if self._ends is not None and self.random.random() < 0.5:
            self._ends[1].transport.abort()
        self._close()

    def _close(self) -> None:
        if self._ends is not None:
            self._ends[1].close()
            self._ends = None


async def _ask(writer: asyncio.StreamWriter, kind: Kind, number: int, length: int) -> None:
    method = "POST" if kind.upload else "GET"
    framing = {
        "": "", "length": f"Content-Length: {length}\r\n", "chunked": "Transfer-Encoding: chunked\r\n",
    }[kind.upload]  # fmt: skip
    await send(
        writer, f"{method} /{kind.path}/{number}/{length} HTTP/1.1\r\nHost: soak\r\n{framing}\r\n".encode()
    )
    if not kind.upload:
        return
    data = body(number, length)
    if kind.leaves == "upload":
        data = data[: length // 2]
    for at in range(0, len(data), 50_021):
        piece = data[at : at + 50_021]
        await send(writer, b"%x\r\n%b\r\n" % (len(piece), piece) if kind.upload == "chunked" else piece)
    if kind.upload == "chunked":
        await send(writer, b"0\r\n\r\n")


async def _receive(reader: asyncio.StreamReader, *, slow: bool) -> Answer:
    parsed = ResponseReader()
    while True:
        try:
            data = await reader.read(_SLOW_BYTES if slow else 1 << 18)
        except ConnectionError:
            data = b""
        if not data:
            break
        response = parsed.feed(data)
        if response is not None:
            return Answer(response.head.status, response.body, whole=True, kept=response.head.keep_alive)
        if slow:
            await asyncio.sleep(_PAUSE_S)
    with contextlib.suppress(Mismatch):
        if (response := parsed.end()) is not None:
            return Answer(response.head.status, response.body, whole=True)
    partial = parsed.partial
    return Answer(partial.head.status, partial.body) if partial else Answer(None, b"")


def expected(kind: Kind, number: int, length: int) -> bytes:
    """Return the body that the origin has for this exchange."""
    if kind.path == "upload":
        return checksum(body(number, length))
    if kind.path == "early":
        return EARLY
    return body(number, min(length, 1024) if kind.path == "excess" else length)


async def hold(host: str, port: int, number: int) -> bool:
    """Ask for what the origin holds; whether its right answer came."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(b"GET /hold/%d/100 HTTP/1.1\r\nHost: soak\r\n\r\n" % number)
        answer = await _receive(reader, slow=False)
        return outcome(answer, body(number, 100)) == "right"
    finally:
        writer.close()
