"""The proxy's own answers: short, told by RFC 9209, counted under their own names."""

import json

import pytest

from shared.answer import Answer, failure
from shared.errors import (
    BadRequest,
    BodyTooLarge,
    ClientGone,
    ConnectRefused,
    HeaderTooLarge,
    PoolExhausted,
    ProxyError,
    ResponseTimeout,
)
from shared.messages import ProxyResponse
from tests.unit.aio import aio, settle
from tests.unit.exchange import Exchange


def refused(error: ProxyError) -> tuple[Exchange, ProxyResponse]:
    x = Exchange(b"")
    return x, failure(error, x.request)


@pytest.mark.parametrize(
    "error",
    [BadRequest(), PoolExhausted(), ConnectRefused(), ResponseTimeout(), BadRequest('a "quoted" one')],
)
@aio
async def test_a_failure_is_a_short_json_body_with_a_proxy_status(error: ProxyError) -> None:
    x, answer = refused(error)
    assert isinstance(answer.body, bytes)
    assert json.loads(answer.body) == {
        "error": error.type,
        "status": error.status,
        "detail": error.detail,
        "request_id": x.record.request_id,
    }
    fields = {name.lower(): value for name, value in answer.headers}
    assert answer.status == error.status
    assert fields[b"content-type"] == b"application/json"
    assert int(fields[b"content-length"]) == len(answer.body)
    assert fields[b"proxy-status"] == b"tandem; error=" + error.type.encode()
    assert b"date" in fields
    assert x.record.outcome == error.type
    await x.play()


@pytest.mark.parametrize(
    ("error", "closes"),
    [
        (BadRequest(), True),
        (BodyTooLarge(), True),
        (HeaderTooLarge(), True),
        (ConnectRefused(), False),
        (PoolExhausted(), False),
    ],
)
@aio
async def test_a_request_refused_unread_is_the_last_on_its_connection(
    error: ProxyError, closes: bool
) -> None:
    x, answer = refused(error)
    assert ((b"Connection", b"close") in answer.headers) == closes
    await x.play()


@aio
async def test_a_failure_is_counted_under_its_own_name() -> None:
    x, answer = refused(ConnectRefused())
    await Answer(answer, x.observer)({}, None, x.server.send)
    assert x.server.status == 502
    assert x.server.complete
    assert x.finished() == ["502 connection_refused"]


@aio
async def test_a_failure_that_nobody_waits_for_is_not_sent_but_counted() -> None:
    x, answer = refused(ClientGone())
    x.server.leave()
    await settle()
    await Answer(answer, x.observer)({}, None, x.server.send)
    assert x.server.sent == []
    assert x.finished() == ["499 client_gone"]
