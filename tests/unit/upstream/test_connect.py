"""What a failed connection means, and the probe that readiness asks."""

import asyncio
import socket
import ssl

import pytest

from shared.errors import (
    CertificateBad,
    ConnectFailed,
    ConnectRefused,
    ConnectTimeout,
    NameUnresolved,
    TLSFailed,
    UpstreamError,
)
from shared.settings import TLSSettings
from shared.upstream.connect import connect_failure, open_socket, probe, tls_context, transport_on
from shared.variables import UpstreamURL
from tests.unit.aio import aio, eventually, settle
from tests.unit.upstream.origin import HELLO, SHORT_S, answering, origin


def caused(outer: BaseException, *inner: BaseException) -> BaseException:
    """`outer` from the first of `inner` from the second …"""
    error = outer
    for cause in inner:
        error.__cause__ = cause
        error = cause
    return outer


def while_handling(outer: BaseException, inner: BaseException) -> BaseException:
    outer.__context__ = inner
    return outer


def circle() -> BaseException:
    one, two = OSError("one"), OSError("two")
    one.__cause__, two.__cause__ = two, one
    return one


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (ConnectionRefusedError(), ConnectRefused),
        (TimeoutError(), ConnectTimeout),
        (socket.gaierror(-2, "Name or service not known"), NameUnresolved),
        (UnicodeError("label too long"), NameUnresolved),
        (ssl.SSLCertVerificationError(), CertificateBad),
        (ssl.SSLError(), TLSFailed),
        (ssl.SSLEOFError(), TLSFailed),
        (ConnectionResetError(), TLSFailed),
        (OSError(101, "Network is unreachable"), ConnectFailed),
        (RuntimeError("whatever"), ConnectFailed),
        (caused(RuntimeError(), OSError(), ConnectionRefusedError()), ConnectRefused),
        (while_handling(RuntimeError(), ssl.SSLCertVerificationError()), CertificateBad),
        (
            caused(OSError("all failed"), ExceptionGroup("", [OSError(), ConnectionRefusedError()])),
            ConnectRefused,
        ),
        (caused(RuntimeError(), ExceptionGroup("", [ExceptionGroup("", [TimeoutError()])])), ConnectTimeout),
        # How a handshake asks for more bytes is no failure, though it stands in the chain of one.
        (caused(RuntimeError(), while_handling(TimeoutError(), ssl.SSLWantReadError())), ConnectTimeout),
        (circle(), ConnectFailed),
    ],
)
def test_a_failure_is_read_from_its_causes(error: BaseException, meaning: type[UpstreamError]) -> None:
    assert type(connect_failure(error)) is meaning


def test_a_context_verifies_names_against_the_systems_store_unless_told_otherwise() -> None:
    context = tls_context(TLSSettings())
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def url(port: int, host: str = "127.0.0.1") -> UpstreamURL:
    return UpstreamURL("http", host, port)


@aio
async def test_a_probe_opens_a_connection_and_closes_it_without_a_byte() -> None:
    async with origin(answering(HELLO)) as upstream:
        await probe(url(upstream.port), None, connect_s=5)
        await eventually(
            lambda: len(upstream.connections) == 1 and upstream.open == 0, "the connection's end"
        )
        assert upstream.connections[0].received == b""


@aio
async def test_a_probe_fails_where_nobody_listens() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with pytest.raises(ConnectRefused):
            await probe(url(bound.getsockname()[1]), None, connect_s=5)


@pytest.mark.parametrize("host", ["nowhere.invalid", "a" * 64 + ".invalid"])
@aio
async def test_a_probe_fails_where_no_name_resolves(host: str) -> None:
    with pytest.raises(NameUnresolved):
        await probe(url(80, host), None, connect_s=5)


@aio
async def test_a_probe_takes_no_longer_than_a_connection_may() -> None:
    async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(SHORT_S * 3)
        writer.transport.abort()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(ConnectTimeout):
        await probe(UpstreamURL("https", "127.0.0.1", port), tls_context(TLSSettings()), connect_s=SHORT_S)
    server.close()
    await asyncio.sleep(SHORT_S * 3)


@aio
async def test_a_cancelled_probe_leaves_nothing_behind() -> None:
    async with origin(answering(HELLO)) as upstream:
        for turns in range(8):
            task = asyncio.create_task(probe(url(upstream.port), None, connect_s=5))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
        await eventually(lambda: upstream.open == 0, "the connections' end")


@aio
async def test_a_socket_of_which_no_transport_can_be_made_is_closed() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unfit:
        unfit.setblocking(False)
        with pytest.raises(ValueError, match=r"(?i)stream socket"):
            await transport_on(unfit, asyncio.Protocol())
        assert unfit.fileno() == -1


@pytest.mark.usefixtures("loop")
@aio
async def test_a_transport_that_nobody_wants_any_more_is_closed_once() -> None:
    async with origin(answering(HELLO)) as upstream:
        for turns in range(1, 8):  # once it has begun
            sock = await open_socket("127.0.0.1", upstream.port)
            task = asyncio.create_task(transport_on(sock, asyncio.Protocol()))
            await settle(turns)
            task.cancel()
            await asyncio.wait([task])
            if not task.cancelled():
                task.result().abort()
            await eventually(lambda: sock.fileno() == -1, "the socket to be closed")  # noqa: B023
        await eventually(lambda: upstream.open == 0, "the connections' end")
