"""What holds for any header fields at all."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import BadRequest, HeaderTooLarge, ProtocolError
from shared.headers import check_head, connection_options, end_to_end, response_headers
from shared.messages import Headers, by_name
from shared.names import FORWARDING, HOP_BY_HOP
from tests.unit.header_rules import NOW_S, answered, outgoing


def names(headers: Headers) -> list[bytes]:
    return [name.lower() for name, _ in headers]


# Any fields: names that matter in any case, names that do not, Connection lists over both.

known = [
    *sorted(HOP_BY_HOP),
    *sorted(FORWARDING),
    *(b"host", b"via", b"content-length", b"date", b"expect", b"set-cookie", b"cookie", b"authorization"),
    *(b"x-a", b"x-b", b"x-forwarded-user", b"x-forwarded-prefix"),
]
cased = st.sampled_from([spelt for name in known for spelt in (name, name.title(), name.upper())])
listed = st.lists(cased | st.sampled_from([b"", b"close"]), max_size=4).map(b" ,\t".join)
plain = st.sampled_from([b"", b"1", b"10.1.1.1", b"caf\xe9", b"a, b", b"chunked", b"100-continue", b"x"])
field = st.tuples(st.sampled_from([b"Connection", b"connection"]), listed) | st.tuples(cased, plain)
fields = st.lists(field, max_size=12)


@given(fields)
def test_nothing_hop_by_hop_or_listed_in_connection_is_end_to_end(came: Headers) -> None:
    kept = end_to_end(came, by_name(came))
    assert not set(names(kept)) & (HOP_BY_HOP | connection_options(by_name(came)))


@given(fields)
def test_what_is_end_to_end_keeps_its_order_and_its_bytes_and_nothing_else_goes(came: Headers) -> None:
    gone = HOP_BY_HOP | connection_options(by_name(came))
    assert end_to_end(came, by_name(came)) == [pair for pair in came if pair[0].lower() not in gone]


@given(fields)
def test_a_second_hop_of_the_same_kind_takes_nothing_more(came: Headers) -> None:
    once = end_to_end(came, by_name(came))
    assert end_to_end(once, by_name(once)) == once


@given(fields, st.booleans())
def test_a_request_goes_out_with_one_host_one_via_and_at_most_one_framing(
    came: Headers, trusted: bool
) -> None:
    before = list(came)
    try:
        sent = outgoing(came, trusted=trusted)
    except BadRequest:
        return
    assert came == before
    assert names(sent).count(b"host") == names(sent).count(b"via") == 1
    framing = [name for name in names(sent) if name in (b"content-length", b"transfer-encoding")]
    assert len(framing) <= 1
    if any(name in (b"content-length", b"transfer-encoding") for name in names(came)):
        assert framing, "a body would be read as the next request"
    assert not set(names(sent)) & (HOP_BY_HOP - {b"transfer-encoding"})


@given(fields)
def test_a_field_that_connection_lists_reaches_the_upstream_only_as_our_own(came: Headers) -> None:
    try:
        sent = outgoing(came)
    except BadRequest:
        return
    ours = FORWARDING | {b"host", b"via", b"content-length", b"transfer-encoding"}
    assert not set(names(sent)) & (connection_options(by_name(came)) - ours)


@given(fields)
def test_of_forwarding_fields_from_anybody_no_byte_survives(came: Headers) -> None:
    marked = [
        (
            name,
            b"forged." + value
            if name.lower().startswith((b"x-forwarded", b"forwarded", b"x-real"))
            else value,
        )
        for name, value in came
    ]
    try:
        sent = outgoing(marked)
    except BadRequest:
        return
    assert not [pair for pair in sent if b"forged." in pair[1]]
    assert [value for name, value in sent if name.lower() == b"x-forwarded-for"] == [b"192.0.2.1"]


@given(fields, st.sampled_from([200, 204, 206, 304, 404]))
def test_a_response_goes_back_with_one_date_and_at_most_one_length(came: Headers, status: int) -> None:
    before = list(came)
    try:
        sent = response_headers(came, by_name(came), status=status, now_s=NOW_S)
    except ProtocolError:
        return
    assert came == before
    assert names(sent).count(b"date") == 1
    assert names(sent).count(b"content-length") <= 1
    assert not set(names(sent)) & HOP_BY_HOP
    assert not set(names(sent)) & (connection_options(by_name(came)) - {b"date"})
    if status in (204, 304) or b"transfer-encoding" in names(came):
        assert b"content-length" not in names(sent)
    kept = {b"set-cookie", b"x-a", b"x-b"} - connection_options(by_name(came))
    assert [pair for pair in sent if pair[0].lower() in kept] == [
        pair for pair in came if pair[0].lower() in kept
    ]


@given(fields, st.binary(min_size=1, max_size=3), st.sampled_from([b"x-a", b"connection", b"te"]))
def test_control_bytes_never_pass_in_either_direction(came: Headers, raw: bytes, name: bytes) -> None:
    headers = [*came, (name, b"a" + raw + b"b")]
    forbidden = bytes([*range(0x09), *range(0x0A, 0x20), 0x7F])
    if set(raw) & set(forbidden):
        with pytest.raises(BadRequest):
            outgoing(headers)
    with contextlib.suppress(ProtocolError):
        assert not [value for _, value in answered(headers) if set(value) & set(forbidden)]


@given(st.binary(max_size=20).filter(lambda raw: not set(raw) & {*range(0x09), *range(0x0A, 0x20), 0x7F}))
def test_any_other_bytes_pass_in_both_directions_as_they_are(value: bytes) -> None:
    assert (b"X-A", value) in outgoing([(b"X-A", value)])
    assert (b"X-A", value) in answered([(b"X-A", value)])


@given(
    st.binary(min_size=1, max_size=9), st.binary(max_size=30), st.lists(st.tuples(st.binary(), st.binary()))
)
def test_the_size_of_a_head_is_that_of_its_bytes(method: bytes, target: bytes, headers: Headers) -> None:
    written = method + b" " + target + b" HTTP/1.1\r\n"
    written += b"".join(name + b": " + value + b"\r\n" for name, value in headers) + b"\r\n"
    with contextlib.suppress(BadRequest):
        check_head(method, target, by_name(headers), limit=len(written))
    with pytest.raises(HeaderTooLarge):
        check_head(method, target, by_name(headers), limit=len(written) - 1)
