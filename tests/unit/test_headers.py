"""The header rules as tables, and what holds for any fields at all."""

import contextlib
import ipaddress
from email.utils import parsedate_to_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import BadRequest, ProtocolError
from shared.headers import (
    FORWARDING,
    HOP_BY_HOP,
    check_host,
    connection_options,
    end_to_end,
    forwarding_fields,
    head_size,
    http_date,
    is_trusted,
    request_framing,
    request_headers,
    response_headers,
    via,
)
from shared.messages import Headers

NOW_S = 784111777.9  # Sun, 06 Nov 1994 08:49:37 GMT, the date of RFC 9110 section 5.6.7
DATE = b"Sun, 06 Nov 1994 08:49:37 GMT"


def lines(text: str) -> Headers:
    """`Name: value` per line."""
    pairs = [line.strip().encode("latin-1").partition(b":") for line in text.strip().splitlines()]
    return [(name, value.strip()) for name, _, value in pairs]


def names(headers: Headers) -> list[bytes]:
    return [name.lower() for name, _ in headers]


def outgoing(came: Headers, *, trusted: bool = False) -> Headers:
    """Everything that forward does with a request's fields, host rewritten."""
    framing, length = request_framing(came, "1.1")
    ours = forwarding_fields(came, peer="192.0.2.1", scheme="http", host=b"proxy.test", trusted=trusted)
    return request_headers(
        came, host=b"origin.test", framing=framing, length=length, forwarding=ours, http_version="1.1"
    )


# Any fields: names that matter in any case, names that do not, Connection lists over both.

known = st.sampled_from(
    [
        *sorted(HOP_BY_HOP),
        *sorted(FORWARDING),
        *(b"host", b"via", b"content-length", b"date", b"expect", b"set-cookie", b"cookie", b"authorization"),
        *(b"x-a", b"x-b", b"x-forwarded-user", b"x-forwarded-prefix"),
    ]
)
cased = st.builds(
    lambda name, flips: (
        bytes(
            byte ^ 0x20 if flip and 97 <= byte <= 122 else byte
            for byte, flip in zip(name, flips, strict=False)
        )
        + name[len(flips) :]
    ),
    known,
    st.lists(st.booleans(), max_size=12),
)
listed = st.lists(cased | st.sampled_from([b"", b"close"]), max_size=4).map(b" ,\t".join)
plain = st.sampled_from([b"", b"1", b"10.1.1.1", b"caf\xe9", b"a, b", b"chunked", b"100-continue", b"x"])
field = st.tuples(st.sampled_from([b"Connection", b"connection"]), listed) | st.tuples(cased, plain)
fields = st.lists(field, max_size=12)


@given(fields)
def test_nothing_hop_by_hop_or_listed_in_connection_is_end_to_end(came: Headers) -> None:
    kept = end_to_end(came)
    assert not set(names(kept)) & (HOP_BY_HOP | connection_options(came))


@given(fields)
def test_what_is_end_to_end_keeps_its_order_and_its_bytes_and_nothing_else_goes(came: Headers) -> None:
    gone = HOP_BY_HOP | connection_options(came)
    assert end_to_end(came) == [pair for pair in came if pair[0].lower() not in gone]


@given(fields)
def test_a_second_hop_of_the_same_kind_takes_nothing_more(came: Headers) -> None:
    assert end_to_end(end_to_end(came)) == end_to_end(came)


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
    assert not set(names(sent)) & (connection_options(came) - ours)


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
    sent = response_headers(came, status=status, now_s=NOW_S)
    assert came == before
    assert names(sent).count(b"date") == 1
    assert names(sent).count(b"content-length") <= 1
    assert not set(names(sent)) & HOP_BY_HOP
    assert not set(names(sent)) & (connection_options(came) - {b"date"})
    if status in (204, 304) or b"transfer-encoding" in names(came):
        assert b"content-length" not in names(sent)
    kept = {b"set-cookie", b"x-a", b"x-b"} - connection_options(came)
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


def answered(came: Headers) -> Headers:
    return response_headers(came, status=200, now_s=NOW_S)


# Tables


@pytest.mark.parametrize(
    ("came", "kept"),
    [
        ("", ""),
        ("X-A: 1\nx-a: 2\nX-A: 3", "X-A: 1\nx-a: 2\nX-A: 3"),
        ("Connection: keep-alive\nKeep-Alive: timeout=5\nX: 1", "X: 1"),
        ("Connection: X-A, x-b\nX-A: 1\nX-B: 2\nX-C: 3\nConnection:  X-C\nX-D: 4", "X-D: 4"),
        ("Connection:\nX-A: 1", "X-A: 1"),
        ("Connection: ,, \nX-A: 1", "X-A: 1"),
        ("CONNECTION: x-a\nX-A: 1", ""),
        ("Connection: x-a;q=1\nX-A: 1", "X-A: 1"),
        ("TE: trailers\nTrailer: X-T\nUpgrade: h2c\nProxy-Connection: x", ""),
        ("Proxy-Authorization: Basic x\nAuthorization: Bearer y", "Authorization: Bearer y"),
        ("X-Connection: x-a\nX-A: 1", "X-Connection: x-a\nX-A: 1"),
    ],
)
def test_end_to_end(came: str, kept: str) -> None:
    assert end_to_end(lines(came)) == lines(kept)


@pytest.mark.parametrize(
    ("came", "version", "framing"),
    [
        ("", "1.1", ("none", None)),
        ("Content-Length: 0", "1.1", ("length", b"0")),
        ("Content-Length: 12", "1.0", ("length", b"12")),
        ("content-length: 5\nContent-Length: 5", "1.1", ("length", b"5")),
        ("Transfer-Encoding: chunked", "1.1", ("chunked", None)),
        ("Transfer-Encoding: \tChunked ", "1.1", ("chunked", None)),
        ("Content-Length: 5\nTransfer-Encoding: chunked", "1.1", ("chunked", None)),
        ("Transfer-Encoding: chunked\nContent-Length: 5", "1.1", ("chunked", None)),
    ],
)
def test_how_a_request_is_framed(came: str, version: str, framing: tuple[str, bytes | None]) -> None:
    assert request_framing(lines(came), version) == framing


@pytest.mark.parametrize(
    ("came", "version"),
    [
        ("Content-Length: 5\nContent-Length: 6", "1.1"),
        ("Content-Length: 5\nContent-Length: 05", "1.1"),
        ("Content-Length: 5, 5", "1.1"),
        ("Content-Length: +5", "1.1"),
        ("Content-Length: -1", "1.1"),
        ("Content-Length: 0x5", "1.1"),
        ("Content-Length: 5_0", "1.1"),
        ("Content-Length:", "1.1"),
        ("Content-Length: \xb2", "1.1"),
        (f"Content-Length: {'9' * 25}", "1.1"),
        ("Transfer-Encoding: gzip, chunked", "1.1"),
        ("Transfer-Encoding: chunked, chunked", "1.1"),
        ("Transfer-Encoding: chunked\nTransfer-Encoding: chunked", "1.1"),
        ("Transfer-Encoding: identity", "1.1"),
        ("Transfer-Encoding: xchunked", "1.1"),
        ("Transfer-Encoding: \x0bchunked", "1.1"),
        ("Transfer-Encoding: \xa0chunked", "1.1"),
        ("Transfer-Encoding:", "1.1"),
        ("Transfer-Encoding: chunked", "1.0"),
    ],
)
def test_a_framing_that_could_be_read_in_two_ways_is_refused(came: str, version: str) -> None:
    pairs = [line.encode("latin-1").partition(b":") for line in came.split("\n")]
    with pytest.raises(BadRequest):
        request_framing([(name, value.strip(b" ")) for name, _, value in pairs], version)


@pytest.mark.parametrize(
    "host", [b"a", b"proxy.test:8443", b"127.0.0.1:1", b"[::1]", b"[2001:db8::1]:80", b"a_b", b"", b"a:"]
)
def test_a_host_that_is_one(host: bytes) -> None:
    assert check_host([(b"hOsT", host)], "1.1") == host


@pytest.mark.parametrize(
    "host",
    [
        b"a b",
        b"user@a",
        b"a/b",
        b"a?b",
        b"a#b",
        b"a,b",
        b"http://a",
        b"[::1",
        b"::1",
        b"a:b",
        b"a:80:80",
        b"\xe9",
    ],
)
def test_a_host_that_is_none(host: bytes) -> None:
    with pytest.raises(BadRequest):
        check_host([(b"Host", host)], "1.1")


@pytest.mark.parametrize("version", ["1.0", "1.1", "2"])
def test_two_hosts_are_never_one_and_only_http_1_0_may_do_without(version: str) -> None:
    with pytest.raises(BadRequest):
        check_host([(b"Host", b"a"), (b"host", b"a")], version)
    if version == "1.0":
        assert check_host([], version) is None
    else:
        with pytest.raises(BadRequest):
            check_host([], version)


NETWORKS = (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("2001:db8::/32"))


@pytest.mark.parametrize(
    ("peer", "trusted"),
    [
        ("10.1.2.3", True),
        ("11.1.2.3", False),
        ("2001:db8::7", True),
        ("2001:db9::7", False),
        ("::ffff:10.1.2.3", True),  # how a socket bound to :: shows an IPv4 client
        ("::ffff:11.1.2.3", False),
        ("unknown", False),
        ("", False),
    ],
)
def test_who_is_trusted(peer: str, trusted: bool) -> None:
    assert is_trusted(peer, NETWORKS) is trusted
    assert not is_trusted(peer, ())


CAME = """
    X-Forwarded-For: 203.0.113.1
    x-forwarded-for: 203.0.113.2
    X-Forwarded-Proto: https
    X-Forwarded-Host: shop.test
    X-Forwarded-Prefix: /shop
    Forwarded: for=203.0.113.1;proto=https
    X-Real-IP: 203.0.113.1
"""


@pytest.mark.parametrize(
    ("came", "peer", "trusted", "sent"),
    [
        (
            "",
            "192.0.2.1",
            False,
            "X-Forwarded-For: 192.0.2.1\nX-Forwarded-Proto: http\nX-Forwarded-Host: proxy.test",
        ),
        (
            CAME,
            "192.0.2.1",
            False,
            "X-Forwarded-For: 192.0.2.1\nX-Forwarded-Proto: http\nX-Forwarded-Host: proxy.test",
        ),
        (
            CAME,
            "192.0.2.1",
            True,
            """X-Forwarded-For: 203.0.113.1, 203.0.113.2, 192.0.2.1
            X-Forwarded-Proto: https
            X-Forwarded-Host: shop.test
            Forwarded: for=203.0.113.1;proto=https, for=192.0.2.1
            X-Forwarded-Prefix: /shop
            X-Real-IP: 203.0.113.1""",
        ),
        (
            "Forwarded: for=a",
            "2001:db8::1",
            True,
            """X-Forwarded-For: 2001:db8::1
            X-Forwarded-Proto: http
            X-Forwarded-Host: proxy.test
            Forwarded: for=a, for="[2001:db8::1]\"""",
        ),
    ],
    ids=["none came", "from anybody", "from a trusted proxy", "IPv6 in Forwarded"],
)
def test_forwarding_fields(came: str, peer: str, trusted: bool, sent: str) -> None:
    headers = lines(came) if came else []
    assert forwarding_fields(headers, peer=peer, scheme="http", host=b"proxy.test", trusted=trusted) == lines(
        sent
    )


def test_a_client_without_a_host_is_not_given_one() -> None:
    ours = forwarding_fields([], peer="192.0.2.1", scheme="https", host=None, trusted=False)
    assert ours == lines("X-Forwarded-For: 192.0.2.1\nX-Forwarded-Proto: https")


@pytest.mark.parametrize(
    ("came", "version", "value"),
    [
        ("X: 1", "1.1", b"1.1 tandem"),
        ("Via: 1.0 fred", "1.1", b"1.0 fred, 1.1 tandem"),
        ("via: 1.0 fred\nVia: 1.1 p.test:80", "1.0", b"1.0 fred, 1.1 p.test:80, 1.0 tandem"),
        ("Via:", "2", b"2 tandem"),
    ],
)
def test_via_grows_by_one(came: str, version: str, value: bytes) -> None:
    assert via(lines(came), version) == (b"Via", value)


def test_a_request_whole() -> None:
    came = lines(
        """Host: proxy.test
        User-Agent: curl
        X-M: a
        Connection: close, X-Hop, Via
        Via: 1.0 forged
        X-Hop: 1
        Cookie: a=b
        X-Forwarded-For: 6.6.6.6
        X-M: b
        Content-Length: 3
        Expect: 100-Continue"""
    )
    assert outgoing(came) == lines(
        """Host: origin.test
        User-Agent: curl
        X-M: a
        Cookie: a=b
        X-M: b
        Via: 1.1 tandem
        X-Forwarded-For: 192.0.2.1
        X-Forwarded-Proto: http
        X-Forwarded-Host: proxy.test
        Content-Length: 3"""
    )


def test_an_expectation_nobody_knows_is_for_the_upstream_to_refuse() -> None:
    assert (b"Expect", b"the unexpected") in outgoing([(b"Expect", b"the unexpected")])


@pytest.mark.parametrize("name", [b"", b"a b", b"a:", b"a\xe9", b"(a)", b"a\n"])
def test_a_field_name_that_is_no_token_passes_in_neither_direction(name: bytes) -> None:
    with pytest.raises(BadRequest):
        outgoing([(name, b"1")])
    with pytest.raises(ProtocolError):
        answered([(name, b"1")])


@pytest.mark.parametrize(
    ("status", "came", "sent"),
    [
        (200, "Content-Length: 5", "Content-Length: 5"),
        (200, "Content-Length: 5\ncontent-length: 5", "Content-Length: 5"),
        (200, "Content-Length: 5\nTransfer-Encoding: chunked", ""),
        (204, "Content-Length: 0", ""),
        (304, 'ETag: "x"\nContent-Length: 1234', 'ETag: "x"'),
        (200, "Set-Cookie: a=1\nX: 1\nSet-Cookie: b=2, c", "Set-Cookie: a=1\nX: 1\nSet-Cookie: b=2, c"),
        (407, "Proxy-Authenticate: Basic\nServer: nginx\nX-Empty:", "Server: nginx\nX-Empty:"),
    ],
)
def test_a_response(status: int, came: str, sent: str) -> None:
    answer = response_headers(lines(came), status=status, now_s=NOW_S)
    assert answer == [*(lines(sent) if sent else []), (b"Date", DATE)]


def test_the_upstreams_own_date_is_the_one_that_counts() -> None:
    came = lines("dATE: yesterday\nX: 1\nDate: today")
    assert answered(came) == lines("dATE: yesterday\nX: 1")


def test_http_date_is_an_imf_fixdate() -> None:
    assert http_date(int(NOW_S)) == DATE
    assert parsedate_to_datetime(http_date(0).decode()).timestamp() == 0


@given(
    st.binary(min_size=1, max_size=9), st.binary(max_size=30), st.lists(st.tuples(st.binary(), st.binary()))
)
def test_the_size_of_a_head_is_that_of_its_bytes(method: bytes, target: bytes, headers: Headers) -> None:
    written = method + b" " + target + b" HTTP/1.1\r\n"
    written += b"".join(name + b": " + value + b"\r\n" for name, value in headers) + b"\r\n"
    assert head_size(method, target, headers) == len(written)
