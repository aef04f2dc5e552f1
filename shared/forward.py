"""The proxy: one request in, one response out.

      client            core                                engine            upstream
        |--- head ------>|  (1) target, limits, framing, hops |                  |
        |                |  (2) end-to-end fields, + ours     |                  |
        |                |--- UpstreamRequest --------------->|  (3) connection  |
        |--- body ------>|............ streamed .............>|  (4) ----------->|
        |                |<-- UpstreamResponse ---------------|<------ head -----|
        |<-- head -------|  (5) end-to-end fields, one Date   |                  |
        |<-- body -------|<........... streamed ..............|<------ body -----|  (6)
        |                |  (7) connection given back or closed, record written  |

forward() does (1) to (5) and leaves (6) and (7) to shared.answer. A request that may go no further
(Max-Forwards: 0) is answered after (2). From (3) on the client is watched: when it leaves, whatever is
going on is cancelled and the upstream connection closed.
"""

import time

from shared import headers as fields
from shared import reqtarget
from shared.errors import (
    BadRequest,
    BodyTooLarge,
    LoopDetected,
    MethodRefused,
    ProtocolError,
    ProxyError,
)
from shared.forwarding import forwarding_fields, is_trusted
from shared.hops import has_passed, hops_left
from shared.location import REFERENCES, for_the_client
from shared.messages import (
    ClientSide,
    Headers,
    Interim,
    ProxyRequest,
    ProxyResponse,
    UpstreamRequest,
    UpstreamResponse,
    by_name,
)
from shared.settings import ForwardSettings
from shared.upstream import Upstream

__all__ = ["forward", "upstream_request"]


async def forward(request: ProxyRequest, upstream: Upstream, settings: ForwardSettings) -> ProxyResponse:
    """Raises a ProxyError when there is no response head to pass on."""
    with request.client.watching():
        content = await request.client.has_content() if _content_is_in_doubt(request) else None
        outgoing = upstream_request(request, settings, content=content)
        if request.method == b"OPTIONS" and hops_left(request.method, request.fields) == 0:
            return _last_hop(request)
        if not upstream.has_idle:
            request.client.start()  # who leaves before the request does is not to be served any more
        asked = time.monotonic()
        try:
            answer = await upstream.send(outgoing)
        finally:
            request.record.upstream_s = time.monotonic() - asked
    try:
        response = _client_response(request, answer, settings)
        if not upstream.reads_strictly:
            fields.check_written(response.headers)
        return response
    except ProxyError:
        await answer.body.aclose()
        raise


def _content_is_in_doubt(request: ProxyRequest) -> bool:
    """Whether the fields do not tell if there is a body; its first byte, or its end, then has to.

    HTTP/2 needs no field to frame one. And uvicorn-httptools loses the body of a request that asks for an
    upgrade: llhttp stops after its head, and would read the body as the next request (httptools_impl.py,
    data_received).
    """
    return not request.http_version.startswith("1.") or b"upgrade" in request.fields.names.places


def upstream_request(
    request: ProxyRequest, settings: ForwardSettings, *, content: bool | None = None
) -> UpstreamRequest:
    """Steps (1) and (2), pure. `content` is whether the body has a byte, where that has been looked into.

    Raises BadRequest, MethodRefused, HeaderTooLarge, BodyTooLarge or LoopDetected.
    """
    # (1)
    method, target, headers, came = request.method, request.target, request.headers, request.fields
    http_version = request.http_version
    fields.check_head(method, target, came, limit=settings.max_header)
    if method == b"CONNECT":
        raise BadRequest("this proxy opens no tunnels")
    if method == b"TRACE":
        raise MethodRefused
    if b"via" in came.names.places and has_passed(came, settings.via):
        raise LoopDetected
    path = reqtarget.upstream_target(target, settings.upstream.base, method=method)
    fields.check_version(http_version)
    framing, length = fields.request_framing(came, http_version)
    announced = framing == "chunked" or length not in (None, b"0")
    if content is False and announced:
        raise BadRequest("the request announces a body and has none")
    if content and not announced:
        framing, length = "chunked", None
    if length is not None and 0 < settings.max_body < int(length):
        raise BodyTooLarge
    # (2)
    client_host = fields.check_host(came, http_version)
    client_host = reqtarget.authority_of(target) or client_host
    authority = settings.upstream.authority
    believed: Headers = []
    if settings.trusted_proxies and is_trusted(request.peer, settings.trusted_proxies):
        believed = fields.end_to_end(headers, came)
    outgoing = fields.request_headers(
        headers,
        came,
        host=client_host or authority if settings.host == "preserve" else authority,
        framing=framing,
        length=length,
        forwarding=forwarding_fields(believed, peer=request.peer, scheme=request.scheme, host=client_host),
        http_version=http_version,
        via_name=settings.via,
        hops=hops_left(method, came) if method == b"OPTIONS" else None,
    )
    client = request.client
    body = client if announced or content else None
    if not client.withheld:
        return UpstreamRequest(method, path, outgoing, body)
    outgoing.append((b"Expect", b"100-continue"))
    return UpstreamRequest(method, path, outgoing, body, _continuing(client))


def _continuing(client: ClientSide) -> Interim:
    """Pass the upstream's 100 on. What else comes before a response no server here can send over HTTP/1."""

    def heard(status: int, _: Headers) -> None:
        if status == 100:
            client.wanted()

    return heard


def _last_hop(request: ProxyRequest) -> ProxyResponse:
    """The answer to OPTIONS with `Max-Forwards: 0`, given as the final recipient (RFC 9110 section 7.6.2).

    What the upstream can do is not ours to tell.
    """
    return ProxyResponse.to(
        request, 204, fields.response_headers([], by_name([]), status=204, now_s=time.time()), b""
    )


def _client_response(
    request: ProxyRequest, answer: UpstreamResponse, settings: ForwardSettings
) -> ProxyResponse:
    """Step (5)."""
    if not 200 <= answer.status <= 599:
        raise ProtocolError("the upstream's answer has a status that means nothing")
    kept = fields.response_headers(answer.headers, answer.fields, status=answer.status, now_s=time.time())
    # Where Host is preserved, the upstream knows the client's authority, and how to write it.
    if settings.host == "rewrite" and not REFERENCES.isdisjoint(answer.fields.names.places):
        kept = for_the_client(kept, settings.upstream)
    return ProxyResponse.to(request, answer.status, kept, answer.body)
