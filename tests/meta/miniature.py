"""The smallest reverse proxy that keeps the contract: plain sockets, nothing but the standard library.

    client <-- Wire --> serve: one request after the other --> exchange <-- Wire --> upstream, from the Pool

The suite's own test stands on it: it passes every M case, and a mutant is the same program with one line
changed (mutants.py). It is written to be read and mutated, not to be fast, and speaks http:// only.

    python -m tests.meta.miniature HOST:PORT[/BASE] [POOL [TIMEOUT_S]]
"""

import asyncio
import re
import sys
from collections.abc import AsyncIterator, Coroutine
from email.utils import formatdate
from typing import ClassVar

from tests.meta.miniature_wire import (
    LOOK_AHEAD,
    Cut,
    Fields,
    Framing,
    Refused,
    Wire,
    fields_of,
    framing_of,
    head_of,
    options,
    pieces,
    values,
)

HOP = b"connection keep-alive proxy-authorization proxy-connection te trailer upgrade".split()
FRAMING = b"content-length transfer-encoding".split()
OURS = b"host via forwarded x-real-ip x-forwarded".split()
OURS += b"x-forwarded-for x-forwarded-host x-forwarded-proto".split()
ADDED: Fields = [(b"X-Forwarded-Proto", b"http")]

REQUEST_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([\x21-\x7e]+) (HTTP/1\.[01])")
STATUS_LINE = re.compile(rb"(HTTP/1\.[01]) ([1-5][0-9]{2})( [\t\x20-\x7e\x80-\xff]*)?")
HOST = re.compile(rb"[A-Za-z0-9.\-_]+(:[0-9]+)?|\[[0-9A-Fa-f:.]+\](:[0-9]+)?")
ABSOLUTE = re.compile(rb"(?i)https?://([^/?]*)(.*)")
REASONS = {400: b"Bad Request", 502: b"Bad Gateway", 503: b"Service Unavailable", 504: b"Gateway Timeout"}

UPSTREAM, SLASH, BASE = sys.argv[1].partition("/")
UPSTREAM_HOST, _, UPSTREAM_PORT = UPSTREAM.partition(":")
POOL = int(sys.argv[2]) if len(sys.argv) > 2 else 100
TIMEOUT_S = float(sys.argv[3]) if len(sys.argv) > 3 else 60.0  # for an answer, and between reads of a body
DEADLINE_S = min(TIMEOUT_S, 5.0)  # for a turn in the queue, and for a connection


class Pool:
    """At most POOL connections to the upstream; whole exchanges give theirs back, broken ones end it."""

    def __init__(self) -> None:
        self.free = asyncio.Semaphore(POOL)
        self.idle: list[Wire] = []

    async def take(self) -> Wire:
        try:
            async with asyncio.timeout(DEADLINE_S):
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
            async with asyncio.timeout(DEADLINE_S):
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


def end_to_end(fields: Fields) -> Fields:
    gone = {*HOP, *FRAMING, *options(fields)}
    return [field for field in fields if field[0].lower() not in gone]


def target_of(method: bytes, target: bytes) -> bytes:
    """What to ask the upstream for; never another host, never above BASE."""
    if absolute := ABSOLUTE.fullmatch(target):
        target = absolute[2] if absolute[2].startswith(b"/") else b"/" + absolute[2]
    if method == b"CONNECT" or not (target.startswith(b"/") or (target, method) == (b"*", b"OPTIONS")):
        raise Refused(400)
    path = re.sub(rb"%([0-9A-Fa-f]{2})", lambda m: bytes([int(m[1], 16)]), target.partition(b"?")[0])
    if BASE and any(segment.partition(b";")[0] == b".." for segment in re.split(rb"[/\\]", path)):
        raise Refused(400)
    return (SLASH + BASE).rstrip("/").encode() + target


def request_head(method: bytes, target: bytes, fields: Fields, framing: Framing | None, peer: str) -> bytes:
    kept = end_to_end(fields)
    sent: Fields = [(b"Host", UPSTREAM.encode())]
    sent += [field for field in kept if field[0].lower().replace(b"_", b"-") not in OURS]
    sent += [(b"Via", b", ".join([*values(kept, b"via"), b"1.1 miniature"]))]
    sent += [(b"X-Forwarded-For", peer.encode()), *ADDED]
    sent += [(b"X-Forwarded-Host", host) for host in values(fields, b"host")]
    if framing is not None:
        chunked = framing == "chunked"
        sent += [(b"Transfer-Encoding", b"chunked") if chunked else (b"Content-Length", b"%d" % int(framing))]
    return head_of(b"%s %s HTTP/1.1" % (method, target_of(method, target)), sent)


async def upload(client: Wire, framing: Framing, upstream: Wire) -> None:
    """The request body; what an upstream that has closed does not want is read and dropped."""
    try:
        async for piece in pieces(client, framing):
            if not upstream.ended.is_set():
                await upstream.send(b"%x\r\n%s\r\n" % (len(piece), piece) if framing == "chunked" else piece)
    except Cut:
        upstream.transport.abort()  # what has come must not be taken for the whole
        raise
    if framing == "chunked" and not upstream.ended.is_set():
        await upstream.send(b"0\r\n\r\n")


async def response_head(upstream: Wire) -> tuple[re.Match[bytes], Fields]:
    """The final response's status line and fields. Raises: Refused with 502 for anything that is not one."""
    try:
        while True:
            start, *lines = (await upstream.until(b"\r\n\r\n")).split(b"\r\n")
            match, fields = STATUS_LINE.fullmatch(start), fields_of(lines)
            if match is None or match[2] == b"101":
                raise Refused(502)
            if match[2] >= b"200":
                return match, fields
    except (Cut, Refused):
        raise Refused(502) from None


async def answered(upstream: Wire, sending: asyncio.Task[None]) -> tuple[re.Match[bytes], Fields]:
    """The response head, which may come before the upload is over.

    The deadline counts from the upload's end.
    """
    heading = asyncio.ensure_future(response_head(upstream))
    try:
        await asyncio.wait({heading, sending}, return_when=asyncio.FIRST_COMPLETED)
        if not heading.done():
            sending.result()  # raises when the client has cut its upload
        async with asyncio.timeout(TIMEOUT_S):
            return await heading
    except TimeoutError:
        raise Refused(504) from None
    finally:
        heading.cancel()


async def exchange(
    client: Wire, pool: Pool, line: re.Match[bytes], fields: Fields, framing: Framing | None
) -> bool:
    """One request and its response. Returns whether the client's connection may carry another.

    Raises: Refused before the response has begun; Cut, and nothing else, afterwards.
    """
    method, target, version = line.groups()
    head = request_head(method, target, fields, framing, client.transport.get_extra_info("peername")[0])
    upstream, sending, whole = await pool.take(), None, False
    try:
        if not upstream.ended.is_set():
            await upstream.send(head)
        sending = asyncio.ensure_future(upload(client, framing or 0, upstream))
        answer, came = await answered(upstream, sending)
        bodiless = method == b"HEAD" or answer[2] in (b"204", b"304")
        length = framing_of(came, "close", refusal=502)
        old = version == b"HTTP/1.0"
        chunked = not isinstance(length, int) and not bodiless and not old
        keep = not old and b"close" not in options(fields)
        await client.send(response_head_for(answer, came, length, chunked, keep))
        await relay(pieces(upstream, 0 if bodiless else length), client, chunked)
        await asyncio.wait({sending}, timeout=DEADLINE_S)
        done = sending.done() and sending.exception() is None
        close = b"close" in options(came) or answer[1] == b"HTTP/1.0" or (length == "close" and not bodiless)
        whole = done and not close
        return keep and done
    finally:
        if sending is not None:
            sending.cancel()
        pool.give(upstream, whole)


def response_head_for(
    answer: re.Match[bytes], came: Fields, length: Framing, chunked: bool, keep: bool
) -> bytes:
    sent = end_to_end(came)
    if isinstance(length, int) and answer[2] != b"204":
        sent += [(b"Content-Length", b"%d" % length)]
    if chunked:
        sent += [(b"Transfer-Encoding", b"chunked")]
    if not values(sent, b"date"):
        sent += [(b"Date", formatdate(usegmt=True).encode())]
    if not keep:
        sent += [(b"Connection", b"close")]
    return head_of(b"HTTP/1.1 %s%s" % (answer[2], answer[3] or b" "), sent)


async def relay(body: AsyncIterator[bytes], client: Wire, chunked: bool) -> None:
    """The response body as it comes. Raises: Cut when it is not whole, however that shows."""
    try:
        while True:
            async with asyncio.timeout(TIMEOUT_S):
                piece = await anext(body, b"")
            if not piece:
                break
            await client.send(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
    except (Cut, Refused, TimeoutError):
        raise Cut("the response is not whole") from None
    if chunked:
        await client.send(b"0\r\n\r\n")


async def one(client: Wire, pool: Pool) -> bool:
    """Read a request, have it answered. Returns whether the connection may carry another."""
    framing: Framing | None = 0
    try:
        start, *lines = (await client.until(b"\r\n\r\n")).split(b"\r\n")
        line, fields = REQUEST_LINE.fullmatch(start), fields_of(lines)
        hosts = values(fields, b"host")
        if line is None or len(hosts) != 1 or not HOST.fullmatch(hosts[0]):
            raise Refused(400)
        framing = framing_of(fields, None)
        return await unless_gone(client, exchange(client, pool, line, fields, framing))
    except Refused as refusal:
        # With a body unread, what follows cannot be told from a request (RFC 9112 section 9.3).
        last = framing is not None or refusal.status == 400
        await client.send(failure(refusal.status, last))
        return not last


def failure(status: int, last: bool) -> bytes:
    start = b"HTTP/1.1 %d %s" % (status, REASONS[status])
    fields = [(b"Content-Length", b"0"), (b"Date", formatdate(usegmt=True).encode())]
    return head_of(start, fields + ([(b"Connection", b"close")] if last else []))


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


async def serve(client: Wire, pool: Pool) -> None:
    try:
        while await one(client, pool):
            pass
        client.transport.write_eof()  # and read on: closing on unread bytes resets (RFC 9112 section 9.6)
        async with asyncio.timeout(2):
            while await client.some(LOOK_AHEAD):
                pass
    except (Cut, TimeoutError):
        pass
    finally:
        client.transport.close()


class Front(Wire):
    """A client's connection, which is served as soon as it is there."""

    serving: ClassVar[set[asyncio.Task[None]]] = set()

    def __init__(self, pool: Pool):
        super().__init__()
        self.pool = pool

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        task = asyncio.ensure_future(serve(self, self.pool))
        self.serving.add(task)
        task.add_done_callback(self.serving.discard)


async def main() -> None:
    pool = Pool()
    server = await asyncio.get_running_loop().create_server(lambda: Front(pool), "127.0.0.1", 0, backlog=1024)
    print(f"listening on port {server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
