"""The header rules of one exchange in a call each, for tests."""

from shared.forwarding import forwarding_fields
from shared.headers import (
    check_head,
    check_written,
    end_to_end,
    request_framing,
    request_headers,
    response_headers,
)
from shared.messages import Headers, by_name

__all__ = ["NOW_S", "answered", "outgoing"]

NOW_S = 784111777.9  # Sun, 06 Nov 1994 08:49:37 GMT, the date of RFC 9110 section 5.6.7


def outgoing(came: Headers, *, trusted: bool = False) -> Headers:
    """Everything that forward does with a request's fields, host rewritten."""
    fields = by_name(came)
    check_head(b"GET", b"/", fields, limit=1 << 24)
    framing, length = request_framing(fields, "1.1")
    believed = end_to_end(came, fields) if trusted else []
    ours = forwarding_fields(believed, peer="192.0.2.1", scheme="http", host=b"proxy.test")
    return request_headers(
        came,
        fields,
        host=b"origin.test",
        framing=framing,
        length=length,
        forwarding=ours,
        http_version="1.1",
        via_name=b"tandem",
    )


def answered(came: Headers) -> Headers:
    sent = response_headers(came, by_name(came), status=200, now_s=NOW_S)
    check_written(sent)
    return sent
