"""The header rules as tables; test_headers_any.py has what holds for any fields."""

import ipaddress
from email.utils import parsedate_to_datetime

import pytest

from shared.errors import BadRequest, ProtocolError
from shared.forwarding import forwarding_fields, is_trusted
from shared.headers import (
    check_host,
    end_to_end,
    http_date,
    request_framing,
    response_headers,
)
from shared.messages import Headers, by_name
from tests.unit.header_rules import NOW_S, answered, outgoing

DATE = b"Sun, 06 Nov 1994 08:49:37 GMT"


def lines(text: str) -> Headers:
    """`Name: value` per line."""
    pairs = [line.strip().encode("latin-1").partition(b":") for line in text.strip().splitlines()]
    return [(name, value.strip()) for name, _, value in pairs]


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
    assert end_to_end(lines(came), by_name(lines(came))) == lines(kept)


@pytest.mark.parametrize(
    ("came", "version", "framing"),
    [
        ("", "1.1", ("none", None)),
        ("Content-Length: 0", "1.1", ("length", b"0")),
        ("Content-Length: 12", "1.0", ("length", b"12")),
        ("content-length: 5\nContent-Length: 5", "1.1", ("length", b"5")),
        ("Transfer-Encoding: chunked", "1.1", ("chunked", None)),
        ("Transfer-Encoding: \tChunked ", "1.1", ("chunked", None)),
    ],
)
def test_how_a_request_is_framed(came: str, version: str, framing: tuple[str, bytes | None]) -> None:
    assert request_framing(by_name(lines(came)), version) == framing


@pytest.mark.parametrize(
    ("came", "version"),
    [
        ("Content-Length: 5\nTransfer-Encoding: chunked", "1.1"),
        ("Transfer-Encoding: chunked\nContent-Length: 5", "1.1"),
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
        request_framing(by_name([(name, value.strip(b" ")) for name, _, value in pairs]), version)


@pytest.mark.parametrize(
    "host", [b"a", b"proxy.test:8443", b"127.0.0.1:1", b"[::1]", b"[2001:db8::1]:80", b"a_b", b"", b"a:"]
)
def test_a_host_that_is_one(host: bytes) -> None:
    assert check_host(by_name([(b"hOsT", host)]), "1.1") == host


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
        check_host(by_name([(b"Host", host)]), "1.1")


@pytest.mark.parametrize("version", ["1.0", "1.1", "2"])
def test_two_hosts_are_never_one_and_only_http_1_0_may_do_without(version: str) -> None:
    with pytest.raises(BadRequest):
        check_host(by_name([(b"Host", b"a"), (b"host", b"a")]), version)
    if version == "1.0":
        assert check_host(by_name([]), version) is None
    else:
        with pytest.raises(BadRequest):
            check_host(by_name([]), version)


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
            "X-Forwarded-For:\nX-Forwarded-For: 203.0.113.1\nX-Forwarded-Proto:\nForwarded:",
            "192.0.2.1",
            True,
            """X-Forwarded-For: 203.0.113.1, 192.0.2.1
            X-Forwarded-Proto: http
            X-Forwarded-Host: proxy.test""",
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
    ids=["none came", "from anybody", "from a trusted proxy", "empty ones", "IPv6 in Forwarded"],
)
def test_forwarding_fields(came: str, peer: str, trusted: bool, sent: str) -> None:
    headers = lines(came) if came else []
    believed = end_to_end(headers, by_name(headers)) if trusted else []
    ours = forwarding_fields(believed, peer=peer, scheme="http", host=b"proxy.test")
    assert ours == lines(sent)


@pytest.mark.parametrize(
    ("peer", "told", "node"),
    [
        ("192.0.2.1", b"192.0.2.1", b"192.0.2.1"),
        ("::ffff:192.0.2.1", b"192.0.2.1", b"192.0.2.1"),
        ("2001:db8::1", b"2001:db8::1", b'"[2001:db8::1]"'),
        ("fe80::1%eth0", b"fe80::1", b'"[fe80::1]"'),
        ("unknown", b"unknown", b"unknown"),
        ("no:address", b"no:address", b'"[no:address]"'),
    ],
)
def test_the_peer_is_told_as_others_can_read_it(peer: str, told: bytes, node: bytes) -> None:
    came = [(b"Forwarded", b"for=a")]
    ours = dict(forwarding_fields(came, peer=peer, scheme="http", host=None))
    assert ours[b"X-Forwarded-For"] == told
    assert ours[b"Forwarded"] == b"for=a, for=" + node


def test_a_client_without_a_host_is_not_given_one() -> None:
    ours = forwarding_fields([], peer="192.0.2.1", scheme="https", host=None)
    assert ours == lines("X-Forwarded-For: 192.0.2.1\nX-Forwarded-Proto: https")


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


@pytest.mark.parametrize(
    "name",
    [
        b"Content_Length",
        b"TRANSFER_ENCODING",
        b"keep_alive",
        b"Proxy_Authorization",
        b"X_Forwarded-For",
        b"X_Real_IP",
    ],
)
def test_a_field_that_this_proxy_decides_about_is_not_spelled_otherwise(name: bytes) -> None:
    assert not [sent for sent, value in outgoing([(name, b"forged")]) if value == b"forged"]


@pytest.mark.parametrize("name", [b"X_Api_Key", b"_", b"content_type", b"Content_Length_2"])
def test_any_other_name_may_have_an_underscore(name: bytes) -> None:
    assert (name, b"1") in outgoing([(name, b"1")])


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
    answer = response_headers(lines(came), by_name(lines(came)), status=status, now_s=NOW_S)
    assert answer == [*(lines(sent) if sent else []), (b"Date", DATE)]


@pytest.mark.parametrize(
    "length", [b"", b"-1", b"+5", b"5 5", b"0x5", b"1" + 18 * b"0", b"18446744073709551618"]
)
def test_a_response_length_that_some_reader_could_take_for_another_is_refused(length: bytes) -> None:
    with pytest.raises(ProtocolError):
        answered([(b"Content-Length", length)])


def test_the_upstreams_own_date_is_the_one_that_counts() -> None:
    came = lines("dATE: yesterday\nX: 1\nDate: today")
    assert answered(came) == lines("dATE: yesterday\nX: 1")


def test_http_date_is_an_imf_fixdate() -> None:
    assert http_date(int(NOW_S)) == DATE
    assert parsedate_to_datetime(http_date(0).decode()).timestamp() == 0
