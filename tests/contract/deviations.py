"""Where a subject is known not to do what a case asks: the only place, applied as strict expected failures.

A deviation is a limit of a server or an engine, with a reason and a link, never of a framework: a pattern
that told the two apps apart would hide the one thing that the suite is for. A deviation that got fixed
fails the suite until its line is deleted.
"""

import fnmatch
import tomllib
from pathlib import Path

import msgspec

from shared.harness.subject import Subject
from tests.contract.case import Case
from tests.contract.subjects import default_engine

__all__ = ["DEVIATIONS", "Deviation", "DeviationsError", "Known", "deviation", "read"]


class Known(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A case, by its id, that a proxy is known to fail.

    link: where that is told; one of ours has one. race: it sometimes passes. The case is then alone with a
    process of its own, and passing is no failure.
    """

    case: str
    reason: str
    link: str = ""
    race: bool = False


class Deviation(Known, frozen=True, kw_only=True):
    """One of ours. subjects: a pattern over `route-profile[-loop][-engine]`, as in `*-hypercorn-h1`; one that
    names no engine is a server's limit, and holds for every engine. The default engine can be named as well.

    script: the one in docs/upstream-bugs that shows the same without a proxy; no_script: why there is none.
    """

    subjects: str = "*"
    script: str = ""
    no_script: str = ""

    def speaks_of(self, subject: Subject) -> bool:
        name = default_engine(subject).id.removeprefix(f"{subject.app}-")
        return bool(fnmatch.filter((name, f"{name}-{subject.engine}"), self.subjects))


class DeviationsError(ValueError):
    """One line for the person who wrote the file."""


_H11_EMPTY_LINE = "h11 answers 400 to an empty line where a request line is due"
_AIOHTTP = "https://github.com/aio-libs/aiohttp/blob/v3.14.5/aiohttp"
_ONE_READ = (
    "aiohttp's parser drops a head when what follows it in the same read is no HTTP, and it becomes a 502"
)
_UTF_8 = (
    "aiohttp encodes request fields as UTF-8 and leaves out what cannot be; the engine answers 400 instead"
)
_CODING_TAB = (
    "llhttp takes a tab after a transfer coding for part of it, and aiohttp tells no spelling: read as it is"
)
_MAY_SAY_100 = "none: no fault, a server may say 100 once it has the head (RFC 9110 §10.1.1)"
_LENGTH_IN_TRAILERS = "llhttp reads trailers as it reads a head, where a length beside chunks ends it: cut"

DEVIATIONS: tuple[Deviation, ...] = (
    Deviation(
        case="CAN-06",
        subjects="*-httpx",
        reason="httpcore 1.0.9 loses a place in its pool for a request cancelled as it gets its connection",
        link="https://github.com/encode/httpcore/issues/1093",
        script="httpcore_cancelled_in_queue",
        race=True,
    ),
    Deviation(
        case="FRM-15-protocol",
        subjects="*-uvicorn-httptools",
        reason="llhttp takes RTSP/1.0 with the methods that AirPlay uses, and httptools does not tell",
        link="https://github.com/nodejs/llhttp/blob/release/v9.4.3/include/llhttp.h#L372",
        script="httptools_rtsp",
    ),
    Deviation(
        case="FRM-17",
        subjects="*-uvicorn-httptools",
        reason="uvicorn's httptools protocol writes its 400 at once, before or into the answer that is due",
        link="https://github.com/Kludex/uvicorn/blob/0.54.0/uvicorn/protocols/http/httptools_impl.py#L178",
        script="uvicorn_httptools_400_into_response",
    ),
    Deviation(
        case="FRM-17-into",
        subjects="*-uvicorn-httptools",
        reason="uvicorn's httptools protocol writes its 400 at once, before or into the answer that is due",
        link="https://github.com/Kludex/uvicorn/blob/0.54.0/uvicorn/protocols/http/httptools_impl.py#L178",
        script="uvicorn_httptools_400_into_response",
    ),
    Deviation(
        case="FRM-19-bodiless",
        subjects="*-aiohttp",
        reason=_ONE_READ,
        link=f"{_AIOHTTP}/_http_parser.pyx#L723",
        script="aiohttp_head_is_lost",
    ),
    Deviation(
        case="FRM-19-empty",
        subjects="*-aiohttp",
        reason=_ONE_READ,
        link=f"{_AIOHTTP}/_http_parser.pyx#L723",
        script="aiohttp_head_is_lost",
    ),
    Deviation(
        case="FRM-19-head",
        subjects="*-aiohttp",
        reason=_ONE_READ,
        link=f"{_AIOHTTP}/_http_parser.pyx#L723",
        script="aiohttp_head_is_lost",
    ),
    Deviation(
        case="FRM-29-tab",
        subjects="*-uvicorn-httptools",
        reason="llhttp takes a space for white space after a transfer coding, and no tab: it answers 400",
        link="https://github.com/nodejs/llhttp/issues/876",
        script="httptools_coding_tab",
    ),
    Deviation(
        case="FRM-33",
        subjects="*-uvicorn-h11",
        reason=_H11_EMPTY_LINE,
        link="https://github.com/python-hyper/h11/blob/v0.16.0/h11/_readers.py#L81",
        script="h11_empty_line",
    ),
    Deviation(
        case="FRM-33",
        subjects="*-hypercorn-h1",
        reason=_H11_EMPTY_LINE,
        link="https://github.com/python-hyper/h11/blob/v0.16.0/h11/_readers.py#L81",
        script="h11_empty_line",
    ),
    Deviation(
        case="FRM-34",
        subjects="*-uvicorn-httptools",
        reason="uvicorn's httptools protocol bounds no request head, and no app sees it before its end",
        link="https://github.com/Kludex/uvicorn/pull/1684",
        script="uvicorn_httptools_endless_head",
    ),
    Deviation(
        case="FRM-50",
        subjects="*-aiohttp",
        reason=_CODING_TAB,
        link="https://github.com/nodejs/llhttp/issues/876",
        script="httptools_coding_tab",
    ),
    Deviation(
        case="HDR-11",
        subjects="*-aiohttp",
        reason=_UTF_8,
        link=f"{_AIOHTTP}/_http_writer.pyx#L71",
        script="aiohttp_field_bytes",
    ),
    Deviation(
        case="HDR-11-edges",
        subjects="*-aiohttp",
        reason=_UTF_8,
        link=f"{_AIOHTTP}/_http_writer.pyx#L71",
        script="aiohttp_field_bytes",
    ),
    Deviation(
        case="INF-06",
        subjects="*-hypercorn-h1-wire",
        reason="hypercorn says 100 as it reads the head, before the upstream has been asked",
        link="https://github.com/pgjones/hypercorn/blob/0.18.0/src/hypercorn/protocol/h11.py#L155",
        no_script=_MAY_SAY_100,
    ),
    Deviation(
        case="INF-06-limit",
        subjects="*-hypercorn-h1",
        reason="hypercorn says 100 as it reads the head, before the app has seen it",
        link="https://github.com/pgjones/hypercorn/blob/0.18.0/src/hypercorn/protocol/h11.py#L155",
        no_script=_MAY_SAY_100,
    ),
    Deviation(
        case="INF-07-expect",
        subjects="*-uvicorn-httptools",
        reason="uvicorn's httptools protocol says 100 to every Expect: it never looks at the version",
        link="https://github.com/Kludex/uvicorn/blob/0.54.0/uvicorn/protocols/http/httptools_impl.py#L244",
        script="uvicorn_httptools_expect_http10",
    ),
    Deviation(
        case="MET-01-foo",
        subjects="*-uvicorn-httptools",
        reason="llhttp, under httptools, knows a fixed list of methods and answers 400 to any other",
        link="https://github.com/nodejs/llhttp/blob/release/v9.4.3/include/llhttp.h#L334",
        script="httptools_methods",
    ),
    Deviation(
        case="MET-02",
        subjects="*-hypercorn-h1",
        reason="hypercorn upper-cases the method before the app sees it",
        link="https://github.com/pgjones/hypercorn/blob/0.18.0/src/hypercorn/protocol/h11.py#L240",
        script="hypercorn_upper_case_method",
    ),
    Deviation(
        case="OPS-07-idle",
        subjects="*-hypercorn-h1",
        reason="hypercorn keeps the socket of a client that has left until its idle timer ends",
        link="https://github.com/pgjones/hypercorn/blob/0.18.0/src/hypercorn/asyncio/tcp_server.py#L57",
        script="hypercorn_idle_close",
    ),
    Deviation(
        case="RSP-22",
        subjects="*-uvicorn-httptools",
        reason="uvicorn's httptools protocol chunks to HTTP/1.0 clients: it never looks at the version",
        link="https://github.com/Kludex/uvicorn/blob/0.54.0/uvicorn/protocols/http/httptools_impl.py#L518",
        script="uvicorn_httptools_http10_chunked",
    ),
    Deviation(
        case="RSP-23",
        subjects="*-aiohttp",
        reason=_LENGTH_IN_TRAILERS,
        link=f"{_AIOHTTP}/_http_parser.pyx#L723",
        script="aiohttp_length_in_trailers",
    ),
    Deviation(
        case="STR-15",
        subjects="*-uvicorn-httptools",
        reason="uvicorn's httptools protocol chunks to HTTP/1.0 clients: it never looks at the version",
        link="https://github.com/Kludex/uvicorn/blob/0.54.0/uvicorn/protocols/http/httptools_impl.py#L518",
        script="uvicorn_httptools_http10_chunked",
    ),
    Deviation(
        case="TGT-14",
        subjects="*-uvicorn-httptools",
        reason="uvicorn cuts the fragment off: httptools.parse_url gives it apart, ASGI has no place for it",
        link="https://github.com/Kludex/uvicorn/blob/0.54.0/uvicorn/protocols/http/httptools_impl.py#L256",
        script="uvicorn_httptools_fragment",
    ),
    Deviation(
        case="TRL-03",
        subjects="*-aiohttp",
        reason=_LENGTH_IN_TRAILERS,
        link=f"{_AIOHTTP}/_http_parser.pyx#L723",
        script="aiohttp_length_in_trailers",
    ),
    Deviation(
        case="TRL-03-tls",
        subjects="*-aiohttp",
        reason=_LENGTH_IN_TRAILERS,
        link=f"{_AIOHTTP}/_http_parser.pyx#L723",
        script="aiohttp_length_in_trailers",
    ),
    Deviation(
        case="TRL-06",
        subjects="*-uvicorn-httptools",
        reason="uvicorn's httptools protocol adds trailers to the list that is scope['headers'] already",
        link="https://github.com/Kludex/uvicorn/blob/0.54.0/uvicorn/protocols/http/httptools_impl.py#L246",
        script="uvicorn_httptools_trailers",
    ),
)


def deviation(case: Case, subject: Subject) -> Deviation | None:
    """The deviation that speaks of this case on this subject."""
    for known in DEVIATIONS:
        if known.case == case.id and known.speaks_of(subject):
            return known
    return None


class _File(msgspec.Struct, forbid_unknown_fields=True):
    deviation: tuple[Known, ...] = ()


def read(path: Path) -> tuple[Known, ...]:
    """The deviations in a TOML file, each a `[[deviation]]`; an empty file has none.

    Raises: DeviationsError, one line.
    """
    try:
        found = tomllib.loads(path.read_text("utf-8"))
        return msgspec.convert(found, _File).deviation
    except OSError as error:
        raise DeviationsError(f"{path}: {error.strerror}") from None
    except msgspec.ValidationError as error:
        accepted = (
            "[[deviation]] tables of case, reason, link if there is one, race = true if it sometimes passes"
        )
        raise DeviationsError(f"{path}: {error}; accepted: {accepted}") from None
    except ValueError as error:  # TOMLDecodeError, UnicodeDecodeError
        raise DeviationsError(f"{path}: not TOML: {error}") from None
