"""The reader over generated streams: valid ones mean what was made, broken ones end in a declared error."""

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from shared.errors import UpstreamError
from shared.upstream.wire.response import ResponseReader
from tests.unit.upstream.wire.streams import MUTATIONS, Made, Mutations, cuts, mutated, responses, reusable


@given(st.data(), responses())
def test_a_valid_stream_is_read_as_what_was_generated(data: st.DataObject, made: Made) -> None:
    reader = ResponseReader(to_head=made.to_head)
    for piece in data.draw(cuts(made.data)):
        reader.feed(piece)
    assert reader.headed
    assert (reader.status, reader.headers, reader.trailers) == (made.status, made.headers, made.trailers)
    assert [status for status, _ in reader.interim] == made.interim
    assert b"".join(reader.chunks) == made.body
    assert reader.ended is not made.ends_with_connection
    assert reusable(reader) is not made.ends_with_connection
    if made.ends_with_connection:
        reader.end()
        assert reader.ended


@given(st.data(), responses(), responses())
def test_what_follows_never_becomes_part_of_it(data: st.DataObject, made: Made, other: Made) -> None:
    """Two responses in a row where one was asked for: the second is nobody's."""
    reader = ResponseReader(to_head=made.to_head)
    with contextlib.suppress(UpstreamError):
        for piece in data.draw(cuts(made.data + other.data)):
            reader.feed(piece)
    assert (reader.status, reader.headers) == (made.status, made.headers)
    if made.ends_with_connection:
        assert b"".join(reader.chunks) == made.body + other.data
    else:
        assert b"".join(reader.chunks) == made.body
        assert reader.ended
    assert not reusable(reader)


@given(st.data(), responses(), MUTATIONS)
def test_a_broken_stream_ends_whole_or_in_a_declared_error(
    data: st.DataObject, made: Made, mutations: Mutations
) -> None:
    stream = mutated(made.data, mutations)
    reader = ResponseReader(to_head=made.to_head)
    try:
        for piece in data.draw(cuts(stream)):
            reader.feed(piece)
        reader.end()
    except UpstreamError:
        assert not reusable(reader)
    else:
        assert reader.ended
