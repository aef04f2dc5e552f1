"""The upload as its iteration yields it, and what becomes of it, against a scripted receive()."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import BodyTooLarge, ClientGone
from shared.upload import LOOK_AHEAD
from tests.unit.aio import aio, settle
from tests.unit.asgi import FakeServer, chunk, end, started


async def drained(body: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in body])


# The upload


@aio
async def test_the_upload_arrives_whole_and_in_order() -> None:
    server = FakeServer(chunk(b"one "), chunk(b""), chunk(b"two "), end(b"three"))
    client = started(server)
    assert await drained(client) == b"one two three"
    assert client.bytes_received == 13
    client.close()


@aio
async def test_each_read_of_the_server_is_handed_on_by_itself() -> None:
    server = FakeServer(chunk(b"a"), chunk(b"b"), end())
    client = started(server)
    assert [piece async for piece in client] == [b"a", b"b"]
    client.close()


@aio
async def test_a_chunk_is_handed_on_before_the_next_has_come() -> None:
    server = FakeServer(chunk(b"first"))
    client = started(server)
    assert await anext(client) == b"first"
    waiting = asyncio.ensure_future(anext(client))
    await settle()
    assert not waiting.done()
    server.say(end(b"second"))
    assert await waiting == b"second"
    client.close()


@aio
async def test_a_message_without_a_body_ends_an_empty_upload() -> None:
    server = FakeServer({"type": "http.request"})
    client = started(server)
    assert await drained(client) == b""
    client.close()


# Back-pressure


@aio
async def test_no_more_than_the_look_ahead_is_taken_from_the_server_while_nobody_reads() -> None:
    piece = 16384
    server = FakeServer(*[chunk(b"x" * piece) for _ in range(100)])
    client = started(server)
    await settle(200)
    assert LOOK_AHEAD < server.bytes_taken <= LOOK_AHEAD + piece
    assert not server.waiting
    client.close()
    server.say(end())
    await settle(200)


@aio
async def test_reading_makes_room_for_exactly_what_was_read() -> None:
    piece = LOOK_AHEAD // 4
    server = FakeServer(*[chunk(b"x" * piece) for _ in range(20)])
    client = started(server)
    await settle(200)
    before = server.taken
    for read in range(1, 6):
        await anext(client)
        await settle()
        assert server.taken == before + read
    client.close()
    server.say(end())
    await settle(200)


@given(
    sizes=st.lists(st.integers(0, 3 * LOOK_AHEAD), max_size=12), reads=st.lists(st.booleans(), max_size=40)
)
def test_whatever_the_sizes_the_bound_holds_and_no_byte_is_lost(sizes: list[int], reads: list[bool]) -> None:
    @aio
    async def play() -> None:
        pieces = [bytes([number % 256]) * size for number, size in enumerate(sizes)]
        server = FakeServer(*[chunk(piece) for piece in pieces], end())
        client = started(server)
        got: list[bytes] = []
        biggest = max(sizes, default=0)
        for read in reads:
            if read and len(got) < sum(size > 0 for size in sizes):
                got.append(await anext(client))
            await settle(3)
            assert server.bytes_taken - sum(map(len, got)) <= LOOK_AHEAD + biggest
        got += [piece async for piece in client]
        assert b"".join(got) == b"".join(pieces)
        assert client.bytes_received == sum(sizes)
        client.close()

    play()


# The limit


@aio
async def test_a_body_of_exactly_the_limit_passes() -> None:
    client = started(FakeServer(chunk(b"12345"), end(b"67890")), limit=10)
    assert await drained(client) == b"1234567890"
    client.close()


@aio
async def test_the_limit_counts_what_has_been_handed_on_already() -> None:
    server = FakeServer(chunk(b"12345"))
    client = started(server, limit=10)
    assert await anext(client) == b"12345"
    server.say(chunk(b"67890"))
    assert await anext(client) == b"67890"
    server.say(chunk(b"!"))
    with pytest.raises(BodyTooLarge):
        await anext(client)
    client.close()
    server.leave()


@given(sizes=st.lists(st.integers(1, 9), min_size=1, max_size=20), limit=st.integers(1, 60))
def test_one_byte_over_the_limit_is_refused_and_nothing_beyond_it_is_handed_on(
    sizes: list[int], limit: int
) -> None:
    @aio
    async def play() -> None:
        server = FakeServer(*[chunk(b"x" * size) for size in sizes], end())
        client = started(server, limit=limit)
        got = 0
        refused = False
        try:
            async for piece in client:
                got += len(piece)
                await settle(2)
        except BodyTooLarge:
            refused = True
        assert refused == (sum(sizes) > limit)
        assert got <= limit
        client.close()
        await settle(60)

    play()


# The client leaves


@aio
async def test_leaving_in_the_middle_of_the_upload_ends_it_with_an_error_after_what_had_come() -> None:
    server = FakeServer(chunk(b"half"))
    client = started(server)
    server.leave()
    assert await anext(client) == b"half"
    with pytest.raises(ClientGone):
        await anext(client)
    client.close()


@aio
async def test_leaving_while_the_upload_is_waited_for_ends_the_wait() -> None:
    server = FakeServer()
    client = started(server)
    waiting = asyncio.ensure_future(anext(client))
    await settle()
    server.leave()
    with pytest.raises(ClientGone):
        await waiting
    client.close()


@aio
async def test_leaving_after_the_upload_does_not_make_it_incomplete() -> None:
    server = FakeServer(end(b"whole"))
    client = started(server)
    server.leave()
    await settle()
    assert client.gone
    assert await drained(client) == b"whole"
    client.close()


@aio
async def test_disconnect_is_latched_and_receive_never_called_again() -> None:
    server = FakeServer(chunk(b"x"))
    server.leave()
    client = started(server)
    await settle()
    assert server.told  # from here on FakeServer.receive() fails, and @aio would see that
    client.discard()
    client.close()
    await settle()
    assert server.taken == 2


@aio
async def test_the_end_of_the_upload_does_not_end_the_watch_for_the_client_leaving() -> None:
    server = FakeServer(end(b"all"))
    client = started(server)
    await settle()
    assert server.waiting
    server.leave()
    await settle()
    assert client.gone
    client.close()


# Discarding


@aio
async def test_a_discarded_upload_is_taken_from_the_server_without_bound_and_counted() -> None:
    server = FakeServer(*[chunk(b"x" * LOOK_AHEAD) for _ in range(100)], end())
    client = started(server)
    await settle(200)
    client.discard()
    await settle(400)
    assert server.taken == 101
    assert client.bytes_received == 100 * LOOK_AHEAD
    client.close()


@aio
async def test_a_discarded_upload_cannot_be_read_on_so_that_it_never_ends_cleanly() -> None:
    server = FakeServer(chunk(b"part"))
    client = started(server)
    await settle()
    client.discard()
    with pytest.raises(RuntimeError, match="discarded"):
        await anext(client)
    client.close()
    server.leave()


# close(): hypercorn's app_put() of http.disconnect waits for room in its queue


@aio
async def test_after_close_an_unfinished_upload_is_drained_to_its_end_and_receive_left_alone() -> None:
    server = FakeServer(*[chunk(b"x" * LOOK_AHEAD) for _ in range(20)])
    client = started(server)
    await settle(100)
    client.close()
    await settle(100)
    assert server.waiting, "nobody drains the upload: hypercorn could never end the exchange"
    server.say(end())
    await settle()
    assert server.taken == 21
    assert not server.waiting


@aio
async def test_after_close_a_client_that_leaves_in_the_middle_of_its_upload_ends_the_reader() -> None:
    server = FakeServer(chunk(b"x"))
    client = started(server)
    await settle()
    client.close()
    server.leave()
    await settle()
    assert client.gone


@aio
async def test_after_close_a_finished_upload_leaves_no_reader() -> None:
    server = FakeServer(end())
    client = started(server)
    await settle()
    client.close()
    await settle()
    assert not server.waiting


@aio
async def test_closing_twice_and_before_the_first_read_does_no_harm() -> None:
    server = FakeServer(end())
    client = started(server)
    client.close()
    client.close()
    await settle()
