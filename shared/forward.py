"""The proxy: one request in, one response out.

      client            core                                engine            upstream
        |--- head ------>|  (1) target, limits, framing       |                  |
        |                |  (2) end-to-end fields, + ours     |                  |
        |                |--- UpstreamRequest --------------->|  (3) connection  |
        |--- body ------>|............ streamed .............>|  (4) ----------->|
        |                |<-- UpstreamResponse ---------------|<------ head -----|
        |<-- head -------|  (5) end-to-end fields, one Date   |                  |
        |<-- body -------|<........... streamed ..............|<------ body -----|  (6)
        |                |  (7) connection given back or closed, record written  |

forward() does (1) to (5) and leaves (6) and (7) to shared.answer. From (3) on the client is watched: when it
leaves, whatever is going on is cancelled and the upstream connection closed.
"""

import time

from shared import headers as fields
from shared import reqtarget
from shared.errors import BadRequest, BodyTooLarge, HeaderTooLarge, ProtocolError, ProxyError
from shared.messages import ProxyRequest, ProxyResponse, UpstreamRequest, UpstreamResponse
from shared.settings import ForwardSettings
from shared.upstream import Upstream

__all__ = ["forward", "upstream_request"]


async def forward(request: ProxyRequest, upstream: Upstream, settings: ForwardSettings) -> ProxyResponse:
    """Raises a ProxyError when there is no response head to pass on."""
    with request.client.watching():
        # HTTP/2 frames a body by itself: only its first byte, or its end, tells whether there is one.
        framed_below = request.http_version not in ("1.0", "1.1")
        content = framed_below and await request.client.has_content()
        outgoing = upstream_request(request, settings, content=content)
        asked = time.monotonic()
        try:
            answer = await upstream.send(outgoing)
        finally:
            request.record.upstream_s = time.monotonic() - asked
    try:
        return _client_response(request, answer)
    except ProxyError:
        await answer.body.aclose()
        raise


def upstream_request(
    request: ProxyRequest, settings: ForwardSettings, *, content: bool = False
) -> UpstreamRequest:
    """Steps (1) and (2), pure. `content` is whether there is a body although no field frames one.

    Raises BadRequest, HeaderTooLarge or BodyTooLarge.
    """
    # (1)
    if fields.head_size(request.method, request.target, request.headers) > settings.max_header:
        raise HeaderTooLarge
    if request.method == b"CONNECT":
        raise BadRequest("this proxy opens no tunnels")
    target = reqtarget.upstream_target(request.target, settings.upstream.base, method=request.method)
    framing, length = fields.request_framing(request.headers, request.http_version)
    if framing == "none" and content:
        framing = "chunked"
    if length is not None and 0 < settings.max_body < int(length):
        raise BodyTooLarge
    # (2)
    client_host = fields.check_host(request.headers, request.http_version)
    client_host = reqtarget.authority_of(request.target) or client_host
    authority = settings.upstream.authority
    outgoing = fields.request_headers(
        request.headers,
        host=client_host or authority if settings.host == "preserve" else authority,
        framing=framing,
        length=length,
        forwarding=fields.forwarding_fields(
            request.headers,
            peer=request.peer,
            scheme=request.scheme,
            host=client_host,
            trusted=fields.is_trusted(request.peer, settings.trusted_proxies),
        ),
        http_version=request.http_version,
    )
    has_body = framing == "chunked" or length not in (None, b"0")
    return UpstreamRequest(request.method, target, outgoing, request.client if has_body else None)


def _client_response(request: ProxyRequest, answer: UpstreamResponse) -> ProxyResponse:
    """Step (5)."""
    if not 200 <= answer.status <= 599:
        raise ProtocolError("the upstream's answer has a status that means nothing")
    kept = fields.response_headers(answer.headers, status=answer.status, now_s=time.time())
    return ProxyResponse(answer.status, kept, answer.body, request)
