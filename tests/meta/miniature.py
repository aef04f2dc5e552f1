"""The smallest reverse proxy that keeps the contract: plain sockets, nothing but the standard library.

    client <-- Wire --> serve: one request after the other --> exchange <-- Wire --> upstream, from the Pool

The suite's own test stands on it: it passes every M case, and a mutant is the same program with one line
changed (mutants.py). It is written to be read and mutated, not to be fast, and speaks http:// only. What is
sent for what has come stands in miniature_rules.py, how messages are read in miniature_wire.py.

    python -m tests.meta.miniature HOST:PORT[/BASE] [POOL [TIMEOUT_S [DRAIN_S]]]
"""

import asyncio
import contextlib
import re
import signal
import sys
from collections.abc import AsyncIterator, Coroutine

from tests.meta.miniature_rules import (
    UPSTREAM,
    failure,
    interim_head,
    refuse_doubtful,
    request_head,
    response_head_for,
)
from tests.meta.miniature_wire import (
    LOOK_AHEAD,
    TOKEN,
    Cut,
    Fields,
    Framing,
    Refused,
    Wire,
    fields_of,
    framing_of,
    options,
    pieces,
)

REQUEST_LINE = re.compile(TOKEN + rb" ([\x21\x22\x24-\x7e]+) (HTTP/1\.[01])")  # no `#`
STATUS_LINE = re.compile(rb"(HTTP/1\.[01]) ([1-5][0-9]{2})( [\t\x20-\x7e\x80-\xff]*)?")

UPSTREAM_HOST, _, UPSTREAM_PORT = UPSTREAM.partition(":")
POOL = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
TIMEOUT_S = float(sys.argv[3]) if len(sys.argv) > 3 else 60.0
ANSWER_S = READ_S = TIMEOUT_S  # from the end of the request to the answer's head; between reads of its body
QUEUE_S = CONNECT_S = REST_S = min(TIMEOUT_S, 5.0)  # for a turn; for a connection; for the rest of an upload
LINGER = 256  # reads, at most, of what a client still sends after the last response
DRAIN_S = float(sys.argv[4]) if len(sys.argv) > 4 else 30.0  # for what is in flight when SIGTERM comes


class Pool:
    """At most POOL connections to the upstream; whole exchanges give theirs back, broken ones end it."""

    def __init__(self) -> None:
        self.free = asyncio.Semaphore(POOL)
        self.idle: list[Wire] = []

    async def take(self) -> Wire:
        """Raises: Refused with 503 in the queue, with 502 or 504 for a connection that is not to be had."""
        try:
            async with asyncio.timeout(QUEUE_S):
                await self.free.acquire()
        except TimeoutError:
            raise Refused(503) from None
        while self.idle:
            wire = self.idle.pop()
            if not wire.ended.is_set() and not wire.buffer:
                return wire
            wire.transport.close()
        try:
            loop = asyncio.get_running_loop()
            async with asyncio.timeout(CONNECT_S):
                return (await loop.create_connection(Wire, UPSTREAM_HOST, int(UPSTREAM_PORT or 80)))[1]
        except BaseException as error:
            self.free.release()
            if isinstance(error, OSError):  # as TimeoutError is
                raise Refused(504 if isinstance(error, TimeoutError) else 502) from None
            raise

    def give(self, wire: Wire, whole: bool) -> None:
        if whole:
            self.idle.append(wire)
        else:
            wire.transport.abort()
        self.free.release()


async def upload(client: Wire, framing: Framing, upstream: Wire, in_chunks: bool) -> None:
    """The request body; what an upstream that has closed does not want is read and dropped."""
    try:
        async for piece in pieces(client, framing):
            if not upstream.ended.is_set():
                await upstream.send(b"%x\r\n%s\r\n" % (len(piece), piece) if in_chunks else piece)
    except Cut:
        upstream.transport.abort()  # what has come must not be taken for the whole
        raise
    if in_chunks and not upstream.ended.is_set():
        await upstream.send(b"0\r\n\r\n")


async def response_head(upstream: Wire) -> tuple[re.Match[bytes], Fields]:
    """A status line and its fields. Raises: Refused with 502 for anything that is none."""
    try:
        start, *lines = await upstream.head() or [b""]
        answer, fields = STATUS_LINE.fullmatch(start), fields_of(lines)
    except (Cut, Refused):
        raise Refused(502) from None
    if answer is None or answer[2] == b"101":
        raise Refused(502)
    return answer, fields


async def final_head(upstream: Wire, client: Wire, old: bool) -> tuple[re.Match[bytes], Fields]:
    """The final one; those before it are relayed, but not to HTTP/1.0 (RFC 9110 section 15.2)."""
    while True:
        answer, came = await response_head(upstream)
        if answer[2] >= b"200":
            return answer, came
        if not old:
            await client.send(interim_head(answer, came))


async def answered(
    upstream: Wire, client: Wire, old: bool, sending: asyncio.Task[None]
) -> tuple[re.Match[bytes], Fields]:
    """The response head, which may come before the upload is over.

    The deadline counts from the upload's end.
    """
    heading = asyncio.ensure_future(final_head(upstream, client, old))
    try:
        await asyncio.wait({heading, sending}, return_when=asyncio.FIRST_COMPLETED)
        if not heading.done():
            sending.result()  # raises when the client has cut its upload
        async with asyncio.timeout(ANSWER_S):
            return await heading
    except TimeoutError:
        raise Refused(504) from None
    finally:
        heading.cancel()


async def exchange(
    client: "Front", pool: Pool, line: re.Match[bytes], fields: Fields, framing: Framing | None
) -> bool:
    """One request and its response. Returns whether the client's connection may carry another.

    Raises: Refused before the response has begun; Cut, and nothing else, afterwards.
    """
    method, target, version = line.groups()
    in_chunks, old = framing == "chunked", version == b"HTTP/1.0"
    head = request_head(method, target, fields, framing, in_chunks, client.peer)
    upstream, sending, whole = await pool.take(), None, False
    try:
        if not upstream.ended.is_set():
            await upstream.send(head)
        sending = asyncio.ensure_future(upload(client, framing or 0, upstream, in_chunks))
        answer, came = await answered(upstream, client, old, sending)
        bodiless = method == b"HEAD" or answer[2] in (b"204", b"304")
        length = framing_of(came, "close", refusal=502)
        chunked = not isinstance(length, int) and not bodiless and not old
        # An answer ahead of the upload's end is the connection's last: the rest may never come.
        keep = not old and b"close" not in options(fields) and sending.done() and not client.last
        await client.send(response_head_for(answer, came, length, chunked, keep))
        await relay(pieces(upstream, 0 if bodiless else length), client, chunked)
        early = not sending.done()
        if early:  # it has nothing more to say; what the client still sends is read and dropped
            upstream.transport.abort()
            await asyncio.wait({sending}, timeout=REST_S)
        done = sending.done() and sending.exception() is None
        last = b"close" in options(came) or answer[1] == b"HTTP/1.0"
        whole = not early and done and not last and (bodiless or length != "close")
        return keep and done and not client.last
    finally:
        if sending is not None:
            sending.cancel()
        pool.give(upstream, whole)


async def relay(body: AsyncIterator[bytes], client: Wire, chunked: bool) -> None:
    """The response body as it comes. Raises: Cut when it is not whole, however that shows."""
    try:
        while True:
            async with asyncio.timeout(READ_S):
                piece = await anext(body, b"")
            if not piece:
                break
            await client.send(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
    except (Cut, Refused, TimeoutError):
        raise Cut("the response is not whole") from None
    if chunked:
        await client.send(b"0\r\n\r\n")


async def one(client: "Front", pool: Pool) -> bool:
    """Read a request, have it answered. Returns whether the connection may carry another."""
    framing: Framing | None = 0
    try:
        client.between = True
        # One empty line may come before a request (RFC 9112 section 2.2).
        start, *lines = await client.head() or await client.head() or [b""]
        client.between = False
        line, fields = REQUEST_LINE.fullmatch(start), fields_of(lines)
        if line is None:
            raise Refused(400)
        refuse_doubtful(fields, line[3] == b"HTTP/1.0")
        framing = framing_of(fields, None)
        return await unless_gone(client, exchange(client, pool, line, fields, framing))
    except Refused as refusal:
        # With a body unread, what follows cannot be told from a request (RFC 9112 section 9.3).
        last = framing is not None or refusal.status == 400 or client.last
        await client.send(failure(refusal.status, last))
        return not last


async def unless_gone(client: Wire, work: Coroutine[None, None, bool]) -> bool:
    """The exchange ends with the client, whatever it is waiting for. Raises: Cut when it does."""
    working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(client.ended.wait())
    await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
    leaving.cancel()
    working.cancel()  # nothing happens when it is done
    try:
        return await working
    except asyncio.CancelledError:
        raise Cut from None


async def serve(client: "Front", pool: Pool) -> None:
    try:
        while await one(client, pool):
            pass
        client.transport.write_eof()  # and read on: closing on unread bytes resets (RFC 9112 section 9.6)
        async with asyncio.timeout(2):
            for _ in range(LINGER):
                await client.some(LOOK_AHEAD)
    except (Cut, TimeoutError):
        pass
    finally:
        client.transport.close()


class Front(Wire):
    """A client's connection, served as soon as it is there. last: what it carries now is its last."""

    def __init__(self, pool: Pool, serving: "dict[asyncio.Task[None], Front]"):
        super().__init__()
        self.pool, self.serving = pool, serving
        self.between, self.last = True, False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.peer: str = self.transport.get_extra_info("peername")[0]
        task = asyncio.ensure_future(serve(self, self.pool))
        self.serving[task] = self
        task.add_done_callback(self.serving.pop)

    def drain(self) -> None:
        self.last = True
        if self.between:
            self.transport.close()


async def main() -> None:
    pool, stops, loop = Pool(), asyncio.Queue[None](), asyncio.get_running_loop()
    serving: dict[asyncio.Task[None], Front] = {}
    server = await loop.create_server(lambda: Front(pool, serving), "127.0.0.1", 0, backlog=1024)
    loop.add_signal_handler(signal.SIGTERM, stops.put_nowait, None)
    print(f"listening on port {server.sockets[0].getsockname()[1]}", flush=True)
    await stops.get()
    server.close()
    for front in serving.values():
        front.drain()
    again = asyncio.ensure_future(stops.get())
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_S):
            while serving and not again.done():
                await asyncio.wait({again, *serving}, return_when=asyncio.FIRST_COMPLETED)


if __name__ == "__main__":
    asyncio.run(main())
