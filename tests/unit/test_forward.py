"""Steps (1) and (2) of an exchange as tables: what may not be forwarded, and what goes on."""

import ipaddress
from typing import Any

import pytest

from shared.client import Client
from shared.errors import (
    BadRequest,
    BodyTooLarge,
    HeaderTooLarge,
    LoopDetected,
    MethodRefused,
    ProxyError,
)
from shared.forward import upstream_request
from shared.messages import Headers, ProxyRequest
from shared.settings import ForwardSettings
from shared.variables import UpstreamURL
from tests.unit.asgi import FakeServer, request_of

ORIGIN = UpstreamURL("http", "origin.test", 8080, b"/base")
SETTINGS = ForwardSettings(ORIGIN)
HOST = (b"Host", b"proxy.test")


def request(**parts: Any) -> ProxyRequest:
    """A request whose client nobody reads."""
    return request_of(Client(FakeServer().receive), **parts)


def settings(**changed: Any) -> ForwardSettings:
    return ForwardSettings(**{"upstream": ORIGIN, **changed})


def sent(headers: Headers, name: bytes) -> list[bytes]:
    return [value for key, value in headers if key.lower() == name]


# (1) what may not be forwarded


@pytest.mark.parametrize(
    ("parts", "limits", "error"),
    [
        ({"method": b"CONNECT", "target": b"h:443"}, {}, BadRequest),
        ({"method": b"CONNECT", "target": b"/"}, {}, BadRequest),
        ({"method": b"TRACE"}, {}, MethodRefused),
        ({"method": b"TRACE", "headers": [HOST, (b"Max-Forwards", b"0")]}, {}, MethodRefused),
        ({"method": b"OPTIONS", "headers": [HOST, (b"Max-Forwards", b"-1")]}, {}, BadRequest),
        ({"target": b"h:443"}, {}, BadRequest),
        ({"target": b"/#x"}, {}, BadRequest),
        ({"target": b"/../x"}, {}, BadRequest),
        ({"target": b"*"}, {}, BadRequest),
        ({"headers": []}, {}, BadRequest),
        ({"headers": [HOST, HOST]}, {}, BadRequest),
        ({"headers": [(b"Host", b"a@b")]}, {}, BadRequest),
        ({"http_version": "0.9"}, {}, BadRequest),
        ({"http_version": "2.0"}, {}, BadRequest),
        ({"http_version": "1.10"}, {}, BadRequest),
        ({"headers": [HOST, (b"Content-Length", b"+5")]}, {}, BadRequest),
        ({"headers": [HOST, (b"Transfer-Encoding", b"gzip")]}, {}, BadRequest),
        ({"headers": [HOST, (b"X", b"a\x01")]}, {}, BadRequest),
        ({"headers": [HOST, (b"Content-Length", b"5"), (b"Transfer-Encoding", b"chunked")]}, {}, BadRequest),
        ({"headers": [HOST, (b"Content-Length", b"11")]}, {"max_body": 10}, BodyTooLarge),
        ({"headers": [HOST, (b"X", b"x" * 1024)]}, {"max_header": 1024}, HeaderTooLarge),
        ({"target": b"/" + b"x" * 1024}, {"max_header": 1024}, HeaderTooLarge),
        ({"headers": [HOST, (b"Via", b"1.1 a, 1.1 us")]}, {"via": b"us"}, LoopDetected),
        ({"headers": [HOST, (b"Connection", b"Via"), (b"Via", b"1.1 us")]}, {"via": b"us"}, LoopDetected),
    ],
)
def test_refused(parts: dict[str, Any], limits: dict[str, Any], error: type[ProxyError]) -> None:
    with pytest.raises(error):
        upstream_request(request(**parts), settings(**limits))


@pytest.mark.parametrize(
    ("parts", "limits"),
    [
        ({"headers": [HOST, (b"Content-Length", b"10")]}, {"max_body": 10}),
        ({"headers": [HOST, (b"Content-Length", b"9" * 18)]}, {}),
        ({"headers": [HOST, (b"Transfer-Encoding", b"chunked")]}, {"max_body": 10}),
        ({"headers": [HOST, (b"X", b"x" * 973)]}, {"max_header": 1024}),
        ({"headers": [], "http_version": "1.0"}, {}),
        ({"http_version": "1.9"}, {}),
        ({"http_version": "2"}, {}),
        ({"method": b"OPTIONS", "target": b"*"}, {}),
    ],
)
def test_at_the_limit_it_is_not_refused(parts: dict[str, Any], limits: dict[str, int]) -> None:
    upstream_request(request(**parts), settings(**limits))


# (2) what goes on


@pytest.mark.parametrize("method", [b"GET", b"get", b"PROPFIND", b"FOO", b"QUERY", b"M-SEARCH"])
def test_the_method_goes_on_as_it_came(method: bytes) -> None:
    assert upstream_request(request(method=method), SETTINGS).method == method


@pytest.mark.parametrize(
    ("policy", "target", "headers", "version", "host", "told"),
    [
        ("rewrite", b"/", [HOST], "1.1", b"origin.test:8080", [b"proxy.test"]),
        ("preserve", b"/", [HOST], "1.1", b"proxy.test", [b"proxy.test"]),
        ("preserve", b"/", [], "1.0", b"origin.test:8080", []),
        ("preserve", b"/", [(b"Host", b"")], "1.1", b"origin.test:8080", []),
        ("rewrite", b"http://other.test:1/", [HOST], "1.1", b"origin.test:8080", [b"other.test:1"]),
        ("preserve", b"http://other.test:1/", [HOST], "1.1", b"other.test:1", [b"other.test:1"]),
    ],
)
def test_host(
    policy: str, target: bytes, headers: Headers, version: str, host: bytes, told: list[bytes]
) -> None:
    outgoing = upstream_request(
        request(target=target, headers=headers, http_version=version), settings(host=policy)
    )
    assert sent(outgoing.headers, b"host") == [host]
    assert sent(outgoing.headers, b"x-forwarded-host") == told
    assert outgoing.target == b"/base/"


@pytest.mark.parametrize("trusted", [True, False])
def test_only_a_trusted_peer_is_believed(trusted: bool) -> None:
    networks = (ipaddress.ip_network("192.0.2.0/24"),) if trusted else ()
    came = [HOST, (b"X-Forwarded-For", b"203.0.113.9"), (b"X-Forwarded-Proto", b"https")]
    outgoing = upstream_request(request(headers=came), settings(trusted_proxies=networks))
    assert sent(outgoing.headers, b"x-forwarded-for") == [
        b"203.0.113.9, 192.0.2.1" if trusted else b"192.0.2.1"
    ]
    assert sent(outgoing.headers, b"x-forwarded-proto") == [b"https" if trusted else b"http"]


@pytest.mark.parametrize(
    ("framing", "goes_on", "has_body"),
    [
        ([], [], False),
        ([(b"Content-Length", b"0")], [(b"Content-Length", b"0")], False),
        ([(b"Content-Length", b"5")], [(b"Content-Length", b"5")], True),
        ([(b"Transfer-Encoding", b"Chunked")], [(b"Transfer-Encoding", b"chunked")], True),
    ],
)
@pytest.mark.parametrize("method", [b"GET", b"POST", b"DELETE"])
def test_framing_is_kept_and_a_body_goes_on_only_with_one(
    method: bytes, framing: Headers, goes_on: Headers, has_body: bool
) -> None:
    came = request(method=method, headers=[HOST, *framing])
    outgoing = upstream_request(came, SETTINGS)
    assert [
        pair for pair in outgoing.headers if pair[0].lower() in (b"content-length", b"transfer-encoding")
    ] == goes_on
    assert outgoing.body is (came.client if has_body else None)


def test_the_request_as_it_came_is_left_alone() -> None:
    came = request(headers=[HOST, (b"Connection", b"x-a"), (b"X-A", b"1")], target=b"/a?b")
    before = list(came.headers)
    upstream_request(came, SETTINGS)
    assert came.headers == before


@pytest.mark.parametrize(
    ("method", "came", "goes_on"),
    [
        (b"OPTIONS", b"5", b"4"),
        (b"OPTIONS", b"1", b"0"),
        (b"OPTIONS", b"010", b"9"),
        (b"OPTIONS", b"9" * 5000, b"999999999"),
        (b"GET", b"5", b"5"),
        (b"GET", b"0", b"0"),
        (b"options", b"many", b"many"),
    ],
)
def test_max_forwards_counts_for_options_alone(method: bytes, came: bytes, goes_on: bytes) -> None:
    outgoing = upstream_request(request(method=method, headers=[HOST, (b"max-forwards", came)]), SETTINGS)
    assert sent(outgoing.headers, b"max-forwards") == [goes_on]
