"""watching(): the client's leaving cancels what is going on, and nothing else is taken for it."""

import asyncio

import pytest

from shared.client import Client
from shared.clients import WATCH_AFTER_S, Clients
from shared.errors import ClientGone
from tests.unit.aio import aio, settle
from tests.unit.asgi import FakeServer, chunk, end, started


@aio
async def test_leaving_cancels_the_block_and_comes_out_as_client_gone() -> None:
    server = FakeServer(end())
    client = started(server)
    unwound = False
    entered = asyncio.Event()

    async def exchange() -> None:
        nonlocal unwound
        with client.watching():
            entered.set()
            try:
                await asyncio.Event().wait()
            finally:
                unwound = True

    task = asyncio.create_task(exchange())
    await entered.wait()
    server.leave()
    with pytest.raises(ClientGone):
        await task
    assert unwound
    assert task.cancelling() == 0
    client.close()


@aio
async def test_who_has_left_already_is_not_watched_but_reported() -> None:
    server = FakeServer()
    client = started(server)
    server.leave()
    await settle()
    with pytest.raises(ClientGone), client.watching():
        raise AssertionError("the block ran for nobody")
    client.close()


@aio
async def test_leaving_after_the_block_touches_nobody() -> None:
    server = FakeServer(end())
    client = started(server)
    with client.watching():
        await settle()
    server.leave()
    await settle()
    assert client.gone
    client.close()


@aio
async def test_leaving_between_two_blocks_is_seen_by_the_second() -> None:
    server = FakeServer(end())
    client = started(server)
    with client.watching():
        await settle()
    server.leave()
    await settle()
    with pytest.raises(ClientGone), client.watching():
        raise AssertionError("the block ran for nobody")
    client.close()


@aio
async def test_whether_there_is_content_is_known_with_the_first_byte_or_the_end() -> None:
    for messages, content in (([end()], False), ([chunk(b""), end(b"x")], True), ([chunk(b"x")], True)):
        server = FakeServer(*messages)
        client = started(server)
        assert await client.has_content() is content
        server.leave()
        client.close()


@aio
async def test_a_cancellation_from_outside_stays_one() -> None:
    client = started(FakeServer(end()))

    async def exchange() -> None:
        with client.watching():
            await asyncio.Event().wait()

    task = asyncio.create_task(exchange())
    await settle()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelled()
    client.close()


@aio
async def test_cancelled_from_outside_and_left_by_the_client_at_once_it_stays_a_cancellation() -> None:
    server = FakeServer(end())
    client = started(server)

    async def exchange() -> None:
        with client.watching():
            await asyncio.Event().wait()

    task = asyncio.create_task(exchange())
    await settle()
    task.cancel()
    client._leave()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelled()
    assert task.cancelling() == 1  # ours was taken back, the other is still asked for
    client.close()


@aio
async def test_a_deadline_inside_the_block_stays_a_timeout() -> None:
    client = started(FakeServer(end()))
    with pytest.raises(TimeoutError), client.watching():
        async with asyncio.timeout(0.01):
            await asyncio.Event().wait()
    client.close()


@aio
async def test_a_deadline_that_expires_just_before_the_client_leaves_is_not_cancelled_a_second_time() -> None:
    client = started(FakeServer(end()))

    async def exchange() -> None:
        with client.watching():
            async with asyncio.timeout(None) as deadline:
                loop = asyncio.get_running_loop()
                deadline.reschedule(loop.time())
                loop.call_soon(client._leave)
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    await settle()  # cleaning up takes a few turns of the loop, and must not be torn
                    raise

    task = asyncio.create_task(exchange())
    with pytest.raises(TimeoutError):
        await task
    assert client.gone  # which whoever answers sees next
    assert task.cancelling() == 0
    client.close()


@aio
async def test_leaving_during_a_cancellation_that_the_block_survives_is_seen_after_it() -> None:
    client = started(FakeServer(end()))

    async def exchange() -> None:
        with client.watching():
            # What anyio does at the end of every connect: it cancels the losing attempts and its own wait.
            try:
                async with asyncio.timeout(None) as scope:
                    loop = asyncio.get_running_loop()
                    scope.reschedule(loop.time())
                    loop.call_soon(client._leave)
                    await asyncio.Event().wait()
            except TimeoutError:
                pass
            await asyncio.Event().wait()  # the upstream is silent

    task = asyncio.create_task(exchange())
    with pytest.raises(ClientGone):
        await task
    assert task.cancelling() == 0
    client.close()


@aio
async def test_an_error_of_the_block_is_not_hidden_by_the_client_leaving() -> None:
    client = started(FakeServer(end()))

    async def exchange() -> None:
        with client.watching():
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                raise OSError("while unwinding") from None

    task = asyncio.create_task(exchange())
    await settle()
    client._leave()
    with pytest.raises(OSError, match="unwinding"):
        await task
    assert task.cancelling() == 0
    client.close()


@aio
async def test_a_result_that_is_ready_as_the_client_leaves_is_not_handed_on() -> None:
    client = started(FakeServer(end()))
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def exchange() -> str:
        with client.watching():
            return await ready

    task = asyncio.create_task(exchange())
    await settle()
    ready.set_result("answer")
    client._leave()
    with pytest.raises(ClientGone):
        await task
    client.close()


# When the watch begins


@aio
async def test_an_exchange_that_is_over_soon_is_never_watched() -> None:
    clients, server = Clients(), FakeServer(end())
    client = Client(server.receive, empty=True, among=clients)
    with client.watching():
        await settle()
    client.close()
    await asyncio.sleep(3 * WATCH_AFTER_S)
    assert server.taken == 0
    assert not clients.open


@aio
async def test_one_that_lasts_is_watched_without_being_asked() -> None:
    clients, server = Clients(), FakeServer(end())
    client = Client(server.receive, empty=True, among=clients)
    server.leave()
    with pytest.raises(ClientGone), client.watching():
        await asyncio.Event().wait()
    client.close()


@aio
async def test_an_upload_that_nobody_wanted_is_drained_all_the_same() -> None:
    server = FakeServer(chunk(b"x"), end(b"y"))
    client = Client(server.receive, among=Clients())
    client.close()
    await settle()
    assert server.taken == 2
