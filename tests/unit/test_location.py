"""References to the upstream, told to the client: which are rewritten, and to what."""

from urllib.parse import urljoin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.location import client_reference, for_the_client
from shared.variables import UpstreamURL

ROOT = UpstreamURL("http", "origin.test", 8080)
BASED = UpstreamURL("http", "origin.test", 8080, b"/base")
PLAIN = UpstreamURL("http", "origin.test", 80)
TLS = UpstreamURL("https", "origin.test", 443)
SIX = UpstreamURL("http", "2001:db8::1", 8080)


@pytest.mark.parametrize(
    ("upstream", "value", "told"),
    [
        (ROOT, b"http://origin.test:8080/x", b"/x"),
        (ROOT, b"http://origin.test:8080/a/../b?c=/d#e?f", b"/a/../b?c=/d#e?f"),
        (ROOT, b"http://origin.test:8080", b"/"),
        (ROOT, b"http://origin.test:8080?a=b", b"/?a=b"),
        (ROOT, b"http://origin.test:8080#a", b"/#a"),
        (ROOT, b"HTTP://Origin.TEST:08080/X", b"/X"),
        (ROOT, b"http://origin.test:8080//evil.test/x", b"/.//evil.test/x"),
        (ROOT, b"http://origin.test:8080/\\evil.test/x", b"/./\\evil.test/x"),
        (ROOT, b"http://origin.test:8080/caf\xc3\xa9", b"/caf\xc3\xa9"),
        (PLAIN, b"http://origin.test/x", b"/x"),
        (PLAIN, b"http://origin.test:/x", b"/x"),
        (PLAIN, b"http://origin.test:80/x", b"/x"),
        (TLS, b"https://origin.test/x", b"/x"),
        (TLS, b"https://origin.test:443/x", b"/x"),
        (SIX, b"http://[2001:DB8:0::1]:8080/x", b"/x"),
        (BASED, b"http://origin.test:8080/base/x", b"/x"),
        (BASED, b"http://origin.test:8080/base/", b"/"),
        (BASED, b"http://origin.test:8080/base", b"/"),
        (BASED, b"http://origin.test:8080/base?a=b", b"/?a=b"),
        (BASED, b"http://origin.test:8080/base#a", b"/#a"),
        (BASED, b"http://origin.test:8080/base//x", b"/.//x"),
    ],
)
def test_a_url_of_the_upstream_becomes_a_path(upstream: UpstreamURL, value: bytes, told: bytes) -> None:
    assert client_reference(value, upstream) == told


@pytest.mark.parametrize(
    ("upstream", "value"),
    [
        (ROOT, b""),
        (ROOT, b"/x"),
        (ROOT, b"../x"),
        (ROOT, b"//origin.test:8080/x"),
        (ROOT, b"https://origin.test:8080/x"),
        (ROOT, b"http://origin.test/x"),
        (ROOT, b"http://origin.test:80801/x"),
        (ROOT, b"http://origin.test:8080.evil.test/x"),
        (ROOT, b"http://origin.test:8080@evil.test/x"),
        (ROOT, b"http://user@origin.test:8080/x"),
        (ROOT, b"http://xorigin.test:8080/x"),
        (ROOT, b"http://origin.test.:8080/x"),
        (ROOT, b"http://origin.test:8080\\x"),
        (ROOT, b"http://origin.test:8080/a b"),
        (ROOT, b"http://origin.test:8080/\t/evil.test"),
        (ROOT, b"see http://origin.test:8080/x"),
        (ROOT, b"http://[bad"),
        (ROOT, b"ftp://origin.test:8080/x"),
        (PLAIN, b"http://origin.test:8080/x"),
        (TLS, b"http://origin.test/x"),
        (SIX, b"http://[2001:db8::2]:8080/x"),
        (SIX, b"http://[:::]:8080/x"),
        (BASED, b"http://origin.test:8080/"),
        (BASED, b"http://origin.test:8080/other"),
        (BASED, b"http://origin.test:8080/baseline"),
        (BASED, b"http://origin.test:8080/base/../other"),
        (BASED, b"http://origin.test:8080/base/%2e%2e/other"),
    ],
)
def test_anything_else_stays_as_it_is(upstream: UpstreamURL, value: bytes) -> None:
    assert client_reference(value, upstream) == value


def test_only_fields_that_hold_a_reference_are_looked_at() -> None:
    url = b"http://origin.test:8080/x"
    came = [(b"location", url), (b"Content-Location", url), (b"Link", url), (b"Location", b"/y")]
    assert for_the_client(came, ROOT) == [
        (b"location", b"/x"),
        (b"Content-Location", b"/x"),
        (b"Link", url),
        (b"Location", b"/y"),
    ]


@given(st.text("/.?#:@abx", max_size=12))
def test_what_is_told_never_names_another_host(path: str) -> None:
    told = client_reference(b"http://origin.test:8080/" + path.encode(), ROOT)
    assert told.startswith(b"/")
    assert urljoin("http://front.test/here", told.decode()).startswith("http://front.test/")
