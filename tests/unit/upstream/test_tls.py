"""https upstreams: a CA made here, real handshakes, and each way in which they fail."""

import asyncio
import ssl
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from shared.errors import BodyIncomplete, CertificateBad, ConnectTimeout, TLSFailed, UpstreamError
from shared.upstream import Upstream
from tests.unit.aio import aio, eventually
from tests.unit.upstream.origin import (
    ENGINES,
    HALF,
    HELLO,
    SHORT_S,
    Connection,
    Origin,
    after_head,
    answering,
    asking,
    engine_for,
    origin,
    read,
)
from tests.unit.upstream.tls import Certificates

pytestmark = [pytest.mark.parametrize("engine", ENGINES), pytest.mark.usefixtures("loop")]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("tls"))


def secure(
    engine: str, upstream: Origin, certificates: Certificates, **settings: Any
) -> AbstractAsyncContextManager[Upstream]:
    """The engine in front of https://localhost, trusting that CA."""
    where: dict[str, Any] = {"host": "localhost", "scheme": "https", "upstream_ca": certificates.ca}
    return engine_for(engine, upstream.port, **where, **settings)


async def hello(client: Upstream) -> None:
    assert await read(await client.send(asking())) == b"hello"


async def refused(client: Upstream) -> type[UpstreamError]:
    """What a request and a probe come to, which has to be the same."""
    with pytest.raises(UpstreamError) as sending:
        await read(await client.send(asking()))
    with pytest.raises(UpstreamError) as probing:
        await client.probe()
    assert type(sending.value) is type(probing.value)
    return type(sending.value)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@aio
async def test_an_upstream_of_a_private_ca_is_told_the_name_it_is_asked_by(
    engine: str, certificates: Certificates, version: ssl.TLSVersion
) -> None:
    certificates.names.clear()
    async with (
        origin(answering(HELLO), certificates.server(version=version)) as upstream,
        secure(engine, upstream, certificates) as client,
    ):
        await hello(client)
        await hello(client)
        await client.probe()
        spoken = upstream.connections[0].writer.get_extra_info("ssl_object")
        assert spoken.selected_alpn_protocol() == "http/1.1"
        assert upstream.connections[0].received.count(b"GET ") == 2
    assert certificates.names == ["localhost", "localhost"]  # one connection each for requests and probe


@aio
async def test_without_that_ca_its_certificate_is_bad(engine: str, certificates: Certificates) -> None:
    async with (
        origin(answering(HELLO), certificates.server()) as upstream,
        engine_for(engine, upstream.port, host="localhost", scheme="https") as client,
    ):
        assert await refused(client) is CertificateBad
        assert [connection.received for connection in upstream.connections] == []


@aio
async def test_a_certificate_for_another_name_is_bad(engine: str, certificates: Certificates) -> None:
    async with (
        origin(answering(HELLO), certificates.server(name="other.test")) as upstream,
        secure(engine, upstream, certificates) as client,
    ):
        assert await refused(client) is CertificateBad


@aio
async def test_an_address_needs_a_certificate_for_the_address(
    engine: str, certificates: Certificates
) -> None:
    for name, fits in (("127.0.0.1", True), ("localhost", False)):
        async with (
            origin(answering(HELLO), certificates.server(name=name)) as upstream,
            engine_for(engine, upstream.port, scheme="https", upstream_ca=certificates.ca) as client,
        ):
            if fits:
                await hello(client)
            else:
                assert await refused(client) is CertificateBad


@aio
async def test_with_a_ca_in_the_settings_no_other_counts(
    engine: str, certificates: Certificates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.ca))
    async with (
        origin(answering(HELLO), certificates.server()) as upstream,
        secure(engine, upstream, Certificates(tmp_path)) as client,
    ):
        assert await refused(client) is CertificateBad


@aio
async def test_an_upstream_that_speaks_plain_http_fails_the_handshake(
    engine: str, certificates: Certificates
) -> None:
    async def plain(connection: Connection) -> None:
        await connection.reader.read(1)
        await connection.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    async with (
        origin(plain) as upstream,
        secure(engine, upstream, certificates) as client,
    ):
        assert await refused(client) is TLSFailed
        await eventually(lambda: upstream.open == 0, "the connections to be closed")


@pytest.mark.parametrize("way", [Connection.close, Connection.reset])
@aio
async def test_an_upstream_that_hangs_up_in_the_handshake_fails_it(
    engine: str, certificates: Certificates, way: Any
) -> None:
    async def hang_up(connection: Connection) -> None:
        await connection.reader.read(65536)
        way(connection)

    async with (
        origin(hang_up) as upstream,
        secure(engine, upstream, certificates) as client,
    ):
        assert await refused(client) is TLSFailed


@aio
async def test_a_handshake_that_nobody_goes_on_with_times_out(
    engine: str, certificates: Certificates
) -> None:
    async def silent(connection: Connection) -> None:
        await connection.reader.read(65536)

    async with (
        origin(silent) as upstream,
        secure(
            engine,
            upstream,
            certificates,
            connect_timeout=SHORT_S,
        ) as client,
    ):
        assert await refused(client) is ConnectTimeout
        await eventually(lambda: upstream.open == 0, "the connections to be closed")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@aio
async def test_a_client_certificate_is_shown_to_who_asks_for_one(
    engine: str, certificates: Certificates, version: ssl.TLSVersion
) -> None:
    async with (
        origin(answering(HELLO), certificates.server(client=True, version=version)) as upstream,
        secure(
            engine,
            upstream,
            certificates,
            upstream_cert=certificates.cert,
            upstream_key=certificates.key,
        ) as client,
    ):
        await hello(client)
        shown = upstream.connections[0].writer.get_extra_info("peercert")
        assert ("DNS", "client.test") in shown["subjectAltName"]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@aio
async def test_without_the_certificate_it_asks_for_the_handshake_fails(
    engine: str, certificates: Certificates, version: ssl.TLSVersion
) -> None:
    """TLS 1.3 tells the client only after the handshake, as an alert where the answer should be."""
    context = certificates.server(client=True, version=version)

    async def alerting(connection: Connection) -> None:
        # By hand, because asyncio's TLS closes without sending its alert.
        came, going = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(came, going, server_side=True)
        while True:
            came.write(await connection.reader.read(65536))
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                await connection.send(going.read())
            except ssl.SSLError:
                await connection.send(going.read())
                return

    async with origin(alerting) as upstream, secure(engine, upstream, certificates) as client:
        with pytest.raises(TLSFailed):
            await client.send(asking())
        await eventually(lambda: upstream.open == 0, "the connection to be closed")


@aio
async def test_a_body_that_breaks_off_is_incomplete_over_tls_too(
    engine: str, certificates: Certificates
) -> None:
    for way in (Connection.close, Connection.reset):
        async with (
            origin(after_head(HALF, then=way), certificates.server()) as upstream,
            secure(engine, upstream, certificates) as client,
        ):
            with pytest.raises(BodyIncomplete):
                await read(await client.send(asking()))


@aio
async def test_a_cancelled_exchange_closes_its_connection_over_tls_too(
    engine: str, certificates: Certificates
) -> None:
    async with (
        origin(after_head(), certificates.server()) as upstream,
        secure(engine, upstream, certificates) as client,
    ):
        task = asyncio.create_task(client.send(asking()))
        await eventually(lambda: bool(upstream.connections), "the connection")
        task.cancel()
        await asyncio.wait([task])
        await eventually(lambda: upstream.open == 0, "the connection to be closed")


@aio
async def test_an_attempt_that_is_cancelled_in_the_handshake_leaves_nothing(
    engine: str, certificates: Certificates
) -> None:
    async with origin(answering(HELLO), certificates.server()) as upstream:
        for moment in range(25):
            async with secure(engine, upstream, certificates) as client:
                task = asyncio.create_task(hello(client))
                await asyncio.sleep(moment * 0.0005)  # of the two or three milliseconds that one takes
                task.cancel()
                await asyncio.wait([task])
                assert task.cancelled() or task.exception() is None
        await eventually(lambda: upstream.open == 0, "the connections to be closed")
