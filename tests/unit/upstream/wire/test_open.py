"""Opening connections: which address, how long, and what is left when somebody changes his mind."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from shared.errors import (
    BodyIncomplete,
    ConnectFailed,
    ConnectRefused,
    ConnectTimeout,
    NameUnresolved,
    Terminated,
)
from shared.upstream.wire import WireUpstream
from shared.upstream.wire.connection import Connection
from tests.unit.aio import aio, eventually, settle
from tests.unit.upstream.origin import HELLO, SHORT_S, after_head, answering, asking, engine_for, origin, read
from tests.unit.upstream.origin import Connection as Accepted
from tests.unit.upstream.tls import Certificates

pytestmark = pytest.mark.usefixtures("loop")


@pytest.fixture
def resolves(monkeypatch: pytest.MonkeyPatch) -> Any:
    """resolves(*addresses) makes every name resolve to these, in that order."""

    def to(*addresses: str) -> None:
        async def found(_: Any, __: str, port: int) -> list[Any]:
            families = [socket.AF_INET6 if ":" in address else socket.AF_INET for address in addresses]
            kind = (socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
            return [(family, *kind, (each, port)) for family, each in zip(families, addresses, strict=True)]

        monkeypatch.setattr("shared.upstream.connect._addresses", found)

    return to


@contextlib.contextmanager
def _silent(address: str, port: int) -> Iterator[None]:
    """An address at which a connection attempt hears nothing: its queue is full."""
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind((address, port))
        listening.listen(0)
        for _ in range(3):
            caller = stack.enter_context(socket.socket())
            caller.setblocking(False)
            caller.connect_ex((address, port))
        yield


@aio
async def test_an_address_of_six_is_an_address() -> None:
    try:
        server = await asyncio.start_server(_hello, "::1", 0)
    except OSError:
        pytest.skip("this machine has no IPv6")
    async with server, engine_for("wire", server.sockets[0].getsockname()[1], host="[::1]") as engine:
        assert await read(await engine.send(asking())) == b"hello"


async def _hello(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(HELLO)
    await reader.read()
    writer.close()


@pytest.mark.parametrize("before", [("127.0.0.2",), ("::1", "127.0.0.2")], ids=["refuses", "both refuse"])
@aio
async def test_an_address_that_refuses_makes_room_for_the_next(resolves: Any, before: tuple[str]) -> None:
    resolves(*before, "127.0.0.1")
    async with (
        origin(answering(HELLO)) as upstream,
        engine_for("wire", upstream.port, host="some.test") as engine,
    ):
        assert await read(await engine.send(asking())) == b"hello"


@aio
async def test_an_address_that_is_silent_is_raced_by_the_next(resolves: Any) -> None:
    resolves("127.0.0.2", "127.0.0.1")
    async with (
        origin(answering(HELLO)) as upstream,
        engine_for("wire", upstream.port, host="some.test", connect_timeout=5) as engine,
    ):
        with _silent("127.0.0.2", upstream.port):
            assert await read(await engine.send(asking())) == b"hello"


@aio
async def test_when_no_address_answers_in_time_that_is_a_timeout_of_the_connect(resolves: Any) -> None:
    resolves("127.0.0.2", "127.0.0.3")
    async with (
        origin(answering(HELLO)) as upstream,
        engine_for("wire", upstream.port, host="some.test", connect_timeout=SHORT_S) as engine,
    ):
        with _silent("127.0.0.2", upstream.port), _silent("127.0.0.3", upstream.port):
            with pytest.raises(ConnectTimeout):
                await engine.send(asking())
            assert cast(WireUpstream, engine)._pool.busy == 0


@aio
async def test_when_all_addresses_refuse_so_does_the_upstream(resolves: Any) -> None:
    resolves("127.0.0.2", "127.0.0.3")
    async with (
        origin(answering(HELLO)) as upstream,
        engine_for("wire", upstream.port, host="some.test") as engine,
    ):
        with pytest.raises(ConnectRefused):
            await engine.send(asking())
        assert cast(WireUpstream, engine)._pool.busy == 0


@aio
async def test_a_name_that_nobody_knows_is_no_address() -> None:
    async with engine_for("wire", 80, host="nowhere.invalid") as engine:
        with pytest.raises(NameUnresolved):
            await engine.send(asking())
        with pytest.raises(NameUnresolved):
            await engine.probe()


@aio
async def test_an_attempt_that_is_cancelled_at_any_moment_leaves_nothing() -> None:
    async with origin(answering(HELLO)) as upstream, engine_for("wire", upstream.port) as made:
        engine = cast(WireUpstream, made)
        for turns in range(25):
            task = asyncio.create_task(engine.send(asking()))
            await settle(turns)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await (await task).body.aclose()
        await eventually(lambda: upstream.open == engine._pool.idle == len(engine._open), "the rest to close")
        assert (engine._pool.busy, engine._pool.waiting) == (0, 0)


@aio
async def test_a_connection_over_tls_is_used_again_and_closed_like_any_other(tmp_path: Path) -> None:
    """Which certificates are taken, and what a handshake fails with: test_tls.py."""
    certificates = Certificates(tmp_path)
    where: dict[str, Any] = {"host": "localhost", "scheme": "https", "upstream_ca": certificates.ca}
    async with origin(answering(HELLO), certificates.server()) as upstream:
        async with engine_for("wire", upstream.port, **where) as engine:
            for _ in range(2):
                assert await read(await engine.send(asking())) == b"hello"
            assert len(upstream.connections) == 1
        await eventually(lambda: upstream.open == 0, "its end")


@aio
async def test_a_body_without_a_length_is_whole_only_where_tls_says_that_it_ends(tmp_path: Path) -> None:
    """RFC 9112 section 9.8: anybody on the way can end the connection; only the upstream can say so."""
    certificates = Certificates(tmp_path)
    where: dict[str, Any] = {"host": "localhost", "scheme": "https", "upstream_ca": certificates.ca}

    def cuts(connection: Accepted) -> None:
        connection.writer.transport.abort()  # without the alert, and with FIN

    for way, whole in ((Accepted.close, True), (cuts, False)):
        script = after_head(b"HTTP/1.1 200 OK\r\n\r\nhalf", then=way)
        async with (
            origin(script, certificates.server()) as upstream,
            engine_for("wire", upstream.port, **where) as engine,
        ):
            answer = await engine.send(asking())
            with contextlib.nullcontext() if whole else pytest.raises(BodyIncomplete):
                assert await read(answer) == b"half"


@aio
async def test_a_session_that_is_lost_as_its_handshake_ends_is_no_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """asyncio's start_tls() returns None then."""

    class Losing:
        async def start_tls(self, *_: Any, **__: Any) -> None: ...

    loop = asyncio.get_running_loop()
    monkeypatch.setattr("shared.upstream.wire.open.Connection", lambda _, *rest: Connection(loop, *rest))
    async with (
        origin(answering(HELLO)) as upstream,
        engine_for("wire", upstream.port, scheme="https") as made,
    ):
        engine = cast(WireUpstream, made)
        engine._opener._loop = cast(asyncio.AbstractEventLoop, Losing())
        with pytest.raises(ConnectFailed):
            await engine.send(asking())
        await eventually(lambda: bool(upstream.connections) and upstream.open == 0, "its end")


@pytest.mark.parametrize("way", [Accepted.close, Accepted.reset])
@aio
async def test_an_upstream_that_closes_as_soon_as_it_has_accepted_has_not_answered(way: Any) -> None:
    async def shy(connection: Accepted) -> None:
        way(connection)

    async with origin(shy) as upstream, engine_for("wire", upstream.port) as engine:
        for _ in range(10):
            with pytest.raises(Terminated):
                await engine.send(asking())
        assert cast(WireUpstream, engine)._pool.busy == 0


@aio
async def test_closing_the_engine_ends_the_exchanges_that_run() -> None:
    async with origin(answering(HELLO[:-1])) as upstream, engine_for("wire", upstream.port) as engine:
        answer = await engine.send(asking())
        await engine.aclose()
        with pytest.raises(Exception, match="closed"):
            await read(answer)
