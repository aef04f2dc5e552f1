"""Each server profile serves an app as a proxy needs it: proved by a request over a real socket."""

from __future__ import annotations

import json
import re
import socket
import time
import tomllib

import pytest
from hypercorn.config import Config as HypercornConfig

from shared.harness.process import ROOT, ProcessFailed
from shared.harness.servers import (
    PROFILES,
    SERVERS,
    Running,
    command,
    drain_s,
    port,
    shell_line,
    start_server,
)
from tests.unit.harness.leftovers import group_members

APP = "tests.unit.harness.apps:says_scope"
DEADLINE_S = 30.0

every_profile = pytest.mark.parametrize("profile", PROFILES)


def exchange(server: Running, request: bytes) -> tuple[bytes, bytes]:
    """Send one request that asks for the connection's end; the response head and body."""
    with socket.create_connection((server.host, server.port), timeout=DEADLINE_S) as client:
        client.sendall(request)
        received = b"".join(iter(lambda: client.recv(65536), b""))
    head, _, body = received.partition(b"\r\n\r\n")
    return head, body


def get(*fields: bytes) -> bytes:
    return b"\r\n".join([b"GET /a%2Fb HTTP/1.1", b"Host: here", b"Connection: close", *fields, b"", b""])


def test_profiles_are_found_in_the_folder_preferred_ones_first() -> None:
    assert tuple(PROFILES) == ("uvicorn-httptools", "uvicorn-h11", "hypercorn-h1")
    assert [SERVERS[name].PROFILES[0] for name in SERVERS] == ["uvicorn-httptools", "hypercorn-h1"]


@every_profile
@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_a_request_gets_through_and_the_server_adds_nothing_of_its_own(profile: str, loop: str) -> None:
    with start_server(APP, profile=profile, loop=loop) as server:
        head, body = exchange(server, get(b"X-Forwarded-For: 192.0.2.7", b"X-Forwarded-Proto: https"))
    told = json.loads(body)
    assert re.fullmatch(rb"HTTP/1.1 200[^\r\n]*", head.split(b"\r\n")[0])
    names = {line.partition(b":")[0].lower() for line in head.split(b"\r\n")[1:]}
    assert names <= {b"content-length", b"connection"}, "neither Date nor Server"
    assert told["client"] == "127.0.0.1", "the peer, whatever X-Forwarded-For claims"
    assert told["scheme"] == "http"
    assert ["x-forwarded-for", "192.0.2.7"] in [[name.lower(), value] for name, value in told["headers"]]
    assert told["loop"] == loop
    assert "GET" not in server.process.log(), "no access log"


@every_profile
def test_a_request_head_above_the_apps_limit_still_reaches_the_app(profile: str) -> None:
    with start_server(APP, profile=profile) as server:
        head, body = exchange(server, get(b"X-Long: " + b"y" * 100_000))
    assert head.startswith(b"HTTP/1.1 200")
    assert len(body) > 100_000


@every_profile
def test_a_connection_serves_more_than_a_thousand_requests(profile: str) -> None:
    request = get().replace(b"Connection: close", b"Connection: keep-alive")
    with (
        start_server(APP, profile=profile) as server,
        socket.create_connection((server.host, server.port), timeout=DEADLINE_S) as client,
        client.makefile("rb") as answers,
    ):
        for _ in range(1002):  # hypercorn's own cap is 1,000
            client.sendall(request)
            head = b"".join(iter(answers.readline, b"\r\n")).lower()
            assert b"connection: close" not in head
            answers.read(int(head.partition(b"content-length:")[2].split()[0]))


@every_profile
def test_two_workers_answer_and_none_is_left(profile: str) -> None:
    with start_server(APP, profile=profile, workers=2) as server:
        head, _ = exchange(server, get())
        assert head.startswith(b"HTTP/1.1 200")
        assert len(group_members(server.process.pid)) >= 3
    # The parent has ended; what it has killed at last may not have been buried yet.
    began = time.monotonic()
    while group_members(server.process.pid) and time.monotonic() - began < DEADLINE_S:
        time.sleep(0.02)
    assert group_members(server.process.pid) == []


@every_profile
def test_a_start_that_fails_says_why(profile: str) -> None:
    with pytest.raises(ProcessFailed) as failed:
        start_server("tests.unit.harness.apps:fails_to_start", profile=profile, name="the loft")
    assert str(failed.value).startswith("the loft ended with status ")
    assert "no pigeons left to carry requests" in str(failed.value)


@every_profile
def test_a_port_in_use_is_told(profile: str) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(ProcessFailed, match=r"(?i)address already in use"),
    ):
        start_server(APP, profile=profile, port=taken.getsockname()[1])


def test_every_name_in_hypercorns_file_is_one_that_hypercorn_reads() -> None:
    # Config.from_mapping sets any attribute, so a misspelt name would be accepted and do nothing.
    names = tomllib.loads((ROOT / "shared/harness/servers/hypercorn.toml").read_text())
    assert [name for name in names if not hasattr(HypercornConfig, name)] == []


@pytest.mark.parametrize(
    ("profile", "log", "expected"),
    [
        ("uvicorn-h11", "INFO:     Uvicorn running on http://127.0.0.1:8123 (Press CTRL+C to quit)\n", 8123),
        ("uvicorn-h11", "INFO:     Uvicorn running on http://[::1]:8123 (Press CTRL+C to quit)\n", 8123),
        ("uvicorn-h11", "INFO:     Uvicorn running on https://127.0.0.1:8123 (Press CTRL+C to quit)\n", 8123),
        ("uvicorn-h11", "INFO:     Waiting for application startup.\n", None),
        ("uvicorn-h11", "INFO:     Uvicorn running on http://127.0.0.1:81", None),
        ("hypercorn-h1", "[2031-01-01] [7] [INFO] Running on http://127.0.0.1:99 (CTRL + C to quit)\n", 99),
        ("hypercorn-h1", "", None),
    ],
)
def test_the_port_is_read_from_whole_lines(profile: str, log: str, expected: int | None) -> None:
    assert port(profile, log) == expected


def test_names_nobody_knows_are_refused_with_the_known_ones() -> None:
    with pytest.raises(
        ValueError, match="unknown server profile 'nginx': one of uvicorn-httptools, uvicorn-h11"
    ):
        command(APP, profile="nginx")
    with pytest.raises(ValueError, match="unknown loop 'trio': one of uvloop, asyncio"):
        command(APP, profile="hypercorn-h1", loop="trio")


@every_profile
def test_the_servers_patience_is_a_whole_second_more_than_the_apps_drain(profile: str) -> None:
    line = shell_line(command(APP, profile=profile, drain_s=1.2))
    assert re.search(r"--(timeout-graceful-shutdown|graceful-timeout) 3\b", line)
    assert line.startswith(profile.partition("-")[0] + " " + APP)


@pytest.mark.parametrize(("value", "expected"), [("2.5", 2.5), ("soon", 30.0), ("-1", 0.0), ("", 30.0)])
def test_the_drain_comes_from_the_setting(value: str, expected: float) -> None:
    assert drain_s({"TANDEM_DRAIN_TIMEOUT": value}) == expected


@every_profile
def test_an_ipv6_host_is_written_as_each_server_wants_it(profile: str) -> None:
    argv = command(APP, profile=profile, host="::1", port=80)
    assert "::1" in argv or "[::1]:80" in argv
