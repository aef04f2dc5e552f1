"""Both apps started for real: every way to start them serves, says what is wrong in one line, and stops."""

import contextlib
import http.client
import os
import re
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.harness.process import ROOT, Process
from shared.harness.servers import Running
from shared.harness.subject import Subject, start, subjects

APPS = ("fastapi", "litestar")


def script(name: str) -> str:
    """A console script of the environment that runs the tests."""
    return str(Path(sys.executable).with_name(name))


HERE = ("--host", "127.0.0.1", "--port", "0")
COMMANDS: dict[str, list[str]] = {
    "uvicorn fastapi": [script("uvicorn"), "fastapi_app.app:app", *HERE],
    "uvicorn litestar": [script("uvicorn"), "litestar_app.app:app", *HERE],
    "hypercorn fastapi": [script("hypercorn"), "fastapi_app.app:app", "--bind", "127.0.0.1:0"],
    "hypercorn litestar": [script("hypercorn"), "litestar_app.app:app", "--bind", "127.0.0.1:0"],
    "fastapi run": [script("fastapi"), "run", "fastapi_app/app.py", *HERE],
    "litestar run": [script("litestar"), "--app", "litestar_app.app:app", "run", *HERE],
}


class Origin:
    """Answers every request with its request line; can be shut down to be an upstream that is gone."""

    def __init__(self) -> None:
        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                line = self.rfile.readline()
                while self.rfile.readline() not in (b"\r\n", b""):
                    pass
                length = b"Content-Length: %d\r\n" % len(line)
                self.wfile.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n" + length + b"\r\n" + line)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def close(self) -> None:
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()


@pytest.fixture
def origin() -> Iterator[Origin]:
    with contextlib.closing(Origin()) as running:
        yield running


def ask(port: int, target: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    with contextlib.closing(connection):
        connection.request("GET", target)
        answer = connection.getresponse()
        return answer.status, answer.read()


def serves_until_the_upstream_is_gone(port: int, origin: Origin) -> None:
    assert ask(port, "/a%2Fb//c?q=%20") == (200, b"GET /a%2Fb//c?q=%20 HTTP/1.1\r\n")
    assert ask(port, "/-/healthy") == (200, b"healthy\n")
    assert ask(port, "/-/ready")[0] == 200
    origin.close()
    status, body = ask(port, "/")
    assert status == 502
    assert b"connection_refused" in body
    assert str(origin.port).encode() not in body


def ended_well(process: Process) -> None:
    assert process.stop(deadline_s=30) in (
        0,
        -15,
    )  # uvicorn ends itself with the signal that asked it to stop
    log = process.log()
    for bad in ("Traceback", "ResourceWarning", "Task was destroyed", "never retrieved", "never awaited"):
        assert bad not in log, log


@pytest.mark.parametrize("subject", subjects(routes=("handler",)), ids=lambda subject: subject.id)
def test_a_subject_serves_and_stops(subject: Subject, origin: Origin) -> None:
    running: Running = start(
        subject, f"http://127.0.0.1:{origin.port}", settings={"PYTHONWARNINGS": "default::ResourceWarning"}
    )
    with running:
        serves_until_the_upstream_is_gone(running.port, origin)
        ended_well(running.process)


def bound_port(log: str) -> int | None:
    found = re.search(r"unning on http://127\.0\.0\.1:(\d+)", log)
    return int(found[1]) if found else None


@pytest.mark.parametrize("name", COMMANDS)
def test_a_plain_command_line_serves_and_stops(name: str, origin: Origin) -> None:
    env = {"TANDEM_UPSTREAM_URL": f"http://127.0.0.1:{origin.port}", "TANDEM_ROUTE": "mount"}
    with Process.start(COMMANDS[name], name=name, env=env) as process:
        port = process.wait_for(bound_port, what="address")
        serves_until_the_upstream_is_gone(port, origin)
        ended_well(process)


@pytest.mark.parametrize("wrong", ["", "ftp://origin.test"], ids=["missing", "wrong"])
@pytest.mark.parametrize("name", COMMANDS)
def test_a_mistake_is_one_line_and_a_status(name: str, wrong: str, request: pytest.FixtureRequest) -> None:
    env = {key: value for key, value in os.environ.items() if not key.startswith("TANDEM_")}
    if wrong:
        env["TANDEM_UPSTREAM_URL"] = wrong
    ended = subprocess.run(
        COMMANDS[name], check=False, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60
    )
    value = f"={wrong!r} is not understood" if wrong else " is not set"
    assert ended.stderr == f"tandem: TANDEM_UPSTREAM_URL{value}: it takes http(s)://host[:port][/base]\n"
    assert "Traceback" not in ended.stdout
    if name.startswith("hypercorn"):
        reason = "hypercorn 0.18 run.py: the supervisor overwrites its worker's exit status with 0"
        request.applymarker(pytest.mark.xfail(strict=True, reason=reason))
    assert ended.returncode == 1


@pytest.mark.parametrize("app", APPS)
def test_hypercorn_without_its_supervisor_ends_with_a_status(app: str) -> None:
    env = {key: value for key, value in os.environ.items() if not key.startswith("TANDEM_")}
    argv = [*COMMANDS[f"hypercorn {app}"], "--workers", "0"]
    ended = subprocess.run(argv, check=False, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    assert ended.stderr.startswith("tandem: TANDEM_UPSTREAM_URL is not set")
    assert len(ended.stderr.splitlines()) == 1
