"""`make run`'s engine room: what is chosen, what is refused in one line, whole runs from start to stop."""

from __future__ import annotations

import os
import re
import signal
import socket
import sys
from pathlib import Path

import pytest

from shared.harness.process import Process
from shared.harness.run import RunError, free_port, plan, summary, upstream_trouble

ARGV = (sys.executable, "-m", "shared.harness.run")
DEADLINE_S = 20.0


@pytest.fixture(autouse=True)
def nothing_set_by_the_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("TANDEM_")]:
        monkeypatch.delenv(name)


def test_without_options_fastapi_runs_on_uvicorn_in_front_of_the_demo_origin() -> None:
    chosen = plan([], {})
    assert (chosen.app, chosen.profile, chosen.port, chosen.upstream) == (
        "fastapi",
        "uvicorn-httptools",
        8000,
        None,
    )
    assert chosen.env == {}


def test_a_server_means_its_preferred_profile_and_a_profile_its_server() -> None:
    assert plan(["--server", "hypercorn"], {}).profile == "hypercorn-h1"
    assert plan(["--profile", "uvicorn-h11"], {}).profile == "uvicorn-h11"


def test_options_win_over_the_environment() -> None:
    env = {"TANDEM_UPSTREAM_URL": "http://a.example", "TANDEM_ROUTE": "mount", "TANDEM_DRAIN_TIMEOUT": "3"}
    kept = plan([], env)
    assert (kept.upstream, kept.settings.app.route) == ("http://a.example", "mount")
    assert re.search(r"--timeout-graceful-shutdown 4\b", " ".join(kept.argv(8000)))
    changed = plan(["--upstream", "https://b.example/base", "--route", "handler", "--engine", "httpx"], env)
    assert changed.server_env(changed.upstream or "") == {
        "TANDEM_UPSTREAM_URL": "https://b.example/base",
        "TANDEM_ROUTE": "handler",
        "TANDEM_ENGINE": "httpx",
    }


def test_empty_options_and_variables_count_as_not_given() -> None:
    assert plan(["--upstream", ""], {"TANDEM_UPSTREAM_URL": ""}).upstream is None


@pytest.mark.parametrize(
    ("options", "env", "line"),
    [
        ("--app django", {}, "argument --app: invalid choice: django (choose from fastapi, litestar)"),
        (
            "--server nginx",
            {},
            "argument --server: invalid choice: nginx (choose from uvicorn, hypercorn)",
        ),
        (
            "--server hypercorn --profile uvicorn-h11",
            {},
            "--profile uvicorn-h11 is not one of hypercorn: hypercorn-h1",
        ),
        ("--port 70000", {}, "--port 70000: it takes a number from 0 to 65535"),
        ("--port high", {}, "argument --port: invalid int value: 'high'"),
        ("--workers 0", {}, "--workers 0: it takes a number from 1"),
        (
            "--upstream ftp://x",
            {},
            "TANDEM_UPSTREAM_URL='ftp://x' is not understood: it takes http(s)://host[:port][/base]",
        ),
        (
            "",
            {"TANDEM_MAX_BODY": "lots"},
            "TANDEM_MAX_BODY='lots' is not understood: it takes a whole number of bytes, 0 for no limit",
        ),
    ],
)
def test_a_mistake_is_one_line_that_says_what_is_accepted(
    options: str, env: dict[str, str], line: str
) -> None:
    with pytest.raises(RunError) as refused:
        plan(options.split(), env)
    unquoted = str(refused.value).replace("'", "")  # argparse quotes choices up to Python 3.11
    assert unquoted == line.replace("'", "")


def test_a_port_in_use_is_told_with_a_remedy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            RunError, match=rf"^port {port} on 127\.0\.0\.1 is in use: choose another with PORT="
        ):
            free_port("127.0.0.1", port)


def test_a_host_that_is_not_ours_is_told_with_another() -> None:
    with pytest.raises(RunError, match=r"^port 8000 on 192\.0\.2\.1 cannot be bound \(.+\): check --host$"):
        free_port("192.0.2.1", 8000)  # RFC 5737: nobody's address


def test_a_port_that_is_free_is_taken_as_it_is() -> None:
    port = free_port("127.0.0.1", 0)
    assert free_port("127.0.0.1", port) == port


def test_an_upstream_is_troubled_when_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        assert upstream_trouble("127.0.0.1", port) is None
    assert upstream_trouble("127.0.0.1", port) == "Connection refused"


def test_a_summary_names_every_part_and_addresses_that_work() -> None:
    chosen = plan(
        ["--host", "0.0.0.0", "--workers", "2", "--upstream", "http://up.example"],
        {"TANDEM_ADMIN_PREFIX": ""},
    )
    text = summary(chosen, port=8123, upstream="http://up.example")
    assert "fastapi on uvicorn-httptools, uvloop, 2 workers" in text
    assert (
        "TANDEM_UPSTREAM_URL=http://up.example uvicorn fastapi_app.app:app --host 0.0.0.0 --port 8123" in text
    )
    assert "curl -i http://127.0.0.1:8123/ " in text
    assert "/ready" not in text, "no admin endpoint where there is none"


@pytest.mark.parametrize("arguments", [["--app", "django"], ["--host", "192.0.2.1"]])
def test_the_command_says_it_on_stderr_without_a_traceback_and_exits_2(
    arguments: list[str], tmp_path: Path
) -> None:
    errors = tmp_path / "errors"
    shell = ["/bin/sh", "-c", 'exec "$@" 2>"$0"', str(errors), *ARGV, *arguments]
    with Process.start(shell, name="run") as command:
        assert command.wait(deadline_s=DEADLINE_S) == 2
    assert command.log() == ""
    assert re.fullmatch(r"tandem: [^\n]+\n", errors.read_text())


def port_in(log: str) -> int | None:
    found = re.search(r"proxy +http://127\.0\.0\.1:(\d+)\n(?:.*\n)*Ctrl-C ends it", log)
    return int(found[1]) if found else None


@pytest.mark.parametrize(("app", "profile"), [("fastapi", "uvicorn-httptools"), ("litestar", "hypercorn-h1")])
def test_a_run_streams_events_closes_upstream_with_its_client_and_leaves_nothing(
    app: str, profile: str
) -> None:
    with Process.start([*ARGV, "--app", app, "--profile", profile, "--port", "0"], name="run") as command:
        port = command.wait_for(port_in, what="summary", deadline_s=DEADLINE_S)
        with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S) as client:
            client.sendall(b"GET /sse?every=0.05 HTTP/1.1\r\nHost: here\r\n\r\n")
            received = b""
            while b"id: 3\n" not in received:
                received += client.recv(65536)
        command.wait_for(
            lambda log: "GET /sse closed by client after" in log or None, what="upstream's closing"
        )
        upstream = re.search(r"upstream +http://127\.0\.0\.1:(\d+) \(demo origin\)", command.log())
        assert upstream is not None
        assert command.stop(deadline_s=DEADLINE_S) == 0, "SIGTERM ends it cleanly"
    assert "Traceback" not in command.log()
    for was_bound in (port, int(upstream[1])):
        assert upstream_trouble("127.0.0.1", was_bound) == "Connection refused"


def test_a_second_signal_cuts_what_is_in_flight() -> None:
    with Process.start([*ARGV, "--port", "0"], name="run") as command:
        port = command.wait_for(port_in, what="summary", deadline_s=DEADLINE_S)
        with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S) as client:
            client.sendall(b"GET /sse?every=0.05 HTTP/1.1\r\nHost: here\r\n\r\n")
            assert client.recv(1024)
            command.signal(signal.SIGTERM)
            command.wait_for(lambda log: "Stopping" in log or None, what="word that it stops")
            assert command.wait(deadline_s=0.3) is None, "the stream may go on for the drain's 30 s"
            command.signal(signal.SIGTERM)
            assert command.wait(deadline_s=DEADLINE_S) == 0


def test_an_upstream_that_is_down_is_a_warning_and_the_proxy_still_starts() -> None:
    down = free_port("127.0.0.1", 0)
    argv = [*ARGV, "--port", "0", "--upstream", f"http://127.0.0.1:{down}"]
    with Process.start(argv, name="run") as command:
        command.wait_for(port_in, what="summary", deadline_s=DEADLINE_S)
    assert (
        f"tandem: upstream http://127.0.0.1:{down} does not answer yet (Connection refused)" in command.log()
    )


def test_workers_share_a_fresh_folder_for_their_metrics(tmp_path: Path) -> None:
    env = {"TMPDIR": str(tmp_path), "TANDEM_ADMIN_PREFIX": "/-"}
    with Process.start([*ARGV, "--port", "0", "--workers", "2"], name="run", env=env) as command:
        port = command.wait_for(port_in, what="summary", deadline_s=DEADLINE_S)
        (folder,) = tmp_path.glob("tandem-*")
        with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S) as client:
            client.sendall(b"GET /json HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
            assert b"".join(iter(lambda: client.recv(65536), b"")).startswith(b"HTTP/1.1 200")
        assert list(folder.glob("*.db"))
        assert command.stop(deadline_s=DEADLINE_S) == 0
    assert not folder.exists()
