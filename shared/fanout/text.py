"""The first characters of a body that comes in pieces. Pure.

A character is a Unicode code point. A piece may end inside one, be shorter than asked for or empty; what
comes out is what decoding the whole body and cutting it would give.
"""

import codecs
import re
from encodings import normalize_encoding
from encodings.aliases import aliases
from typing import Protocol

from shared.errors import BodyTooLong, CodedBody, NoText
from shared.messages import Headers

__all__ = ["BUDGET", "FirstCharacters", "codec_of", "refuse_coded"]

BUDGET = 128 * 1024
"""Bytes after which the characters have to be there. 10,000 take 40 KB in any UTF, twice that where each
brings its own escape sequence (ISO 2022); an endless run of escape sequences would never give one."""

# Only encodings of text, and none that keeps its input until some later byte decides (UTF-7 in a base64 run).
# Asking this set, not codecs.lookup(): that remembers each unknown name for ever, and upstreams choose names.
_CODECS = (frozenset(aliases.values()) | {"cp874", "koi8_u"}) - {
    "base64_codec",
    "bz2_codec",
    "hex_codec",
    "mbcs",
    "quopri_codec",
    "rot_13",
    "utf_7",
    "uu_codec",
    "zlib_codec",
}
_MARKS = {
    "utf_16": (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE),
    "utf_32": (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE),
}
_CHARSET = re.compile(rb';[ \t]*charset=(?:"([^"\\]*)"|([^\s;"]+))', re.IGNORECASE)


def codec_of(headers: Headers) -> str:
    """Python's codec for the charset that Content-Type names; utf_8 when it names none or an unknown one."""
    for name, value in headers:
        if name.lower() == b"content-type" and (match := _CHARSET.search(value)):
            charset = normalize_encoding((match[1] or match[2] or b"").decode("ascii", "ignore").lower())
            codec = aliases.get(charset, charset)
            return codec if codec in _CODECS else "utf_8"
    return "utf_8"


def refuse_coded(headers: Headers) -> None:
    """Raises CodedBody when the body has a content coding (RFC 9110 section 8.4).

    Sending no Accept-Encoding allows an upstream to choose one (section 12.5.3). It is not decoded: this
    proxy decodes nothing, could decode some codings and not others, and a coded kilobyte may stand for
    gigabytes.
    """
    for name, value in headers:
        coding = value.decode("latin-1").strip().lower()
        if name.lower() == b"content-encoding" and coding not in ("", "identity"):
            raise CodedBody(
                f"the upstream's answer is coded as {coding[:40]}, which a fan-out does not decode:"
                " send Accept-Encoding: identity and list header=Accept-Encoding"
            )


class FirstCharacters:
    """Takes pieces of a body until `complete`; then `text` holds its first `wanted` characters."""

    def __init__(self, wanted: int, codec: str = "utf_8") -> None:
        self._wanted = wanted
        self._decoder = _decoder(codec)
        self.text = ""
        self.bytes_taken = 0

    @property
    def complete(self) -> bool:
        return len(self.text) == self._wanted

    def feed(self, piece: bytes) -> bool:
        """Whether that was enough. Raises BodyTooLong when it will never be, NoText when nothing can be."""
        self.bytes_taken += len(piece)
        try:
            self._append(self._decoder.decode(piece))
        except UnicodeError:
            # Python's decoders of ISO 2022 keep eight bytes of an unfinished escape sequence and then give
            # up, whatever `errors` says (MultibyteIncrementalDecoder).
            raise NoText from None
        if self.bytes_taken > BUDGET and not self.complete:
            raise BodyTooLong(
                f"the characters asked for are not in the first {BUDGET} bytes of the upstream's answer"
            )
        return self.complete

    def finish(self) -> None:
        """The body has ended: a sequence cut off at its end becomes U+FFFD."""
        self._append(self._decoder.decode(b"", True))

    def _append(self, decoded: str) -> None:
        self.text += decoded[: self._wanted - len(self.text)]


class _Decoder(Protocol):
    def decode(self, piece: bytes, final: bool = False, /) -> str: ...


def _decoder(codec: str) -> _Decoder:
    return _ByOrderMark(codec) if codec in _MARKS else codecs.getincrementaldecoder(codec)(errors="replace")


class _ByOrderMark:
    """UTF-16 and UTF-32 in the order of their mark, and in that of browsers, little-endian, without one.

    Python's own incremental decoders raise where there is no mark.
    """

    def __init__(self, codec: str) -> None:
        self._codec = codec
        self._start = b""
        self._decoder: _Decoder | None = None

    def decode(self, piece: bytes, final: bool = False, /) -> str:
        if self._decoder is None:
            little, big = _MARKS[self._codec]
            self._start += piece
            if len(self._start) < len(big) and not final:
                return ""
            is_big = self._start.startswith(big)
            self._decoder = _decoder(self._codec + ("_be" if is_big else "_le"))
            piece = self._start.removeprefix(big if is_big else little)
        return self._decoder.decode(piece, final)
