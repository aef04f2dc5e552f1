"""A channel: how it ended is told in one way, over TCP or TLS, to whoever asks early or late."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator

import pytest

from shared.harness.origin.channel import Channel
from tests.contract.tls import Authority
from tests.unit.aio import aio


class _Peer:
    """The other side, its TLS in our hands: what it says last is not a library's business."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext) -> None:
        self.sock, self.incoming, self.outgoing = sock, ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname=Authority.name)

    def handshake(self) -> None:
        while True:
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                self.flush()
                self.incoming.write(self.sock.recv(65536))
            else:
                return self.flush()

    def flush(self) -> None:
        self.sock.sendall(self.outgoing.read())

    def takes_the_end_for_a_cut(self) -> None:
        """OpenSSL answers an end without close_notify with an alert, decode_error."""
        self.incoming.write_eof()
        with pytest.raises(ssl.SSLEOFError):
            self.tls.read()
        self.flush()


@contextlib.asynccontextmanager
async def _ends() -> AsyncIterator[tuple[Channel, _Peer]]:
    authority = Authority()
    context = ssl.create_default_context(cafile=str(authority.ca))
    with socket.create_server((Authority.name, 0)) as listener:
        first = socket.create_connection(listener.getsockname())
        second, _ = listener.accept()
    here, peer = Channel(second, authority.server()), _Peer(first, context)
    try:
        await asyncio.gather(here.handshake(), asyncio.to_thread(peer.handshake))
        yield here, peer
    finally:
        here.close()
        first.close()
        authority.close()


@aio
async def test_a_fatal_alert_is_an_end_and_the_connection_s_own_end_is_waited_for() -> None:
    async with _ends() as (here, peer):
        peer.takes_the_end_for_a_cut()
        closing = asyncio.create_task(here.peer_closed())
        while not any(event.data.startswith(b"alert: ") for event in here.events):
            await asyncio.sleep(0)
        assert here.open, "the alert came, the FIN not yet"
        peer.sock.shutdown(socket.SHUT_WR)
        assert await closing == "FIN"
        assert (here.closed_by, here.closed_how) == ("peer", "FIN")


@aio
async def test_what_is_no_tls_is_a_fault_and_no_end() -> None:
    async with _ends() as (here, peer):
        peer.sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        with pytest.raises(ssl.SSLError, match="WRONG_VERSION_NUMBER"):
            await here.receive()


@aio
async def test_what_is_sent_after_the_end_is_a_broken_pipe_and_no_number_of_the_system_s() -> None:
    async with _ends() as (here, _):
        here.close()
        with pytest.raises(BrokenPipeError, match="closed"):
            await here.send(b"late")
