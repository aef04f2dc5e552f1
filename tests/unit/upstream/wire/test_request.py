"""The request head as bytes."""

import pytest

from shared.errors import BadRequest
from shared.messages import Headers, UpstreamRequest
from shared.upstream.wire.request import content_length, head_of, may_repeat
from tests.unit.aio import aio
from tests.unit.asgi import FakeServer, started


def _request(
    method: bytes = b"GET", target: bytes = b"/", headers: Headers | None = None, body: object = None
) -> UpstreamRequest:
    return UpstreamRequest(method, target, [(b"Host", b"x")] if headers is None else headers, body)  # type: ignore[arg-type]


def test_it_is_written_as_given() -> None:
    headers = [(b"Host", b"x"), (b"a", b"1"), (b"A", b""), (b"B", b"caf\xe9\tx"), (b"a", b"2")]
    head = head_of(_request(b"fOO", b"/%2F//\xc3?%zz&=", headers))
    assert head == b"fOO /%2F//\xc3?%zz&= HTTP/1.1\r\nHost: x\r\na: 1\r\nA: \r\nB: caf\xe9\tx\r\na: 2\r\n\r\n"


@pytest.mark.parametrize(
    "request_",
    [
        _request(target=b"/ HTTP/1.1\r\nX: y"),
        _request(target=b"/a b"),
        _request(target=b"/a\rb"),
        _request(target=b"/a\x00b"),
        _request(method=b"GET /x HTTP/1.1\r\n\r\nGET"),
        _request(method=b"G T"),
        _request(headers=[(b"X\r\nY", b"z")]),
        _request(headers=[(b"X", b"a\r\nb: c")]),
        _request(headers=[(b"X", b"a\nb")]),
        _request(headers=[(b"X", b"a\rb")]),
        _request(headers=[(b"X", b"a\x00b")]),
        _request(headers=[(b"X", b"a\x7fb")]),
        _request(headers=[(b"X Y", b"a")]),
        _request(headers=[(b"X:", b"a")]),
        _request(headers=[(b"", b"a")]),
    ],
    ids=lambda request: repr(request)[:60],
)
def test_what_would_be_read_as_something_else_is_not_written(request_: UpstreamRequest) -> None:
    with pytest.raises(BadRequest):
        head_of(request_)


def test_the_announced_length() -> None:
    assert content_length(_request(headers=[(b"content-LENGTH", b"12")])) == 12
    assert content_length(_request(headers=[(b"Transfer-Encoding", b"chunked")])) is None


@aio
async def test_only_safe_requests_without_a_body_may_be_sent_again() -> None:
    body = started(FakeServer())
    assert all(may_repeat(_request(method)) for method in (b"GET", b"HEAD", b"OPTIONS", b"TRACE"))
    assert not any(may_repeat(_request(method)) for method in (b"POST", b"PUT", b"DELETE", b"get", b"PATCH"))
    assert not may_repeat(_request(b"GET", body=body))
    body._reader.cancel()  # type: ignore[union-attr]
