"""OPS: crowds that are slow, and crowds that never end."""

import asyncio
import contextlib
import os
import pathlib
import random
import time

from shared.harness.origin.scripted import Arrival
from tests.contract.case import case
from tests.contract.expect import ok
from tests.contract.memory import UnmeasuredError
from tests.contract.moves import answers
from tests.contract.talk import LEAVE_S, Talk, together

_PAUSE_S = 0.05
_AT_ONCE = 10


async def holds(up: Arrival) -> None:
    """Takes what comes, and waits for the proxy to go."""
    with contextlib.suppress(ConnectionError):
        await up.peer_closed(60)


async def pours(up: Arrival) -> None:
    """Sends for as long as anybody takes it."""
    with contextlib.suppress(ConnectionError, TimeoutError):
        await up.head_of("200 OK", "Content-Length: 1000000000")
        while True:
            await up.send(bytes(1 << 16))
    await up.peer_closed(60)


@case(
    "OPS-04",
    level="S",
    requirement="promise: the slow do not starve the others",
    anchor="slowhttptest: slow headers, slow body, slow read",
    compare="verdict",
    deadline_s=40.0,
)
async def slow_crowd(talk: Talk) -> None:
    """While 420 clients send a head byte by byte, 40 a body and 40 read a response in drops, everybody else
    is served at once.
    """
    slow = [await talk.exchange(script=pours if number < 40 else holds) for number in range(80)]
    for number, x in enumerate(slow):
        await x.ask(*(("GET",) if number < 40 else ("POST", "Content-Length: 1000000")))
    heads = [await talk.connect() for _ in range(420)]  # they take no connection to the upstream
    line = b"GET / HTTP/1.1\r\nHost: front.test\r\nX-Slow: " + b"y" * 1000
    for turn in range(20):
        for client in heads:
            await client.send(line[turn : turn + 1])
        for x in slow[40:]:
            await x.client.send(b"z")
        for x in slow[:40]:
            await x.client.channel.receive(1)
        x = await talk.exchange(script=answers)
        began = time.monotonic()
        await x.ask()
        ok(await x.response(2))
        assert time.monotonic() - began < 2
        await asyncio.sleep(_PAUSE_S)  # slow is what this case is about


async def whole(talk: Talk) -> None:
    x = await talk.exchange(script=answers)
    await x.ask("POST", "Connection: close", body=bytes(3000))
    ok(await x.response(10))


async def streamed(talk: Talk) -> None:
    x = await talk.exchange()
    await x.ask("GET", "Connection: close")
    up = await x.arrival(10)
    await up.head_of("200 OK", "Transfer-Encoding: chunked")
    response = await x.head(10)
    for _ in range(5):
        await up.chunk(b"x" * 100)
        await response.some(100, 10)
    await up.chunk(b"")
    up.release()
    ok(await response.to_the_end(10), None)


async def left_waiting(talk: Talk) -> None:
    x = await talk.exchange()
    await x.ask()
    up = await x.arrival(10)
    x.client.close()
    await up.peer_closed(10)


async def left_reading(talk: Talk) -> None:
    x = await talk.exchange()
    await x.ask()
    up = await x.arrival(10)
    await up.head_of("200 OK", "Content-Length: 10")
    await up.send("01234")
    await (await x.head(10)).some(5, 10)
    x.client.reset()
    await up.peer_closed(10)


async def left_sending(talk: Talk) -> None:
    x = await talk.exchange()
    await x.ask("POST", "Content-Length: 1000")
    await x.client.send(bytes(10))
    up = await x.arrival(10)
    x.client.reset()
    await up.peer_closed(10)


async def hung_up(talk: Talk) -> None:
    x = await talk.exchange()
    await x.ask("POST", "Connection: close", body=b"hello")
    up = await x.arrival(10)
    await up.content()
    up.reset()
    await x.response(10)


async def broken_off(talk: Talk) -> None:
    x = await talk.exchange()
    await x.ask()
    up = await x.arrival(10)
    await up.head_of("200 OK", "Transfer-Encoding: chunked")
    await up.chunk(b"01234")
    response = await x.head(10)
    await response.some(5, 10)
    up.close()
    await response.to_the_end(10)


_LIVES = (whole, whole, streamed, left_waiting, left_reading, left_sending, hung_up, broken_off)


class Mixture:
    """Exchanges that end in every way there is, a few at once."""

    def __init__(self, talk: Talk):
        self._talk = talk
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._choices = random.Random(7)

    async def run(self, count: int) -> None:
        """Raises: whatever the first that fails raises."""

        async def one(number: int) -> None:
            async with self._room:
                await self._choices.choice(_LIVES)(self._talk)

        await together(*(one(number) for number in range(count)))
        self._forget()

    def _forget(self) -> None:
        """What has ended well is nobody's business any more: a soak must not grow by its own records."""
        talk = self._talk
        for x in talk.exchanges:
            talk.origin.forget(x.token)
            x.client.close()
        talk.exchanges.clear()
        talk.clients.clear()
        talk.origin.ledger.forget_closed()


class Files:
    """The proxy's open files, from now on."""

    def __init__(self, talk: Talk):
        pid = talk.proxy.pid
        self._where = f"there is no /proc/{pid}/fd" if pid else "the suite has not started this proxy"
        self._folder = pathlib.Path(f"/proc/{pid}/fd")
        self._before = self._count()

    async def back(self, slack: int) -> None:
        """Raises: AssertionError; UnmeasuredError where there is no /proc."""
        if self._before is None:
            raise UnmeasuredError(f"open files are not counted: {self._where}")
        until = time.monotonic() + LEAVE_S
        # A poll: nobody is told when another process closes a file.
        while (now := self._count() or 0) > self._before + slack and time.monotonic() < until:
            await asyncio.sleep(_PAUSE_S)
        assert now <= self._before + slack, f"{now} open files, {self._before} before"

    def _count(self) -> int | None:
        try:
            return len(os.listdir(self._folder))
        except OSError:
            return None


async def soaked(talk: Talk, *, rounds: int, seconds: float = 0.0) -> None:
    """At least so many rounds of a hundred, for at least so long; memory and files as after the first."""
    mixture = Mixture(talk)
    await mixture.run(200)  # buffers, pools and caches have their size now
    memory, files = talk.memory(), Files(talk)
    began, done = time.monotonic(), 0
    while done < rounds or time.monotonic() - began < seconds:
        await mixture.run(100)
        done += 1
    ok((await (await talk.exchange()).trip())[1])
    await files.back(_AT_ONCE)  # as many connections to the upstream may wait for the next request
    memory.grown_less_than(16)


@case(
    "OPS-07",
    requirement="promise: an exchange leaves nothing behind",
    anchor="httpcore #1093; every proxy's soak test",
    compare="verdict",
    deadline_s=60.0,
)
async def soak(talk: Talk) -> None:
    """After five hundred exchanges that end in every way there is, open files and memory are what they were
    before.
    """
    await soaked(talk, rounds=5)


@case(
    "OPS-07-idle",
    requirement="RFC 9112 §9.6: who receives a close, closes",
    anchor="CLOSE_WAIT, as netstat shows it",
    alone=True,  # what earlier cases left behind may go meanwhile, and would make up for what this one leaves
)
async def idle_leaver(talk: Talk) -> None:
    """A client that closes its connection between two requests is let go at once, and so are fifty."""
    crowd = [await talk.exchange(script=answers) for _ in range(_AT_ONCE)]
    for x in crowd:
        await x.ask()
        ok(await x.response())
    files = Files(talk)
    for _ in range(50):
        x = await talk.exchange(script=answers)
        await x.ask()
        ok(await x.response())
        x.client.close()
    await files.back(_AT_ONCE)


@case(
    "OPS-07-long",
    requirement="promise: an exchange leaves nothing behind",
    anchor="httpcore #1093; every proxy's soak test",
    tier="long",
    compare="verdict",
    deadline_s=400.0,
)
async def long_soak(talk: Talk) -> None:
    """After two minutes of exchanges that end in every way there is, open files and memory are what they were
    before.
    """
    await soaked(talk, rounds=50, seconds=120)
