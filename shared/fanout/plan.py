"""The query of a fan-out -> what to ask the upstream for. Pure."""

import re
from urllib.parse import unquote_to_bytes

import msgspec

from shared import headers as fields
from shared import reqtarget
from shared.errors import BadRequest, LoopDetected
from shared.hops import has_passed
from shared.messages import Headers, ProxyRequest, UpstreamRequest, by_name
from shared.names import FORWARDING, HOP_BY_HOP, says_who_asked
from shared.settings import ForwardSettings

__all__ = ["DEFAULT_CHARS", "MAX_CHARS", "MAX_PATHS", "Ask", "Plan", "Query", "plan", "read_query"]

DEFAULT_PATHS = (b"/",) * 5  # the recipe's job: five requests, fifty characters of each
DEFAULT_CHARS = 50
MAX_PATHS = 20
MAX_CHARS = 10_000

# What speaks of one connection, frames a message or chooses its recipient; and what a proxy alone may say:
# passing on a client's X-Forwarded-For would let it forge its address.
_NOT_FORWARDED = HOP_BY_HOP | FORWARDING | {b"host", b"content-length", b"via", b"expect"}

_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_NOT_ASCII = re.compile(rb"[\x80-\xff]")


class Query(msgspec.Struct, frozen=True):
    """What the client asked for, escapes read. `header` holds field names, lower case."""

    paths: tuple[bytes, ...] = DEFAULT_PATHS
    chars: int = DEFAULT_CHARS
    header: frozenset[bytes] = frozenset()


class Ask(msgspec.Struct, frozen=True):
    """One path, as the client wrote it, and the request that fetches it."""

    path: str
    request: UpstreamRequest


class Plan(msgspec.Struct, frozen=True):
    asks: tuple[Ask, ...]
    chars: int


def plan(request: ProxyRequest, settings: ForwardSettings) -> Plan:
    """Raises BadRequest, HeaderTooLarge or LoopDetected."""
    fields.check_head(request.method, request.target, request.fields, limit=settings.max_header)
    fields.check_version(request.http_version)
    fields.check_host(request.fields, request.http_version)
    if has_passed(request.fields, settings.via):
        raise LoopDetected
    query = read_query(request.target.partition(b"?")[2])
    headers = _upstream_headers(request, query.header, settings)
    asks = tuple(
        Ask(_shown(path), UpstreamRequest(b"GET", _target(path, settings.upstream.base), headers))
        for path in query.paths
    )
    return Plan(asks, query.chars)


def read_query(query: bytes) -> Query:
    """`path=/a&path=/b&chars=50&header=Accept`, form-encoded: `+` is a space there. Raises BadRequest."""
    paths: list[bytes] = []
    names: set[bytes] = set()
    chars: int | None = None
    for pair in filter(None, query.split(b"&")):
        key, _, value = (unquote_to_bytes(part.replace(b"+", b" ")) for part in pair.partition(b"="))
        if key == b"path":
            paths.append(value)
        elif key == b"header":
            names.add(_name(value))
        elif key != b"chars":
            raise BadRequest(f"{_quoted(key)} is no key of a fan-out: path, chars and header are")
        elif chars is not None:
            raise BadRequest("chars is given more than once")
        else:
            chars = _chars(value)
    if len(paths) > MAX_PATHS:
        raise BadRequest(f"a fan-out takes at most {MAX_PATHS} paths, these are {len(paths)}")
    return Query(
        paths=tuple(paths) or DEFAULT_PATHS,
        chars=DEFAULT_CHARS if chars is None else chars,
        header=frozenset(names),
    )


def _chars(value: bytes) -> int:
    if not re.fullmatch(rb"[0-9]{1,5}", value) or not 1 <= int(value) <= MAX_CHARS:
        raise BadRequest(f"chars={_quoted(value)} is not a whole number from 1 to {MAX_CHARS}")
    return int(value)


def _name(value: bytes) -> bytes:
    name = value.lower()
    if not _NAME.fullmatch(name):
        raise BadRequest(f"header={_quoted(value)} is not the name of a header field")
    if name in _NOT_FORWARDED or says_who_asked(name):
        raise BadRequest(f"header={_quoted(value)} cannot be forwarded: it belongs to one connection")
    return name


def _target(path: bytes, base: bytes) -> reqtarget.Target:
    """Other than a request's own target, a path in a query has lost one layer of escapes on the way: what is
    not ASCII gets it back (RFC 3987 section 3.1)."""
    if not path.startswith(b"/"):
        # An absolute URI would lose its host without a word.
        raise BadRequest(f"path={_quoted(path)} does not begin with a slash")
    if b" " in path:
        raise BadRequest(f"path={_quoted(path)} holds a space (in a query, + is one: write %2B for a plus)")
    try:
        return reqtarget.upstream_target(_NOT_ASCII.sub(lambda match: b"%%%02X" % match[0][0], path), base)
    except BadRequest as error:
        raise BadRequest(f"path={_quoted(path)}: {error.detail}") from None


def _upstream_headers(request: ProxyRequest, names: frozenset[bytes], settings: ForwardSettings) -> Headers:
    """Host, Via with the hops so far, and of the client's fields those that the query lists.

    Raises BadRequest.
    """
    if hop := names & fields.connection_options(request.fields):
        raise BadRequest(f"header={_quoted(min(hop))} cannot be forwarded: it belongs to one connection")
    asked = [field for field in request.headers if field[0].lower() in names | {b"via"}]
    return fields.request_headers(
        asked,
        by_name(asked),
        host=settings.upstream.authority,
        framing="none",
        length=None,
        forwarding=[],
        http_version=request.http_version,
        via_name=settings.via,
    )


def _shown(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def _quoted(value: bytes) -> str:
    """For a sentence: on one line, and not long."""
    text = _shown(value)
    return repr(text if len(text) <= 60 else text[:59] + "…")
