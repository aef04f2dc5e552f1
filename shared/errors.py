"""Every way an exchange can fail: whose fault, in which phase, what the client is told.

    ProxyError
      |- ClientError                      the client's doing
      |    BadRequest                400  http_request_error
      |    MethodRefused             405  http_request_error
      |    BodyTooLarge              413  http_request_error
      |    HeaderTooLarge            431  http_request_error
      |    ClientGone                499  (nobody is told; the log is)
      |- LocalError                       ours
      |    PoolExhausted             503  connection_limit_reached
      |    LoopDetected              502  proxy_loop_detected
      |    Stopped                   503  proxy_internal_error
      |    InternalError             500  proxy_internal_error
      `- UpstreamError                    the upstream's doing, by phase
           connect  NameUnresolved   502  dns_error
                    ConnectRefused   502  connection_refused
                    ConnectFailed    502  destination_unavailable
                    ConnectTimeout   504  connection_timeout
                    TLSFailed        502  tls_protocol_error
                    CertificateBad   502  tls_certificate_error
           send     WriteTimeout     504  connection_write_timeout
           head     ResponseTimeout  504  http_response_timeout
                    Terminated       502  connection_terminated
                    ProtocolError    502  http_protocol_error
                    UpgradeRefused   502  http_upgrade_failed
           body     BodyIncomplete   502  http_response_incomplete
                    ReadTimeout      504  connection_read_timeout
           text     CodedBody        502  http_response_content_coding
                    BodyTooLong      502  http_response_body_size
                    NoText           502  http_protocol_error

`type` is the proxy error type of RFC 9209 section 2.3, and statuses are those it recommends, but for
ConnectFailed (503 there) and Stopped (500 there): a dead upstream is 502 here whichever way it is dead, and
503 means that this proxy is full or going away. `outcome` is what the log says where it is not the type. A
failure in the body phase comes too late for its status: the response is left incomplete instead, and type and
phase stand in the log only. The text phase is a fan-out's, which reads what it passes on; there each error
ends one record.
"""

from shared.messages import ProxyRequest

__all__ = [
    "BadRequest",
    "BodyIncomplete",
    "BodyTooLarge",
    "BodyTooLong",
    "CertificateBad",
    "ClientError",
    "ClientGone",
    "CodedBody",
    "ConnectFailed",
    "ConnectRefused",
    "ConnectTimeout",
    "HeaderTooLarge",
    "InternalError",
    "LocalError",
    "LoopDetected",
    "MethodRefused",
    "NameUnresolved",
    "NoText",
    "PoolExhausted",
    "ProtocolError",
    "ProxyError",
    "ReadTimeout",
    "ResponseTimeout",
    "Stopped",
    "TLSFailed",
    "Terminated",
    "UpgradeRefused",
    "UpstreamError",
    "WriteTimeout",
]


class ProxyError(Exception):
    """An exchange that cannot be completed. `detail` is safe to show: it never holds an upstream address.

    `request` is set when the exchange has begun, so that a framework's error handler can answer and end it.
    """

    status: int = 500
    type: str = "proxy_internal_error"
    detail: str = "the proxy failed"
    outcome: str = ""  # `type` where empty
    request: ProxyRequest | None = None

    def __init__(self, detail: str | None = None) -> None:
        if detail is not None:
            self.detail = detail
        self.outcome = self.outcome or self.type
        super().__init__(self.detail)


class ClientError(ProxyError):
    type = "http_request_error"


class BadRequest(ClientError):
    status = 400
    detail = "the request cannot be forwarded"


class MethodRefused(ClientError):
    """TRACE: its answer would tell a script the credentials in the request (RFC 9110 section 9.3.8)."""

    status = 405
    detail = "this proxy does not trace requests"


class BodyTooLarge(ClientError):
    status = 413
    detail = "the request body is larger than this proxy accepts"


class HeaderTooLarge(ClientError):
    status = 431
    detail = "the request head is larger than this proxy accepts"


class ClientGone(ClientError):
    status = 499
    type = "client_gone"
    detail = "the client left"


class LocalError(ProxyError):
    pass


class PoolExhausted(LocalError):
    status = 503
    type = "connection_limit_reached"
    detail = "all upstream connections are busy"


class LoopDetected(LocalError):
    status = 502
    type = "proxy_loop_detected"
    detail = "the request has passed through this proxy before"


class Stopped(LocalError):
    status = 503
    outcome = "proxy_stopped"
    detail = "the proxy was stopped before the upstream had answered"


class InternalError(LocalError):
    pass


class UpstreamError(ProxyError):
    status = 502
    type = "http_protocol_error"
    detail = "the upstream failed"


class NameUnresolved(UpstreamError):
    type = "dns_error"
    detail = "the upstream's name does not resolve"


class ConnectRefused(UpstreamError):
    type = "connection_refused"
    detail = "the upstream refuses connections"


class ConnectFailed(UpstreamError):
    type = "destination_unavailable"
    detail = "the upstream cannot be reached"


class ConnectTimeout(UpstreamError):
    status = 504
    type = "connection_timeout"
    detail = "the upstream did not accept a connection in time"


class TLSFailed(UpstreamError):
    type = "tls_protocol_error"
    detail = "no TLS session with the upstream could be agreed on"


class CertificateBad(UpstreamError):
    type = "tls_certificate_error"
    detail = "the upstream's certificate was not accepted"


class WriteTimeout(UpstreamError):
    status = 504
    type = "connection_write_timeout"
    detail = "the upstream stopped taking the request"


class ResponseTimeout(UpstreamError):
    status = 504
    type = "http_response_timeout"
    detail = "the upstream did not answer in time"


class Terminated(UpstreamError):
    type = "connection_terminated"
    detail = "the upstream closed the connection before it answered"


class ProtocolError(UpstreamError):
    type = "http_protocol_error"
    detail = "the upstream's answer is not valid HTTP"


class UpgradeRefused(UpstreamError):
    type = "http_upgrade_failed"
    detail = "the upstream switched protocols unasked"


class BodyIncomplete(UpstreamError):
    type = "http_response_incomplete"
    detail = "the upstream's answer ended before it was whole"


class ReadTimeout(UpstreamError):
    status = 504
    type = "connection_read_timeout"
    detail = "the upstream fell silent in the middle of its answer"


class CodedBody(UpstreamError):
    type = "http_response_content_coding"
    detail = "the upstream's answer has a content coding"


class BodyTooLong(UpstreamError):
    type = "http_response_body_size"
    detail = "the upstream's answer is longer than what is wanted of it may be"


class NoText(UpstreamError):
    type = "http_protocol_error"
    detail = "the upstream's answer is not text in the charset that it names"
