"""RQB: uploads in a row, uploads as large as they may be, and what a client finds that sends on."""

import contextlib

from shared.harness.origin.channel import LateError
from shared.harness.origin.http1 import IncompleteError
from shared.harness.origin.scripted import Arrival
from tests.contract.case import case
from tests.contract.expect import ok
from tests.contract.moves import MIB, digest, noise
from tests.contract.talk import FRONT, Talk, together


def _chunked(body: bytes) -> bytes:
    half = len(body) // 2
    parts = [part for part in (body[:half], body[half:]) if part]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


@case(
    "RQB-28",
    requirement="RFC 9112 §6.3, §9.3.2",
    anchor="nginx body_chunked.t, proxy_request_buffering.t: body pipelined",
)
async def uploads_in_one_write(talk: Talk) -> None:
    """Uploads in one write are cut where each ends, however their sizes fall on a reader's buffers: each
    arrives with its own content, each is answered in its turn, or the connection is closed after one of them.
    """
    sizes = (10, 1280, 5120, 20_000, 6)
    for framed in ("length", "chunked", "either"):
        client = await talk.connect()
        bodies: dict[str, bytes] = {}

        async def answer(up: Arrival, bodies: dict[str, bytes] = bodies) -> None:
            token = up.record.token or ""
            content = await up.content()
            assert content == bodies[token], f"{len(content)} bytes of content, not {len(bodies[token])}"
            await up.answer(body=token.encode())

        row, wire = [await talk.exchange(client, script=answer) for _ in sizes], b""
        for n, (x, size) in enumerate(zip(row, sizes, strict=True)):
            x.method, x.asked, bodies[x.token] = "POST", 1, noise(size, n)
            in_chunks = framed == "chunked" or (framed == "either" and n % 2 == 1)
            framing = "Transfer-Encoding: chunked" if in_chunks else f"Content-Length: {size}"
            wire += f"POST {x.path} HTTP/1.1\r\nHost: {FRONT}\r\n{x.stamp}\r\n{framing}\r\n\r\n".encode()
            wire += _chunked(bodies[x.token]) if in_chunks else bodies[x.token]
        await client.send(wire)
        for x in row:
            try:
                ok(await x.response(), x.token.encode())
            except IncompleteError:
                assert x is not row[0], "the first upload was not answered"
                break


@case(
    "RQB-10-exact",
    level="P",
    requirement="RFC 9110 §15.5.14",
    anchor="nginx body_chunked.t: at limit; client_body_early_read.t",
    settings="tight",
    needs=("max_body",),
)
async def at_the_limit(talk: Talk) -> None:
    """A body as large as the limit is not over it, whatever its chunks add."""
    assert talk.manifest.max_body is not None
    body = noise(talk.manifest.max_body)
    for framing, wire in (
        (f"Content-Length: {len(body)}", body),
        ("Transfer-Encoding: chunked", _chunked(body)),
    ):
        x = await talk.exchange()
        arrived: list[Arrival] = []

        async def origin(arrived: list[Arrival] = arrived) -> None:
            arrived.append(await x.arrival())  # noqa: B023
            await arrived[0].answer()

        await together(x.ask("POST", framing, tail=wire), origin())
        ok(await x.response())
        assert arrived[0].body.hash.hexdigest() == digest(body), "the upload arrived changed"


@case(
    "RQB-29",
    requirement="RFC 9112 §8; RFC 9110 §9.2.2",
    anchor="Go PanicClosesIncomingBody (46866)",
    compare="verdict",
)
async def answer_cut_meanwhile(talk: Talk) -> None:
    """An answer that is cut while its upload is under way is cut for the client, and the proxy lives on: the
    next twenty uploads go through.
    """

    async def short(up: Arrival) -> None:
        await up.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort")
        up.close()

    async def upload() -> None:
        x = await talk.exchange(script=short)
        with contextlib.suppress(ConnectionError, LateError):
            await x.ask("POST", body=bytes(6 * MIB), deadline_s=5)
        with contextlib.suppress(IncompleteError, ConnectionError):  # reset on unread bytes, head and all
            response = await x.response()
            assert response.status == 502 or not response.complete, (
                "a response that was cut ended as if whole"
            )

    for _ in range(2):
        await together(*(upload() for _ in range(5)))
    for n in range(20):
        y = await talk.exchange()
        ok((await y.trip("POST", body=noise(1000, n)))[1])


@case(
    "RQB-30",
    level="S",
    requirement="RFC 9112 §9.6: read on for a while before closing; RFC 9110 §15.5.14",
    anchor="nginx lingering_close",
    settings="tight",
    needs=("max_body",),
    compare="verdict",
)
async def refused_by_the_proxy(talk: Talk) -> None:
    """A client that sends on after the proxy has refused its upload for its size, as most do, still finds the
    413: the proxy does not close on its unread bytes.
    """
    assert talk.manifest.max_body is not None
    size = 16 * talk.manifest.max_body
    for framing, piece in (
        (f"Content-Length: {size}", bytes(65536)),
        ("Transfer-Encoding: chunked", b"10000\r\n" + bytes(65536) + b"\r\n"),
    ):
        x = await talk.exchange()
        await x.ask("POST", framing)
        with contextlib.suppress(ConnectionError):
            for _ in range(size // 65536):
                await x.client.send(piece, deadline_s=10)
        response = await x.response(10)
        assert response.status == 413, f"status {response.status}"
        assert response.complete, f"the 413 was cut ({response.body.cut})"
