"""The table of variables: each row takes what it should and refuses what it should."""

import ipaddress
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from shared.variables import TABLE, Row, UpstreamURL

ROWS = {row.name: row for row in TABLE}

GOOD: dict[str, dict[str, Any]] = {
    "TANDEM_UPSTREAM_URL": {
        "http://origin.test": UpstreamURL("http", "origin.test", 80),
        "https://origin.test": UpstreamURL("https", "origin.test", 443),
        "http://origin.test:8080/": UpstreamURL("http", "origin.test", 8080),
        "http://10.0.0.1:81/base/": UpstreamURL("http", "10.0.0.1", 81, b"/base"),
        "http://[::1]:8080/a//b;c=%20/": UpstreamURL("http", "::1", 8080, b"/a//b;c=%20"),
        "HTTP://Origin.TEST:/x": UpstreamURL("http", "origin.test", 80, b"/x"),
        "http://my_service.ns.svc.cluster.local.:80": UpstreamURL(
            "http", "my_service.ns.svc.cluster.local.", 80
        ),
        "http://xn--bcher-kva.test": UpstreamURL("http", "xn--bcher-kva.test", 80),
        "http://localhost:65535": UpstreamURL("http", "localhost", 65535),
    },
    "TANDEM_ENGINE": {"httpx2": "httpx2", "httpx": "httpx", "wire": "wire"},
    "TANDEM_ROUTE": {"handler": "handler", "mount": "mount"},
    "TANDEM_MAX_CONNECTIONS": {"1": 1, "5000": 5000},
    "TANDEM_MAX_KEEPALIVE": {"0": 0, "20": 20},
    "TANDEM_KEEPALIVE_EXPIRY": {"0.5": 0.5, "75": 75.0},
    "TANDEM_CONNECT_TIMEOUT": {"0.001": 0.001, "10": 10.0},
    "TANDEM_POOL_TIMEOUT": {"0.25": 0.25},
    "TANDEM_WRITE_TIMEOUT": {"1e3": 1000.0},
    "TANDEM_RESPONSE_TIMEOUT": {"600": 600.0},
    "TANDEM_READ_TIMEOUT": {"0": 0.0, "0.0": 0.0, "90": 90.0},
    "TANDEM_MAX_BODY": {"0": 0, "1048576": 1048576},
    "TANDEM_MAX_HEADER": {"1024": 1024},
    "TANDEM_HOST": {"rewrite": "rewrite", "preserve": "preserve"},
    "TANDEM_TRUSTED_PROXIES": {
        "": (),
        "10.0.0.0/8": (ipaddress.ip_network("10.0.0.0/8"),),
        " 127.0.0.1 , ::1 ,": (ipaddress.ip_network("127.0.0.1/32"), ipaddress.ip_network("::1/128")),
    },
    "TANDEM_VIA": {"": b"", "edge-1": b"edge-1", "~": b"~", "a" * 64: b"a" * 64},
    "TANDEM_UPSTREAM_CA": {"": None},
    "TANDEM_UPSTREAM_CERT": {"": None},
    "TANDEM_UPSTREAM_KEY": {"": None},
    "TANDEM_DRAIN_TIMEOUT": {"2": 2.0},
    "TANDEM_ADMIN_PREFIX": {"": "", "/-": "/-", "/ops/tandem": "/ops/tandem"},
    "TANDEM_ACCESS_LOG": {"on": True, "off": False, "OFF": False},
}

NO_SECONDS = ("", "-1", "0", "nan", "inf", "five", "1e99", "5s")
NO_COUNT = ("", "-1", "1.5", "ten", "1_000", " 1", "\N{ARABIC-INDIC DIGIT ONE}", "9" * 30)
BAD: dict[str, tuple[str, ...]] = {
    "TANDEM_UPSTREAM_URL": (
        "",
        "origin.test",
        "origin.test:80",
        "//origin.test",
        "ftp://origin.test",
        "http://",
        "http:///path",
        "http://:80",
        "http://user@origin.test",
        "http://user:secret@origin.test",
        "http://:secret@origin.test",
        "http://@origin.test",
        "http://origin.test?",
        "http://origin.test/?a=b",
        "http://origin.test/#",
        "http://origin.test/#part",
        "http://origin.test:0",
        "http://origin.test:65536",
        "http://origin.test:http",
        "http://origin.test:80:80",
        "http://ori gin.test",
        "http://origin.test/a b",
        "http://origin.test\n",
        "http://origin.test\x00",
        "http://or\xedgin.test",
        "http://\N{PILE OF POO}.test",
        "http://origin.test/\N{PILE OF POO}",
        "http://origin..test",
        "http://.test",
        "http://-/",
        "http://ori<gin.test",
        "http://ori%67in.test",
        "http://origin.test\\@evil.test",
        "http://a,b",
        "http://*.test",
        "http://999.1.1.1",
        "http://1.2.3",
        "http://[::1",
        "http://[::1]x",
        "http://[fe80::1%25eth0]",
        "http://[v1.x]",
        f"http://{'a' * 64}.test",
        f"http://{'a.' * 127}test",
    ),
    "TANDEM_ENGINE": ("", "HTTPX2", "requests"),
    "TANDEM_ROUTE": ("", "handle", "mount "),
    "TANDEM_MAX_CONNECTIONS": (*NO_COUNT, "0"),
    "TANDEM_MAX_KEEPALIVE": NO_COUNT,
    "TANDEM_KEEPALIVE_EXPIRY": NO_SECONDS,
    "TANDEM_CONNECT_TIMEOUT": NO_SECONDS,
    "TANDEM_POOL_TIMEOUT": NO_SECONDS,
    "TANDEM_WRITE_TIMEOUT": NO_SECONDS,
    "TANDEM_RESPONSE_TIMEOUT": NO_SECONDS,
    "TANDEM_READ_TIMEOUT": tuple(text for text in NO_SECONDS if text != "0"),
    "TANDEM_MAX_BODY": NO_COUNT,
    "TANDEM_MAX_HEADER": (*NO_COUNT, "0", "1023"),
    "TANDEM_HOST": ("", "keep"),
    "TANDEM_TRUSTED_PROXIES": ("localhost", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/8;::1", "*"),
    "TANDEM_VIA": ("a b", "edge:80", "a,b", "(a)", "\u00e9", "a\n", "a" * 65),
    "TANDEM_UPSTREAM_CA": ("/no/such/file", "/"),
    "TANDEM_UPSTREAM_CERT": ("/no/such/file", "/"),
    "TANDEM_UPSTREAM_KEY": ("/no/such/file", "/"),
    "TANDEM_DRAIN_TIMEOUT": NO_SECONDS,
    "TANDEM_ADMIN_PREFIX": ("-", "/", "/-/", "//x", "/a b", "/a?b", "/{path}", "/%2d"),
    "TANDEM_ACCESS_LOG": ("", "yes", "1", "true"),
}


def good() -> Iterator[tuple[Row, str, Any]]:
    for name, values in GOOD.items():
        for text, value in values.items():
            yield ROWS[name], text, value


def bad() -> Iterator[tuple[Row, str]]:
    for name, texts in BAD.items():
        for text in texts:
            yield ROWS[name], text


def test_every_row_is_tried_with_good_values_and_bad_ones() -> None:
    assert list(GOOD) == list(BAD) == [row.name for row in TABLE]


@pytest.mark.parametrize(
    ("row", "text", "value"), list(good()), ids=lambda part: getattr(part, "name", ascii(part))
)
def test_taken(row: Row, text: str, value: Any) -> None:
    assert row.read(text) == value


@pytest.mark.parametrize(("row", "text"), list(bad()), ids=lambda part: getattr(part, "name", ascii(part)))
def test_refused(row: Row, text: str) -> None:
    with pytest.raises((ValueError, KeyError, OSError)):
        row.read(text)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_a_row_is_fit_for_a_table_and_its_default_is_acceptable(row: Row) -> None:
    assert re.fullmatch(r"TANDEM_[A-Z]+(_[A-Z]+)*", row.name)
    for text in (row.accepts, row.meaning, row.shown or ""):
        assert "\n" not in text
        assert "|" not in text
    if row.default:
        row.read(row.default)
    else:
        assert row.shown, "a default that is not a value needs a word for the README"


def test_an_authority_names_the_port_only_where_the_scheme_does_not() -> None:
    cases = {
        "http://origin.test": b"origin.test",
        "http://origin.test:80": b"origin.test",
        "http://origin.test:443": b"origin.test:443",
        "https://origin.test:443": b"origin.test",
        "https://origin.test:80": b"origin.test:80",
        "http://[2001:db8::1]": b"[2001:db8::1]",
        "http://[2001:db8::1]:81": b"[2001:db8::1]:81",
    }
    assert {text: ROWS["TANDEM_UPSTREAM_URL"].read(text).authority for text in cases} == cases


@given(
    st.text(max_size=40) | st.text("htps:/.@[]%?#\\0129a-", max_size=30).map(lambda rest: "http://" + rest)
)
def test_whatever_url_is_taken_can_stand_in_a_host_field_and_in_front_of_a_target(text: str) -> None:
    try:
        url: UpstreamURL = ROWS["TANDEM_UPSTREAM_URL"].read(text)
    except ValueError:
        return
    assert re.fullmatch(rb"([A-Za-z0-9._-]+|\[[0-9a-f:.]+\])(:[1-9][0-9]{0,4})?", url.authority)
    assert 1 <= url.port <= 65535
    assert re.fullmatch(rb"(/[\x21-\x7e]*[^/])?", url.base)


def test_a_ca_file_has_to_hold_a_certificate(tmp_path: Path) -> None:
    row = ROWS["TANDEM_UPSTREAM_CA"]
    pem = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(pem)
    assert row.read(str(pem)) == pem
    for content in (b"", b"not a certificate"):
        pem.write_bytes(content)
        with pytest.raises((ValueError, OSError)):
            row.read(str(pem))
