"""What a fan-out's query asks for, and what it is refused for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.client import Client
from shared.errors import BadRequest, HeaderTooLarge, LoopDetected
from shared.fanout.plan import MAX_CHARS, MAX_PATHS, Plan, Query, plan, read_query
from shared.messages import Headers
from shared.settings import ForwardSettings
from shared.variables import UpstreamURL
from tests.unit.asgi import request_of

HOST = (b"Host", b"proxy.example")


async def never() -> None:
    raise AssertionError("a plan reads nothing")


def planned(query: bytes, headers: Headers | None = None, *, base: bytes = b"", limit: int = 65536) -> Plan:
    client = Client(never)
    request = request_of(client, target=b"/-/fanout?" + query, headers=[HOST] if headers is None else headers)
    origin = UpstreamURL("http", "upstream.example", 8080, base)
    settings = ForwardSettings(origin, via=b"tandem", max_header=limit)
    return plan(request, settings)


def test_an_empty_query_asks_five_times_for_the_base_path() -> None:
    asked = planned(b"", base=b"/base")
    assert asked.chars == 50
    assert [(ask.path, ask.request.method, ask.request.target) for ask in asked.asks] == [
        ("/", b"GET", b"/base/")
    ] * 5


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (b"path=/a&path=/b&path=/a", Query((b"/a", b"/b", b"/a"))),
        (b"path=%2Fa%3Fq%3D1%26r", Query((b"/a?q=1&r",))),
        (b"&&path=/a=b&", Query((b"/a=b",))),
        (b"path=/a%2Bb", Query((b"/a+b",))),
        (b"chars=1", Query(chars=1)),
        (b"chars=0050&path=/", Query((b"/",), 50)),
        (b"chars=10000", Query(chars=MAX_CHARS)),
        (
            b"header=Accept-Language&header=accept-language&header=X",
            Query(header=frozenset((b"accept-language", b"x"))),
        ),
    ],
)
def test_the_query_is_read_as_a_form(query: bytes, expected: Query) -> None:
    assert read_query(query) == expected


@given(st.lists(st.binary(max_size=12), min_size=1, max_size=MAX_PATHS))
def test_any_bytes_can_be_written_in_a_query(paths: list[bytes]) -> None:
    query = b"&".join(b"path=" + b"".join(b"%%%02x" % byte for byte in path) for path in paths)
    assert read_query(query).paths == tuple(paths)


@pytest.mark.parametrize(
    ("query", "says"),
    [
        (b"chars=0", "chars='0' is not a whole number from 1 to 10000"),
        (b"chars=10001", "chars='10001'"),
        (b"chars=-1", "chars='-1'"),
        (b"chars=", "chars=''"),
        (b"chars=%D9%A3", "chars='٣'"),
        (b"chars=5&chars=5", "chars is given more than once"),
        (b"limit=5", "'limit' is no key of a fan-out: path, chars and header are"),
        (b"Path=/a", "'Path' is no key"),
        (b"/a", "'/a' is no key"),
        (b"path", "path='' does not begin with a slash"),
        (b"path=a", "path='a' does not begin with a slash"),
        (b"path=http://other.example/a", "does not begin with a slash"),
        (b"path=*", "does not begin with a slash"),
        (b"path=/a+b", "path='/a b' holds a space"),
        (b"path=/a%0d%0aX:%20y", "path='/a\\r\\nX: y' holds a space"),
        (b"path=/" + b"a" * 999 + b"+", "aaa…' holds a space"),
        (b"path=/a%0d%0aX:y", "bytes that no target may hold"),
        (b"path=/a%00", "bytes that no target may hold"),
        (b"path=/&" * (MAX_PATHS + 1), "at most 20 paths, these are 21"),
        (b"header=", "header='' is not the name of a header field"),
        (b"header=a%20b", "header='a b' is not the name"),
    ],
)
def test_a_query_that_names_no_fan_out_is_refused_in_words(query: bytes, says: str) -> None:
    with pytest.raises(BadRequest) as refused:
        planned(query)
    assert says in refused.value.detail
    assert refused.value.detail.isprintable()
    assert len(refused.value.detail) < 200


@pytest.mark.parametrize(
    "name",
    [
        "Connection", "Keep-Alive", "TE", "Trailer", "Transfer-Encoding", "Upgrade", "Proxy-Connection",
        "Proxy-Authorization", "Content-Length", "Expect", "Host", "Via", "Forwarded", "X-Forwarded-For",
        "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "X-Hop",
    ],
)  # fmt: skip
def test_a_field_of_this_connection_or_of_the_proxy_cannot_be_listed(name: str) -> None:
    headers = [HOST, (b"Connection", b"close, x-hop"), (b"X-Hop", b"1")]
    with pytest.raises(BadRequest, match=f"(?i)^header='{name}' cannot be forwarded"):
        planned(b"header=" + name.encode(), headers)


CLIENT_FIELDS: Headers = [
    HOST,
    (b"Cookie", b"a=1"),
    (b"ACCEPT", b"text/plain"),
    (b"Authorization", b"Basic x"),
    (b"Accept", b"text/*;q=0.5"),
    (b"X-Forwarded-For", b"203.0.113.9"),
    (b"User-Agent", b"curl"),
]


def test_no_field_of_the_client_goes_on_unless_it_is_listed() -> None:
    (ask,) = planned(b"path=/", CLIENT_FIELDS).asks
    assert ask.request.headers == [(b"Host", b"upstream.example:8080"), (b"Via", b"1.1 tandem")]
    assert ask.request.body is None


def test_listed_fields_go_on_as_they_came() -> None:
    first, second = planned(b"path=/a&path=/b&header=accept&header=If-Match", CLIENT_FIELDS).asks
    assert (
        first.request.headers
        == second.request.headers
        == [
            (b"Host", b"upstream.example:8080"),
            (b"ACCEPT", b"text/plain"),
            (b"Accept", b"text/*;q=0.5"),
            (b"Via", b"1.1 tandem"),
        ]
    )


@pytest.mark.parametrize(
    ("path", "target"),
    [
        (b"/a/../b", None),
        (b"/a/%252e%252e/b", None),
        (b"/..%255cb", None),
        (b"//other.example/b", b"/base//other.example/b"),
        (b"/a%253Fb", b"/base/a%3Fb"),
        (b"/a?x=..", b"/base/a?x=.."),
        (b"/caf%C3%A9", b"/base/caf%C3%A9"),
        (b"/caf%25C3%25A9", b"/base/caf%C3%A9"),
    ],
)
def test_each_path_stays_below_the_base_and_chooses_no_host(path: bytes, target: bytes | None) -> None:
    query = b"path=/fine&path=" + path
    if target is None:
        with pytest.raises(BadRequest, match="could leave the base path"):
            planned(query, base=b"/base")
    else:
        assert planned(query, base=b"/base").asks[1].request.target == target


def test_a_path_is_named_in_its_record_as_the_client_wrote_it() -> None:
    asks = planned(b"path=/caf%C3%A9%3Fq&path=/%ff").asks
    assert [ask.path for ask in asks] == ["/café?q", "/\ufffd"]


@pytest.mark.parametrize("headers", [[], [HOST, HOST], [(b"Host", b"a b")]])
def test_a_request_without_one_host_is_refused_here_too(headers: Headers) -> None:
    with pytest.raises(BadRequest):
        planned(b"", headers)


def test_a_head_beyond_the_limit_is_refused_here_too() -> None:
    with pytest.raises(HeaderTooLarge):
        planned(b"path=/" + b"a" * 1000, limit=1024)


def test_a_fan_out_is_a_hop_too() -> None:
    (first, *_) = planned(b"", [HOST, (b"Via", b"1.0 fred")]).asks
    (came,) = [value for name, value in first.request.headers if name == b"Via"]
    assert came == b"1.0 fred, 1.1 tandem"
    with pytest.raises(LoopDetected):
        planned(b"", [HOST, (b"Via", came)])
