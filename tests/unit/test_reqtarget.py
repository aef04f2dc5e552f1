"""Which targets go on, as what; and that none chooses a host or leaves the base path, however it is read."""

import re
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.errors import BadRequest
from shared.reqtarget import authority_of, climbs, from_asgi, origin_form, upstream_target

# From ASGI


@pytest.mark.parametrize(
    ("raw_path", "query", "target"),
    [
        (b"/", b"", b"/"),
        (b"/a%2Fb", b"x=%20&&y", b"/a%2Fb?x=%20&&y"),
        (b"/a", b"?", b"/a??"),
        (b"*", b"", b"*"),
        (b"http://a/b", b"c", b"http://a/b?c"),
    ],
)
def test_what_asgi_split_is_joined(raw_path: bytes, query: bytes, target: bytes) -> None:
    assert from_asgi(raw_path, query) == target


# Joining with the base: the table of Go's httputil (TestSingleJoinSlash, TestJoinURLPath), byte for byte

BYTES_KEPT = [
    b"/",
    b"/x",
    b"/x/",
    b"//x",
    b"/a//b",
    b"/a/",
    b"/a%2Fb%20c/%C3%A9/%c3%a9",
    b"/a;b=c/%zz/%",
    b"/p?a=%20&b=+&c=%2B&d=%zz&e=%25&f[]=1&&g",
    b"/?",
    b"/a?b?c=/../..",
    b"/\\evil.test",
    b"/@evil.test",
    b"/http://evil.test/",
    b"//evil.test/x",
    b"/a/./b",
    b"/a/...",
    b"/..a/b..",
    b"/%2e%2ea",
    b'/a|b^c`{d}"<e>',
]


@pytest.mark.parametrize("target", BYTES_KEPT)
@pytest.mark.parametrize("base", [b"", b"/base", b"/a/b%20c"])
def test_the_bytes_the_client_wrote_go_on_behind_the_base(target: bytes, base: bytes) -> None:
    assert upstream_target(target, base) == base + target


@pytest.mark.parametrize(
    "target", [b"/..", b"/../admin", b"/a/../../b", b"/%2e%2e/admin", b"/a/..%2fadmin", b"/..;/x"]
)
def test_without_a_base_there_is_nothing_to_leave(target: bytes) -> None:
    assert upstream_target(target, b"") == target


@pytest.mark.parametrize(
    "target",
    [
        b"/..",
        b"/../admin",
        b"/a/..",
        b"/%2e%2e/admin",
        b"/.%2E/admin",
        b"/a/..%2fadmin",
        b"/a%2F..%2Fb",
        b"/..;/admin",
        b"/..;a=b/admin",
        b"/%2e%2e%3b/admin",
        b"/..\\admin",
        b"/a%5c..%5cb",
        b"/a\\..",
        b"/%252e%252e/admin",
        b"/%25252e./admin",
        b"/..%252fadmin",
        b"/%%32%65%%32%65/admin",
        b"/..?a=b",
        b"http://proxy.test/../admin",
        b"/%2525252e./admin",
        b"/..%c0%afadmin",
        b"/%c0%ae%c0%ae/admin",
        b"/a/\xc0\xae./admin",
        b"/..%c1%9cadmin",
        b"/..%00/admin",
        b"/..%00.txt",
        b"/..%20/admin",
        b"/.%09./admin",
        b"/a/%2f%2e%2e",
    ],
)
def test_what_could_leave_the_base_is_refused(target: bytes) -> None:
    with pytest.raises(BadRequest):
        upstream_target(target, b"/base")


def test_escapes_of_escapes_cost_no_more_than_they_have_to() -> None:
    """Reading to the end would take 30,000 passes over 60 KB."""
    assert climbs(b"/%" + b"25" * 30000 + b"2e")


# Forms


@pytest.mark.parametrize(
    ("target", "authority", "path"),
    [
        (b"http://proxy.test/x", b"proxy.test", b"/x"),
        (b"HTTPS://evil.test:8443/x?y", b"evil.test:8443", b"/x?y"),
        (b"http://evil.test", b"evil.test", b"/"),
        (b"http://evil.test?y", b"evil.test", b"/?y"),
        (b"http://[::1]:80//x", b"[::1]:80", b"//x"),
        (b"http://evil.test:/", b"evil.test:", b"/"),
    ],
)
def test_absolute_form_gives_its_path_and_its_authority_apart(
    target: bytes, authority: bytes, path: bytes
) -> None:
    assert upstream_target(target, b"/base") == b"/base" + path
    assert authority_of(target) == authority


@pytest.mark.parametrize("target", [b"/x", b"//evil.test/x", b"*", b"evil.test:443", b"/http://evil.test/"])
def test_no_other_form_has_an_authority(target: bytes) -> None:
    assert authority_of(target) is None


@pytest.mark.parametrize(
    "target",
    [
        b"",
        b"foo",
        b"evil.test:443",
        b"@evil.test/x",
        b"?x",
        b"ftp://evil.test/",
        b"http:/x",
        b"http:x",
        b"http://",
        b"http:///x",
        b"http://?x",
        b"http://user@evil.test/",
        b"http://user:secret@evil.test/",
        b"http://a,b/",
        b"http://evil\xe9.test/",
        b"http://[::1/",
        b"http://evil.test:http/",
        b"http://evil.test\\@proxy.test/",
        b"/a b",
        b"/a\tb",
        b"/a\r\nX: y",
        b"/\x00",
        b"/\x7f",
    ],
)
@pytest.mark.parametrize("base", [b"", b"/base"])
def test_anything_else_is_refused(target: bytes, base: bytes) -> None:
    with pytest.raises(BadRequest):
        upstream_target(target, base)


def test_the_asterisk_is_for_options_alone() -> None:
    assert upstream_target(b"*", b"", method=b"OPTIONS") == b"*"
    assert upstream_target(b"*", b"/base", method=b"OPTIONS") == b"/base"
    with pytest.raises(BadRequest):
        upstream_target(b"*", b"", method=b"GET")


# Any target at all

pieces = st.sampled_from(
    [*rb"/ . .. %2e %2E %252e %2f %5C \ ; %3b %25 % 2 e ? a http:// evil.test @ : # * %00".split(), b"\xe9"]
)
targets = st.lists(pieces, max_size=14).map(b"".join)
bases = st.sampled_from([b"", b"/base", b"/a/b"])


def readings(path: bytes) -> set[bytes]:
    """The segments that a reader sees who unescapes the path up to eight times, and takes \\ for /."""
    seen: set[bytes] = set()
    for _ in range(8):
        seen.update(segment.split(b";")[0] for segment in re.split(rb"[/\\]", path))
        path = unquote_to_bytes(path)
    return seen


@given(targets | targets.map(lambda rest: b"/" + rest), bases)
@example(b"/%%32%65./x", b"/base")
def test_what_goes_on_starts_with_the_base_and_never_climbs_out_of_it(target: bytes, base: bytes) -> None:
    try:
        sent = upstream_target(target, base)
    except BadRequest:
        return
    assert sent.startswith(base + b"/")
    assert target.endswith(sent.removeprefix(base).removeprefix(b"/"))
    if base:
        assert b".." not in readings(sent.partition(b"?")[0])


@given(targets, bases)
def test_an_absolute_form_never_shows_its_authority_to_the_upstream(rest: bytes, base: bytes) -> None:
    try:
        sent = upstream_target(b"http://secret.test" + rest, base)
    except BadRequest:
        return
    assert b"secret" not in sent
    assert sent.startswith(base + b"/")


@given(targets)
def test_origin_form_is_reached_in_one_step(target: bytes) -> None:
    try:
        path = origin_form(target)
    except BadRequest:
        return
    assert path == b"*" or path.startswith(b"/")
    assert origin_form(path) == path


@given(st.binary(max_size=12).map(lambda raw: b"/" + raw))
def test_only_visible_bytes_go_on_and_no_fragment(target: bytes) -> None:
    visible = not set(target) & {*range(0x21), 0x23, 0x7F}
    try:
        assert upstream_target(target, b"") == target
    except BadRequest:
        assert not visible
    else:
        assert visible
