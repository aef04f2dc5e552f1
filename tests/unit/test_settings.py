"""Settings from an environment: each variable lands in its slice, each mistake is one line."""

import ipaddress
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from shared.settings import (
    AppSettings,
    ForwardSettings,
    PoolSettings,
    SettingError,
    Settings,
    TimeoutSettings,
    TLSSettings,
    from_env,
    parse,
)
from shared.variables import TABLE, UpstreamURL

ROOT = Path(__file__).resolve().parents[2]
NEEDED = {"TANDEM_UPSTREAM_URL": "http://origin.test:8080/base"}
ORIGIN = UpstreamURL("http", "origin.test", 8080, b"/base")

# Variable -> (a value that is not the default, where it lands, what stands there).
LANDS: dict[str, tuple[str, str, Any]] = {
    "TANDEM_UPSTREAM_URL": ("http://origin.test:8080/base", "forward.upstream", ORIGIN),
    "TANDEM_ENGINE": ("httpx", "engine", "httpx"),
    "TANDEM_ROUTE": ("mount", "app.route", "mount"),
    "TANDEM_MAX_CONNECTIONS": ("7", "pool.max_connections", 7),
    "TANDEM_MAX_KEEPALIVE": ("3", "pool.max_keepalive", 3),
    "TANDEM_KEEPALIVE_EXPIRY": ("1.5", "pool.keepalive_expiry_s", 1.5),
    "TANDEM_CONNECT_TIMEOUT": ("2", "timeouts.connect_s", 2.0),
    "TANDEM_POOL_TIMEOUT": ("3", "timeouts.pool_s", 3.0),
    "TANDEM_WRITE_TIMEOUT": ("4", "timeouts.write_s", 4.0),
    "TANDEM_RESPONSE_TIMEOUT": ("6", "timeouts.response_s", 6.0),
    "TANDEM_READ_TIMEOUT": ("0", "timeouts.read_s", 0.0),
    "TANDEM_MAX_BODY": ("1000", "forward.max_body", 1000),
    "TANDEM_MAX_HEADER": ("2000", "forward.max_header", 2000),
    "TANDEM_HOST": ("preserve", "forward.host", "preserve"),
    "TANDEM_TRUSTED_PROXIES": ("::1", "forward.trusted_proxies", (ipaddress.ip_network("::1"),)),
    "TANDEM_VIA": ("edge-1", "forward.via", b"edge-1"),
    "TANDEM_DRAIN_TIMEOUT": ("8", "app.drain_s", 8.0),
    "TANDEM_ADMIN_PREFIX": ("", "app.admin_prefix", ""),
    "TANDEM_ACCESS_LOG": ("off", "app.access_log", False),
}
FILES = {"TANDEM_UPSTREAM_CA", "TANDEM_UPSTREAM_CERT", "TANDEM_UPSTREAM_KEY"}


def at(settings: Settings, place: str) -> Any:
    value: Any = settings
    for name in place.split("."):
        value = getattr(value, name)
    return value


def refusal(env: Mapping[str, str]) -> str:
    with pytest.raises(SettingError) as caught:
        parse(env)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_every_variable_is_tried_below() -> None:
    assert set(LANDS) | FILES == {row.name for row in TABLE}


@pytest.mark.parametrize("name", LANDS)
def test_a_variable_lands_in_its_slice_and_nowhere_else(name: str) -> None:
    text, place, value = LANDS[name]
    settings, default = parse({**NEEDED, name: text}), parse(NEEDED)
    assert at(settings, place) == value
    if name not in NEEDED:
        assert at(default, place) != value
    changed = {other for other, (_, where, _) in LANDS.items() if at(settings, where) != at(default, where)}
    # MAX_KEEPALIVE follows MAX_CONNECTIONS until it is set itself.
    follows = {"TANDEM_MAX_KEEPALIVE"} if name == "TANDEM_MAX_CONNECTIONS" else set()
    assert changed == ({name} if name not in NEEDED else set()) | follows


def test_the_upstream_stands_in_both_slices_that_need_it() -> None:
    settings = parse(NEEDED)
    assert settings.upstream == settings.forward.upstream == ORIGIN


def test_defaults_of_the_slices_are_those_of_the_table() -> None:
    settings = parse(NEEDED)
    assert settings.pool == PoolSettings()
    assert settings.timeouts == TimeoutSettings()
    assert settings.tls == TLSSettings()
    assert settings.forward == ForwardSettings(ORIGIN)
    assert settings.app == AppSettings()


def test_kept_alive_are_as_many_as_may_be_open_unless_told_otherwise() -> None:
    assert parse({**NEEDED, "TANDEM_MAX_CONNECTIONS": "9"}).pool.max_keepalive == 9
    both = parse({**NEEDED, "TANDEM_MAX_CONNECTIONS": "9", "TANDEM_MAX_KEEPALIVE": "0"})
    assert both.pool.max_keepalive == 0


def test_nobody_can_change_settings_later() -> None:
    settings = parse(NEEDED)
    for part in (settings, settings.pool, settings.timeouts, settings.tls, settings.forward, settings.app):
        assert isinstance(part, msgspec.Struct)
        with pytest.raises(AttributeError):
            setattr(part, part.__struct_fields__[0], None)


# Mistakes

WRONG = {
    **{row.name: "?" for row in TABLE},
    "TANDEM_UPSTREAM_URL": "ftp://origin.test",
    "TANDEM_MAX_HEADER": "12",
}


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_a_wrong_value_is_one_line_with_variable_value_and_what_is_accepted(row: Any) -> None:
    message = refusal({**NEEDED, row.name: WRONG[row.name]})
    assert message.startswith(f"{row.name}={WRONG[row.name]!r} ")
    assert row.accepts in message


def test_a_value_with_line_breaks_stays_one_line() -> None:
    assert "\\n" in refusal({"TANDEM_UPSTREAM_URL": "http://origin.test\nX"})


def test_what_has_to_be_set_is_named_when_it_is_not() -> None:
    message = refusal({})
    assert message == "TANDEM_UPSTREAM_URL is not set: it takes http(s)://host[:port][/base]"


# TLS files


class Files(msgspec.Struct):
    ca: str
    cert: str
    key: str
    other_key: str
    encrypted_key: str


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("tls")
    ca = trustme.CA()
    mine, other = ca.issue_cert("client.test"), ca.issue_cert("other.test")

    def written(name: str, content: bytes) -> str:
        (folder / name).write_bytes(content)
        return str(folder / name)

    locked = load_pem_private_key(mine.private_key_pem.bytes(), None).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
    )
    return Files(
        ca=written("ca.pem", ca.cert_pem.bytes()),
        cert=written("cert.pem", mine.cert_chain_pems[0].bytes()),
        key=written("key.pem", mine.private_key_pem.bytes()),
        other_key=written("other.pem", other.private_key_pem.bytes()),
        encrypted_key=written("locked.pem", locked),
    )


def test_tls_files_are_taken(files: Files) -> None:
    env = {
        "TANDEM_UPSTREAM_CA": files.ca,
        "TANDEM_UPSTREAM_CERT": files.cert,
        "TANDEM_UPSTREAM_KEY": files.key,
    }
    assert parse({**NEEDED, **env}).tls == TLSSettings(Path(files.ca), Path(files.cert), Path(files.key))


@pytest.mark.parametrize("name", ["TANDEM_UPSTREAM_CERT", "TANDEM_UPSTREAM_KEY"])
def test_certificate_and_key_come_together_or_not_at_all(files: Files, name: str) -> None:
    message = refusal({**NEEDED, name: files.cert})
    assert "TANDEM_UPSTREAM_CERT" in message
    assert "TANDEM_UPSTREAM_KEY" in message


@pytest.mark.parametrize("key", ["other_key", "ca", "encrypted_key"])
def test_a_key_that_cannot_serve_the_certificate_is_found_at_start_up(files: Files, key: str) -> None:
    wrong = getattr(files, key)
    message = refusal({**NEEDED, "TANDEM_UPSTREAM_CERT": files.cert, "TANDEM_UPSTREAM_KEY": wrong})
    assert f"TANDEM_UPSTREAM_CERT={files.cert!r}" in message


# The child makes the pseudo-terminal its own, as a shell would: OpenSSL asks /dev/tty.
AT_A_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from shared.settings import SettingError, parse
try:
    parse({"TANDEM_UPSTREAM_URL": "https://origin.test", "TANDEM_UPSTREAM_CERT": sys.argv[1],
           "TANDEM_UPSTREAM_KEY": sys.argv[2]})
except SettingError as error:
    print("refused")
"""


def test_nobody_is_asked_for_a_passphrase(files: Files) -> None:
    ours, terminal = os.openpty()
    try:
        ended = subprocess.run(
            [sys.executable, "-c", AT_A_TERMINAL, files.cert, files.encrypted_key],
            check=False,
            cwd=ROOT,
            stdin=terminal,
            stdout=subprocess.PIPE,
            stderr=terminal,
            start_new_session=True,
            timeout=60,
        )
    finally:
        os.close(terminal)
        os.close(ours)
    assert ended.stdout == b"refused\n"


# from_env


def test_from_env_reads_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    for row in TABLE:
        monkeypatch.delenv(row.name, raising=False)
    monkeypatch.setenv("TANDEM_UPSTREAM_URL", NEEDED["TANDEM_UPSTREAM_URL"])
    assert from_env() == parse(NEEDED)


def test_from_env_ends_the_process_with_one_line_and_status_1() -> None:
    program = "from shared.settings import from_env; from_env()"
    env = {**os.environ, "TANDEM_UPSTREAM_URL": "http://origin.test", "TANDEM_ROUTE": "sideways"}
    ended = subprocess.run(
        [sys.executable, "-c", program],
        check=False,
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr == "tandem: TANDEM_ROUTE='sideways' is not understood: it takes handler or mount\n"


def test_an_engine_whose_library_is_missing_is_one_line_at_start(monkeypatch: pytest.MonkeyPatch) -> None:
    env = {**NEEDED, "TANDEM_ENGINE": "aiohttp"}
    assert parse(env).engine == "aiohttp"
    # How the import system marks a module that is not to be had.
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    with pytest.raises(SettingError) as caught:
        parse(env)
    assert str(caught.value).startswith("TANDEM_ENGINE='aiohttp' needs aiohttp, which is not installed")
    assert "\n" not in str(caught.value)
