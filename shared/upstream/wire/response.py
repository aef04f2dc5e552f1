"""One response as bytes come in: llhttp decides where things end, this file what is refused on top. No I/O.

    feed() --> llhttp --> interim heads, 1xx --+
                          head ----------------+--> chunks --> trailers --> ended
    end()  --> was the end of the connection the end of the response?

A reader reads one response, its interim heads included, and is thrown away: nothing that came with one
response can be read as part of the next (RFC 9112 section 6.3). llhttp, all of its lenient modes off, refuses
conflicting lengths, Content-Length beside Transfer-Encoding, bad chunk sizes, obs-fold, bare LF and control
characters. What it lets through and a proxy must not is refused here: other transfer codings, versions that
are not 1.x, endless heads, protocols switched unasked.
"""

from typing import Literal, TypeAlias

import httptools

from shared.errors import BodyIncomplete, ProtocolError, Terminated, UpgradeRefused, UpstreamError
from shared.messages import Fields, Headers, by_name

__all__ = ["MAX_HEAD", "Framing", "ResponseReader", "body_framing"]

# Bytes in a row of which none is the body's: interim heads and the final one, a chunk's extension, trailers.
MAX_HEAD = 128 * 1024

_LINE_END = b"\r\n"
_END = 5  # bytes that tell one empty line from two: the last of a line, and CRLF twice
_CHUNKED_HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

Framing: TypeAlias = Literal["none", "length", "chunked", "close"]

_VERSIONS = ("1.1", "1.0")
# llhttp reads the trailer section with the rules of the header section; there the field says nothing about
# framing.
_TRAILER_SAYS_LENGTH = "Content-Length can't be present with Transfer-Encoding"


def body_framing(fields: Fields, *, status: int, to_head: bool, version: str) -> Framing:
    """How the end of a response's body is told (RFC 9112 section 6.3).

    Raises ProtocolError for a transfer coding other than chunked, or any at all in HTTP/1.0 (section 6.1).
    """
    names = fields.names.places
    chunked = b"transfer-encoding" in names
    if chunked and (version == "1.0" or _plain(fields.get(b"transfer-encoding")) != [b"chunked"]):
        raise ProtocolError("the upstream's answer has a transfer coding that nobody asked for")
    if to_head or status in (204, 304):
        return "none"
    if chunked:
        return "chunked"
    return "length" if b"content-length" in names else "close"


def _plain(words: list[bytes]) -> list[bytes]:
    return [word.strip(b" \t").lower() for word in words]


class ResponseReader:
    """Feed it what arrives; look at what is there.

    begun: any byte has come. interim: status and fields of each 1xx that came, until somebody takes them.
    status, headers, fields (the same by name): of the final response, once `headed`. chunks: body bytes,
    until somebody takes them. trailers: fields after a chunked body. ended: the response is whole.
    keep_alive: what it says of the connection. followed: something came after its end, bytes or the
    connection's own end.
    """

    __slots__ = (
        "_at_chunk",
        "_came",
        "_dry",
        "_framing",
        "_in_chunk",
        "_parser",
        "_tail",
        "_to_head",
        "_unchunked",
        "begun",
        "chunks",
        "ended",
        "fields",
        "followed",
        "headed",
        "headers",
        "interim",
        "keep_alive",
        "status",
        "trailers",
    )

    # Looked up by the parser for each response; what is missing would be an AttributeError each time.
    on_status = on_chunk_complete = None

    def __init__(self, *, to_head: bool) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._to_head = to_head
        self._came: Headers = []
        self._tail = b""  # of what came before the current read
        self._dry = 0  # bytes of heads, chunk extensions or trailers since the last byte of a body
        self._framing: Framing = "close"
        self._unchunked: ResponseReader | None = None  # reads chunks that llhttp does not take for such
        self._at_chunk = False  # a chunk's size has come and none of its bytes: true all through the trailers
        self._in_chunk = False  # some of them have
        self.interim: list[tuple[int, Headers]] = []
        self.status = 0
        self.headers: Headers = []
        self.fields: Fields
        self.trailers: Headers = []
        self.chunks: list[bytes] = []
        self.begun = self.headed = self.ended = self.keep_alive = self.followed = False

    def feed(self, data: bytes | memoryview) -> None:
        """Raises ProtocolError, UpgradeRefused; after the head BodyIncomplete, with `chunks` holding what
        came before. Bytes after the end are dropped, and `followed` is true from then on."""
        if not data:
            return
        over, self.begun = self.ended, True
        if over:
            self.followed = True
            return
        had, headed = len(self.chunks), self.headed
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._refused(error)
        if self.ended:
            if self.keep_alive and not self.followed and data[-1] in _LINE_END:
                self.followed = self._is_followed(data, had, headed)
            del self._parser  # as close() does
        elif self._framing != "length":
            self._tail = (self._tail + bytes(data[-_END:]))[-_END:]
            self._dry = 0 if len(self.chunks) > had else self._dry + len(data)
            if self._dry > MAX_HEAD:
                raise BodyIncomplete if self.headed else ProtocolError("the upstream's head has no end")

    def _is_followed(self, data: bytes | memoryview, had: int, headed: bool) -> bool:
        """Whether this read goes on after the response's end: llhttp skips line ends there without a word,
        while any other byte begins a message.

        What is no body ends with one empty line, whichever way it is framed.
        """
        end = len(data)
        if self._framing == "length":
            body = self.chunks[had:]
            end -= sum(map(len, body))
            if headed:
                return end != 0
            # A body that ends with an empty line is not to pass for the head's end.
            if bytes(data[end:]) != b"".join(body):
                return True
        last = (self._tail + bytes(data[max(0, end - _END) : end]))[-_END:]
        return not last.endswith(b"\r\n\r\n") or last[0] in _LINE_END

    def _refused(self, error: httptools.HttpParserError) -> None:
        """What llhttp would not read."""
        cause = error.__context__
        if isinstance(cause, UpstreamError):  # raised by one of the callbacks below
            raise cause
        if self.ended:
            self.followed = True  # and by no response either
        elif not self.headed:
            raise ProtocolError from error
        elif self._at_chunk and str(error) == _TRAILER_SAYS_LENGTH:
            self.ended = self.followed = True  # what comes now has not been looked at
        else:
            raise BodyIncomplete from error

    def end(self) -> None:
        """Nothing more will come. Raises Terminated before the head, BodyIncomplete before the body's end."""
        if self.ended:
            self.followed = True
        elif not self.headed:
            raise Terminated
        elif self._framing == "close":
            self.ended = True
        else:
            raise BodyIncomplete

    def close(self) -> None:
        """Nothing more is to be read. The parser holds methods of ours: a cycle, which would wait for the
        collector (docs/decisions/0017)."""
        if hasattr(self, "_parser"):
            del self._parser
        if self._unchunked is not None:
            self._unchunked.close()

    # llhttp's callbacks

    def on_message_begin(self) -> None:
        if self.ended:
            self.followed = True

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.ended:
            # No part of the value (RFC 9112 section 5.1); llhttp leaves tabs at its end.
            self._came.append((name, value.strip(b" \t")))

    def on_headers_complete(self) -> None:
        if self.ended:
            return
        parser = self._parser
        status, version = parser.get_status_code(), parser.get_http_version()
        headers, self._came = self._came, []
        if version not in _VERSIONS or status < 100:
            raise ProtocolError
        if status == 101:
            raise UpgradeRefused
        if status < 200:
            self.interim.append((status, headers))
            return
        fields = by_name(headers)
        self._framing = framing = body_framing(fields, status=status, to_head=self._to_head, version=version)
        self.keep_alive = parser.should_keep_alive()
        self.status, self.headers, self.fields = status, headers, fields
        self.headed, self._dry = True, 0
        if framing == "none":
            # Not left to llhttp, which cannot be told that this answers HEAD and would wait for a body.
            self.ended = True
            self.keep_alive = self._says_keep_alive(version)

    def _says_keep_alive(self, version: str) -> bool:
        """What Connection says; llhttp expects a response without a length to end with the connection."""
        words = _plain(b",".join(self.fields.get(b"connection")).split(b","))
        return b"close" not in words if version == "1.1" else b"keep-alive" in words

    def on_chunk_header(self) -> None:
        self._at_chunk, self._in_chunk = True, False

    def on_body(self, body: bytes) -> None:
        if self.ended:
            self.followed = True
            return
        if self._framing == "chunked" and not self._at_chunk and not self._in_chunk:
            self._unchunk(body)
            return
        self._at_chunk, self._in_chunk = False, True
        self.chunks.append(body)

    def _unchunk(self, body: bytes) -> None:
        """A tab after the coding's name is white space (RFC 9110 section 5.6.3); to llhttp it is another
        coding, whose body ends with the connection. A reader of its own takes the chunks apart, in C all the
        same."""
        if self._unchunked is None:
            self._unchunked = ResponseReader(to_head=False)
            self._unchunked.chunks = self.chunks
            self._unchunked.feed(_CHUNKED_HEAD)
        self._unchunked.feed(body)
        self.trailers = self._unchunked.trailers
        self.ended = self._unchunked.ended

    def on_message_complete(self) -> None:
        if self.ended or not self.headed:
            return  # an interim response, or something after the end
        self.trailers = self._came
        self.ended = True
