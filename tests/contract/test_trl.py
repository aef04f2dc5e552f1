"""TRL: trailers come after the body and stay there: relayed as trailers or dropped, never read as a head."""

import contextlib

from shared.harness.origin.http1 import IncompleteError
from shared.harness.origin.scripted import Arrival
from tests.contract.case import case
from tests.contract.expect import absent, ok
from tests.contract.talk import Talk, together
from tests.contract.wire import Response

_MISPLACED = (
    "Content-Length: 3",
    "Transfer-Encoding: chunked",
    "Set-Cookie: t=1",
    "Connection: close",
    "Host: elsewhere.test",
    "Authorization: Basic eDp5",
    "Content-Encoding: gzip",
    "X-T: 1",
)
"""Fields that a trailer section may not hold (RFC 9110 §6.5.1), and one that it may."""


async def _with_trailers(up: Arrival, *trailers: str, announced: bool) -> None:
    names = ", ".join(line.partition(":")[0] for line in trailers)
    await up.head_of("200 OK", *([f"Trailer: {names}"] if announced else []), "Transfer-Encoding: chunked")
    with contextlib.suppress(ConnectionError):  # for an announcement that is none, the proxy may have gone
        await up.chunk(b"hello")
        await up.send("\r\n".join(["0", *trailers, "", ""]))
    up.release()


async def _as_declared(talk: Talk, announced: bool) -> None:
    x = await talk.exchange()
    await x.ask("GET", "TE: trailers", "Connection: TE")
    await _with_trailers(await x.arrival(), "X-T: one", "X-Sum: abc", announced=announced)
    response = await x.response()
    ok(response, b"hello")
    absent(response.head, "X-T", "X-Sum")
    seen = sorted((name.lower(), value) for name, value in response.body.trailers)
    wanted = [(b"x-sum", b"abc"), (b"x-t", b"one")] if talk.manifest.trailers == "relay" else []
    assert seen == wanted, f"trailers {seen}, declared {talk.manifest.trailers}: {wanted}"
    talk.note("Trailer", response.all("Trailer"))


@case("TRL-01", level="P", requirement="RFC 9110 §6.5", anchor="Go TestReverseProxy", needs=("trailers",))
async def announced(talk: Talk) -> None:
    """Trailers that the upstream announced reach a client that takes them, or are dropped: as declared."""
    await _as_declared(talk, announced=True)


@case(
    "TRL-02", level="P", requirement="RFC 9110 §6.5", anchor="Go TestUnannouncedTrailer", needs=("trailers",)
)
async def unannounced(talk: Talk) -> None:
    """Trailers that the upstream has not announced reach a client that takes them, or are dropped: as
    declared.
    """
    await _as_declared(talk, announced=False)


@case(
    "TRL-03", requirement="RFC 9110 §6.5.1, §6.5.2", anchor="HAProxy drop_trailers.vtc; nginx proxy_chunked.t"
)
async def never_in_the_head(talk: Talk) -> None:
    """Trailers, those too that no trailer may be, are in no header section: the body is whole, and both
    connections carry the next exchange.
    """
    client = await talk.connect()
    for announced in (True, False):
        for trailers in (_MISPLACED, *((line,) for line in _MISPLACED)):
            x = await talk.exchange(client)
            await x.ask("GET", "TE: trailers", "Connection: TE")
            await _with_trailers(await x.arrival(), *trailers, announced=announced)
            response = await x.response()
            if (
                announced and response.status == 502
            ):  # Go: an announcement that is none is the upstream's fault
                continue
            ok(response, b"hello")
            for line in trailers:
                name, _, value = line.partition(": ")
                assert value.encode() not in response.all(name) or name == "Transfer-Encoding", (
                    f"the trailer {line!r} is in the head"
                )
    y = await talk.exchange(client)
    ok((await y.trip())[1])


@case("TRL-05", requirement="RFC 9112 §6.1, §7.1.2", anchor="an HTTP/1.0 client knows no chunks", level="S")
async def old_client(talk: Talk) -> None:
    """For an HTTP/1.0 client the trailers are left out: neither in the head nor behind the body."""
    x = await talk.exchange()
    await x.ask(version="HTTP/1.0")
    up = await x.arrival()
    if up.head.version == b"HTTP/1.0":  # a proxy that passes the client's version on gets no chunks
        await up.answer(body=b"hello")
    else:
        await _with_trailers(up, "X-T: one", announced=True)
    response = await x.response()
    ok(response, b"hello")
    absent(response.head, "X-T")


@case("TRL-06", requirement="RFC 9110 §6.5.1", anchor="HTTP Garden: trailers that become fields")
async def of_a_request(talk: Talk) -> None:
    """A request's trailers are in no header section upstream: they are relayed behind the body, dropped, or
    the request is refused; the body stays whole and the connection in step.
    """
    await _uploads_with_trailers(talk, apart=False)


@case(
    "TRL-06-apart",
    requirement="RFC 9110 §6.5.1",
    anchor="HTTP Garden: trailers that become fields",
    needs=("streams",),
)
async def of_a_request_apart(talk: Talk) -> None:
    """A request's trailers that come after its head has been passed on are relayed behind the body, dropped,
    or the request is broken off; the body stays whole and the connection in step.
    """
    await _uploads_with_trailers(talk, apart=True)


async def _uploads_with_trailers(talk: Talk, apart: bool) -> None:
    for trailers in (_MISPLACED, ("X-T: 1",)):
        x = await talk.exchange()
        names = ", ".join(line.partition(":")[0] for line in trailers)
        section = "".join(f"{line}\r\n" for line in trailers)
        body, end = b"5\r\nhello\r\n", f"0\r\n{section}\r\n".encode()
        framing = ("Transfer-Encoding: chunked", f"Trailer: {names}")
        await x.ask("POST", *framing, tail=body if apart else body + end)
        up = await x.reaches()
        if isinstance(up, Response):
            assert up.status == 400, f"status {up.status}"
            continue
        if apart:
            assert await up.some(5) == b"hello"
            await x.client.send(end)
        try:
            assert await up.content() == (b"" if apart else b"hello")
        except IncompleteError:  # refused when the trailers came
            assert (await x.response()).status == 400
            continue
        absent(up.head, "X-T", "Authorization", "Set-Cookie", "Content-Encoding")
        assert b"elsewhere.test" not in up.head.raw, "a trailer has become Host"
        await up.answer()
        ok(await x.response())
        y = await talk.exchange(x.client)
        try:
            await y.ask()
            again = await y.reaches()
        except (ConnectionError, IncompleteError):
            continue  # closed, which is safe
        assert isinstance(again, Arrival), f"the next request was answered {again.status}"
        await again.answer()
        ok(await y.response())


@case("TRL-07", requirement="RFC 9112 §7.1.2", anchor="trailers count against the size of the head")
async def without_end(talk: Talk) -> None:
    """A trailer section of 64 MiB is cut or dropped, and nobody keeps it."""
    line = b"X-Pad: " + b"x" * 1000 + b"\r\n"
    x = await talk.exchange()
    memory = talk.memory()
    await x.ask()
    up = await x.arrival()
    await up.head_of("200 OK", "Transfer-Encoding: chunked")
    await up.chunk(b"hello")
    response = await x.head()
    assert await response.some(5) == b"hello"

    async def origin() -> None:
        with contextlib.suppress(ConnectionError):
            await up.send("0\r\n")
            for _ in range(64):
                await up.send(line * 1040)  # 1 MiB
                memory.look()
            await up.send("\r\n")
            up.release()

    async def client() -> None:
        await response.to_the_end()

    await together(origin(), client())
    talk.note("complete", response.complete)
    memory.grown_less_than(40)


@case("TRL-08", requirement="RFC 9112 §7.1.2", anchor="HTTP Garden")
async def malformed(talk: Talk) -> None:
    """A trailer section that is none does not reach the client, and does no harm to the next exchange."""
    for section in (
        b"no colon\r\n\r\n",
        b"X-T: a\rb\r\n\r\n",
        b"X-T: a\0b\r\n\r\n",
        b" folded\r\n\r\n",
        b"X T: 1\r\n\r\n",
    ):
        x = await talk.exchange()
        await x.ask()
        up = await x.arrival()
        await up.head_of("200 OK", "Transfer-Encoding: chunked")
        await up.chunk(b"hello")
        response = await x.head()
        assert await response.some(5) == b"hello"
        await up.send(b"0\r\n", section)
        await response.to_the_end()  # strictly: a bad trailer that is passed on is MalformedError
        up.release()
        y = await talk.exchange()
        ok((await y.trip())[1])
