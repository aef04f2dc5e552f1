"""Many exchanges over few real connections, cancelled at random moments, with an upstream that errs now and
then."""

import asyncio
import random
from typing import cast

from shared.client import Client
from shared.errors import ProxyError
from shared.upstream.wire import WireUpstream
from tests.unit.aio import eventually, settle
from tests.unit.asgi import FakeServer, chunk, end
from tests.unit.upstream.origin import Connection, asking, engine_for, origin, read

__all__ = ["churn"]

MAXIMUM, KEEP = 3, 2
_POISON = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nPOISONED"
_FAULTS = ("poison", "close", "reset", "half", "silent")


async def churn(seed: int, exchanges: int = 150) -> None:
    """Fails when an answer is somebody else's, when an exchange fails that nothing was done to, when the pool
    is not exact after a step, or when anything is left at the end."""
    await _Churn(seed).run(exchanges)


class _Churn:
    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.erring: set[bytes] = set()  # targets whose exchange the upstream may have failed
        self.running: set[asyncio.Task[None]] = set()
        self.answered = 0
        self.calm = False

    async def run(self, exchanges: int) -> None:
        async with (
            origin(self.answers) as upstream,
            engine_for("wire", upstream.port, max_connections=MAXIMUM, max_keepalive=KEEP) as made,
        ):
            engine = cast(WireUpstream, made)
            for number in range(exchanges):
                self.running.add(asyncio.create_task(self.exchange(engine, number)))
                await settle(self.rng.randrange(12))
                for task in list(self.running):
                    if task.done():
                        await self.outcome(task)
                    elif self.rng.random() < 0.2:
                        task.cancel()
                self.exact(engine)
            # What is left waits for an upstream that has fallen silent, or behind one that does.
            while self.running:
                await asyncio.wait(self.running, timeout=0.05, return_when=asyncio.FIRST_COMPLETED)
                for task in list(self.running):
                    task.cancel()
                    await self.outcome(task)
                    self.exact(engine)
            pool = engine._pool
            self.calm = True  # on a slow machine nobody may have lived to see an answer; whoever is left does
            await self.exchange(engine, exchanges)
            assert self.answered
            assert (pool.busy, pool.waiting) == (0, 0)
            await eventually(lambda: len(engine._open) == pool.idle, "every other connection to close")
            await eventually(lambda: upstream.open == pool.idle, "the origin to see it")

    def exact(self, engine: WireUpstream) -> None:
        pool = engine._pool
        assert pool.busy <= MAXIMUM
        assert pool.idle <= KEEP
        assert pool.busy + pool.idle <= MAXIMUM or not pool.idle
        if pool.waiting:
            assert pool.busy == MAXIMUM, "somebody waits while a slot is free"
            assert not pool.idle, "somebody waits while a connection is idle"

    async def answers(self, connection: Connection) -> None:
        while True:
            head = await connection.head()
            target = head.split()[1]
            if b"Content-Length: 4" in head:
                await connection.until(b"body")
            body = target * self.rng.randrange(1, 2000)
            whole = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
            if self.rng.random() < 0.2:
                whole = b"HTTP/1.1 103 Early Hints\r\n\r\n" + whole
            if self.calm or self.rng.random() < 0.8:
                await connection.send(whole)
            elif await self.fault(connection, target, whole):
                return

    async def fault(self, connection: Connection, target: bytes, whole: bytes) -> bool:
        """Err in some way. Returns whether the connection is over."""
        kind = self.rng.choice(_FAULTS)
        if kind == "poison":
            await connection.send(whole + _POISON)
            return False
        if kind == "close":
            await connection.send(whole)
            connection.close()  # which the next on this connection may meet
            return True
        self.erring.add(target)
        if kind == "silent":
            await connection.gone()
            return True
        if kind == "half":
            await connection.send(whole[: self.rng.randrange(len(whole))])
            connection.close()
            return True
        connection.reset()
        return True

    async def exchange(self, engine: WireUpstream, number: int) -> None:
        target = b"/%04d" % number
        if not self.calm and self.rng.random() < 0.2:
            server = FakeServer(chunk(b"bo"), end(b"dy"))
            client = Client(server.receive)
            client.start()
            request = asking(target, method=b"POST", headers=[(b"Content-Length", b"4")], body=client)
        else:
            client, request = None, asking(target)
        try:
            body = await read(await engine.send(request))
        except ProxyError:
            # A POST is not sent again when a connection that was kept turns out to be closing.
            assert target in self.erring or client is not None, (
                f"{target!r} failed, and nothing was done to it"
            )
            return
        finally:
            if client is not None:
                client.close()
        self.answered += 1
        assert body
        assert body == target * (len(body) // len(target)), "an answer to somebody else"

    async def outcome(self, task: "asyncio.Task[None]") -> None:
        self.running.discard(task)
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()
