"""take(): whoever sends the upload reads from the server where nobody else does, and no two ever do at once
(FakeServer would fail)."""

import asyncio
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.client import Client
from shared.clients import Clients
from shared.errors import BodyTooLarge, ClientGone
from shared.upload import LOOK_AHEAD
from tests.unit.aio import aio, eventually, settle
from tests.unit.asgi import FakeServer, chunk, end, started

Move = Literal["take", "start", "settle"]


@aio
async def test_pieces_come_as_the_server_gives_them_and_nothing_is_read_ahead() -> None:
    server = FakeServer(chunk(b"one"), chunk(b""), chunk(b"two"), end(b"three"))
    client = Client(server.receive)
    for piece, taken, is_last in ((b"one", 1, False), (b"two", 3, False), (b"three", 4, True)):
        assert await client.take() == piece
        await settle()
        assert (server.taken, client.ended) == (taken, is_last)
    assert await client.take() == b""
    assert (server.taken, client.bytes_received) == (4, 11)
    assert not server.waiting
    client.close()


@aio
async def test_an_end_that_comes_by_itself_is_known_when_it_has_come() -> None:
    client = Client(FakeServer(chunk(b"all"), end()).receive)
    for piece, is_over in ((b"all", False), (b"", True)):
        assert await client.take() == piece
        assert client.ended is is_over
    client.close()


@pytest.mark.parametrize("said", [chunk(b"next"), chunk(b"")], ids=["a piece", "an empty one"])
@aio
async def test_a_reader_that_is_waited_for_ends_and_leaves_the_reading_to_who_takes(
    said: dict[str, object],
) -> None:
    server = FakeServer()
    client = started(server)
    await settle()
    taking = asyncio.ensure_future(client.take())
    await settle()
    server.say(said)
    if said["body"]:
        assert await taking == b"next"
        await settle()
        assert not server.waiting, "nothing is read ahead"
        taking = asyncio.ensure_future(client.take())
    await settle()
    assert server.waiting
    server.say(end(b"last"))
    assert await taking == b"last"
    client.close()


@given(
    sizes=st.lists(st.integers(0, 2 * LOOK_AHEAD), max_size=12),
    moves=st.lists(st.sampled_from(["take", "start", "settle"]), max_size=40),
)
def test_whoever_reads_when_no_byte_is_lost_and_the_bound_holds(sizes: list[int], moves: list[Move]) -> None:
    @aio
    async def play() -> None:
        pieces = [bytes([number % 256]) * size for number, size in enumerate(sizes)]
        server = FakeServer(*[chunk(piece) for piece in pieces], end())
        client = Client(server.receive)
        got: list[bytes] = []
        for move in moves:
            if move == "take":
                got.append(await client.take())
            elif move == "start":
                client.start()
            else:
                await settle(3)
            assert server.bytes_taken - sum(map(len, got)) <= LOOK_AHEAD + max(sizes, default=0)
        while piece := await client.take():
            got.append(piece)
        assert b"".join(got) == b"".join(pieces)
        assert client.bytes_received == sum(sizes)
        client.close()
        await settle()
        assert not server.waiting

    play()


@given(sizes=st.lists(st.integers(1, 9), min_size=1, max_size=20), limit=st.integers(1, 60))
def test_nothing_beyond_the_limit_is_handed_on(sizes: list[int], limit: int) -> None:
    @aio
    async def play() -> None:
        client = Client(FakeServer(*[chunk(b"x" * size) for size in sizes], end()).receive, limit=limit)
        got = 0
        refused = False
        try:
            while piece := await client.take():
                got += len(piece)
        except BodyTooLarge:
            refused = True
        assert refused == (sum(sizes) > limit)
        assert got <= limit
        client.close()
        await settle(60)

    play()


@aio
async def test_leaving_is_heard_by_who_takes() -> None:
    server = FakeServer(chunk(b"half"))
    client = Client(server.receive)

    async def exchange() -> None:
        with client.watching():
            await asyncio.Event().wait()

    async def sending() -> None:
        while await client.take():
            pass

    watched, sends = asyncio.ensure_future(exchange()), asyncio.ensure_future(sending())
    await settle()
    server.leave()
    for task in (watched, sends):
        with pytest.raises(ClientGone):
            await task
    client.close()


@aio
async def test_leaving_is_heard_while_nobody_takes_what_has_come_and_again_after_more_was_taken() -> None:
    """The upstream rests, takes one more, and rests: then the client leaves."""
    server = FakeServer(chunk(b"one"), chunk(b"x" * (LOOK_AHEAD + 1)))
    client = Client(server.receive, among=Clients())

    async def exchange() -> None:
        with client.watching():
            await asyncio.Event().wait()

    task = asyncio.ensure_future(exchange())
    assert await client.take() == b"one"
    await eventually(lambda: server.taken == 2, "the reader to read ahead")
    await settle()
    assert not server.waiting, "and no more than it may"
    assert len(await client.take()) == LOOK_AHEAD + 1
    await eventually(lambda: server.waiting, "a reader to come back")
    server.leave()
    with pytest.raises(ClientGone):
        await task
    client.close()


@aio
async def test_leaving_after_the_upload_is_heard_as_well() -> None:
    server = FakeServer(end(b"all"))
    client = Client(server.receive, among=Clients())
    assert await client.take() == b"all"
    server.leave()
    with pytest.raises(ClientGone), client.watching():
        await asyncio.Event().wait()
    client.close()


@pytest.mark.parametrize("reads", [False, True], ids=["it reads itself", "a reader does"])
@aio
async def test_what_is_discarded_meanwhile_ends_it_with_an_error_and_is_drained(reads: bool) -> None:
    server = FakeServer()
    client = Client(server.receive)
    if reads:
        client.start()
        await settle()
    taking = asyncio.ensure_future(client.take())
    await settle()
    client.discard()
    server.say(chunk(b"x"), chunk(b"y"))
    with pytest.raises(RuntimeError, match="discarded"):
        await taking
    client.close()
    await settle()
    assert server.waiting, "nobody drains it"
    server.say(end())
    await settle()
    assert (server.taken, server.cancelled) == (3, 0)
    assert not server.waiting


@pytest.mark.parametrize("last", [end(b"z"), {"type": "http.disconnect"}], ids=["its end", "a disconnect"])
@aio
async def test_after_that_nothing_is_read_where_nothing_can_come(last: dict[str, object]) -> None:
    server = FakeServer()
    client = Client(server.receive)
    taking = asyncio.ensure_future(client.take())
    await settle()
    client.close()
    server.say(last)
    with pytest.raises(RuntimeError, match="discarded"):
        await taking
    await settle()
    assert not server.waiting


@aio
async def test_a_server_that_fails_is_not_asked_again() -> None:
    asked = 0

    async def receive() -> None:
        nonlocal asked
        asked += 1
        raise OSError("broken")

    client = Client(receive)
    with pytest.raises(OSError, match="broken"):
        await client.take()
    client.close()
    await settle()
    assert asked == 1


@aio
async def test_a_server_that_is_to_ask_for_the_body_waits_for_the_word() -> None:
    server = FakeServer(end(b"body"))
    client = Client(server.receive, withheld=True)
    taking = asyncio.ensure_future(client.take())
    await settle()
    assert not server.waiting
    assert server.taken == 0
    client.wanted()
    assert await taking == b"body"
    client.close()
