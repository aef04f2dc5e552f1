"""HTTP/1.1 heads read strictly, as RFC 9112 writes them and nothing else: the suite's oracle for framing.

A proxy's own parser forgives; this one may not, because what it forgave would be a fault that no case sees.
Whatever it refuses is `MalformedError`, with the bytes.
"""

import dataclasses
import re
from typing import Literal

__all__ = [
    "Fields",
    "Framing",
    "Head",
    "IncompleteError",
    "MalformedError",
    "RequestHead",
    "ResponseHead",
    "parse_fields",
    "parse_request",
    "parse_response",
    "request_framing",
    "response_framing",
]

Fields = tuple[tuple[bytes, bytes], ...]

_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 §5.6.2
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")  # RFC 9110 §5.5: no control character but HTAB
_TARGET = re.compile(rb"[\x21-\x7e]+")
_DIGITS = re.compile(rb"[0-9]{1,19}")


class MalformedError(Exception):
    """Bytes that RFC 9112 does not allow on the wire."""


class IncompleteError(Exception):
    """The connection ended inside a message. how: "FIN" or "RST"; got: what had come of the current part."""

    def __init__(self, how: str, got: bytes = b""):
        after = f", after {got[-80:]!r}" if got else ""
        super().__init__(f"the connection ended ({how}) where more was due{after}")
        self.how, self.got = how, got


@dataclasses.dataclass(frozen=True, slots=True)
class Head:
    """A start line and its fields, in order, names as they were spelt."""

    raw: bytes
    fields: Fields

    def all(self, name: str) -> list[bytes]:
        """The values of every line of that name, in order."""
        wanted = name.encode().lower()
        return [value for key, value in self.fields if key.lower() == wanted]

    def one(self, name: str) -> bytes | None:
        """The value, None when absent. Raises: MalformedError when there is more than one line."""
        values = self.all(name)
        if len(values) > 1:
            raise MalformedError(f"{len(values)} lines of {name}: {values}")
        return values[0] if values else None

    def names(self) -> list[str]:
        """Lower-case names, in order, repeated as they are repeated."""
        return [key.decode().lower() for key, _ in self.fields]


@dataclasses.dataclass(frozen=True, slots=True)
class RequestHead(Head):
    method: bytes
    target: bytes
    version: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class ResponseHead(Head):
    version: bytes
    status: int
    reason: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class Framing:
    """How a body ends: RFC 9112 §6.3. `length` belongs to "length" and is 0 for "none"."""

    kind: Literal["none", "length", "chunked", "close"]
    length: int = 0


def _lines(raw: bytes) -> list[bytes]:
    if not raw.endswith(b"\r\n\r\n"):
        raise MalformedError(f"head does not end in CRLF CRLF: {raw[-40:]!r}")
    lines = raw[:-4].split(b"\r\n")
    for line in lines:
        if b"\r" in line or b"\n" in line or b"\0" in line:
            raise MalformedError(f"bare CR, bare LF or NUL in {line!r}")
    return lines


def parse_fields(lines: list[bytes]) -> Fields:
    """Field lines without their line ends, of a head or a trailer section. Raises: MalformedError."""
    fields = []
    for line in lines:
        name, colon, value = line.partition(b":")
        value = value.strip(b" \t")
        if not colon or not _TOKEN.fullmatch(name):
            raise MalformedError(f"not a field line: {line!r}")
        if not _VALUE.fullmatch(value):
            raise MalformedError(f"control character in {line!r}")
        fields.append((name, value))
    return tuple(fields)


def parse_request(raw: bytes) -> RequestHead:
    """Read a request head that ends in its empty line. Raises: MalformedError."""
    start, *rest = _lines(raw)
    parts = start.split(b" ")
    if len(parts) != 3:
        raise MalformedError(f"not a request line: {start!r}")
    method, target, version = parts
    if not _TOKEN.fullmatch(method) or not _TARGET.fullmatch(target):
        raise MalformedError(f"not a request line: {start!r}")
    if version not in (b"HTTP/1.1", b"HTTP/1.0"):
        raise MalformedError(f"not a version: {start!r}")
    head = RequestHead(raw=raw, fields=parse_fields(rest), method=method, target=target, version=version)
    if version == b"HTTP/1.1" and len(head.all("host")) != 1:
        raise MalformedError(f"RFC 9112 §3.2 wants one Host, not {head.all('host')}")
    return head


def parse_response(raw: bytes) -> ResponseHead:
    """Read a response head that ends in its empty line. Raises: MalformedError."""
    start, *rest = _lines(raw)
    # The space after the status is required even when the reason is empty (RFC 9112 §4).
    match = re.fullmatch(rb"(HTTP/1\.[01]) ([1-9][0-9]{2}) ([\t\x20-\x7e\x80-\xff]*)", start)
    if match is None:
        raise MalformedError(f"not a status line: {start!r}")
    version, status, reason = match.groups()
    return ResponseHead(
        raw=raw, fields=parse_fields(rest), version=version, status=int(status), reason=reason
    )


def _declared(head: Head) -> Framing | None:
    coding, length = head.one("transfer-encoding"), head.one("content-length")
    if coding is not None and length is not None:
        raise MalformedError("both Transfer-Encoding and Content-Length")
    if coding is not None:
        if coding.lower() != b"chunked":
            raise MalformedError(f"Transfer-Encoding is {coding!r}, not chunked")
        return Framing("chunked")
    if length is not None:
        if not _DIGITS.fullmatch(length):
            raise MalformedError(f"Content-Length is {length!r}")
        return Framing("length", int(length))
    return None


def request_framing(head: RequestHead) -> Framing:
    """RFC 9112 §6.3 for a request: without either field there is no body. Raises: MalformedError."""
    return _declared(head) or Framing("none")


def response_framing(head: ResponseHead, method: str) -> Framing:
    """RFC 9112 §6.3 for a response to `method`.

    Raises: MalformedError, also for framing fields where none may be.
    """
    declared = _declared(head)
    if head.status == 204 or head.status < 200:
        if declared is not None:  # RFC 9110 §8.6, RFC 9112 §6.1
            raise MalformedError(
                f"a {head.status} with {'Content-Length' if declared.kind == 'length' else 'chunked'}"
            )
        return Framing("none")
    if declared is not None and declared.kind == "chunked" and head.version == b"HTTP/1.0":
        raise MalformedError("chunked in an HTTP/1.0 response")
    if method == "HEAD" or head.status == 304:
        return Framing("none")
    return declared or Framing("close")
