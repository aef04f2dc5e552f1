"""Generated streams through the whole engine, over real sockets: read as made or failed as declared, in time,
and nothing is left."""

import asyncio
from typing import TypeAlias, cast

from hypothesis import given
from hypothesis import strategies as st

from shared.errors import UpstreamError
from shared.messages import UpstreamResponse
from shared.upstream.wire import WireUpstream
from tests.unit.aio import DEADLINE_S, LOOPS, eventually
from tests.unit.upstream.origin import HELLO, Connection, asking, engine_for, origin, read
from tests.unit.upstream.wire.streams import MUTATIONS, Made, Mutations, cuts, mutated, responses

loops = st.sampled_from(sorted(LOOPS))


Answered: TypeAlias = tuple[UpstreamResponse, bytes]


async def _asked(pieces: list[bytes], to_head: bool) -> Answered | None:
    """The answer to one request, and its body, where the upstream says that much and closes; None when that
    fails. The engine has to be of use afterwards, its pool exact."""

    async def script(connection: Connection) -> None:
        head = await connection.head()
        if b"/after" in head:
            await connection.send(HELLO)
            return
        for piece in pieces:
            await connection.send(piece)
            await asyncio.sleep(0)
        connection.close()

    async with origin(script) as upstream, engine_for("wire", upstream.port, max_connections=1) as made:
        engine = cast(WireUpstream, made)
        answered = None
        try:
            answer = await engine.send(asking(method=b"HEAD" if to_head else b"GET"))
            answered = answer, await read(answer)
        except UpstreamError:
            pass
        assert engine._pool.busy == 0
        # Until its last piece has come: one behind a whole response would otherwise be the begin of the next
        # exchange's answer, when that has been asked for meanwhile, and refused there.
        await eventually(lambda: not engine._open, "the upstream to close")
        assert await read(await engine.send(asking(b"/after"))) == b"hello"
        assert (engine._pool.busy, engine._pool.waiting) == (0, 0)
        await eventually(lambda: upstream.open == engine._pool.idle == len(engine._open), "the rest to close")
    return answered


def _played(loop: str, pieces: list[bytes], to_head: bool) -> Answered | None:
    async def in_time() -> Answered | None:
        async with asyncio.timeout(DEADLINE_S):
            return await _asked(pieces, to_head)

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        return runner.run(in_time())


@given(st.data(), responses(), loops)
def test_a_valid_stream_is_read_as_what_was_generated(data: st.DataObject, made: Made, loop: str) -> None:
    answered = _played(loop, data.draw(cuts(made.data)), made.to_head)
    assert answered is not None
    answer, body = answered
    assert (answer.status, answer.headers, answer.body.trailers) == (made.status, made.headers, made.trailers)
    assert body == made.body


@given(st.data(), responses(), MUTATIONS, loops)
def test_a_broken_stream_ends_and_leaves_nothing(
    data: st.DataObject, made: Made, mutations: Mutations, loop: str
) -> None:
    _played(loop, data.draw(cuts(mutated(made.data, mutations))), made.to_head)
