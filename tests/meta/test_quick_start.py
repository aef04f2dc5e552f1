"""The README's first commands for whoever wants the proxy, run as they are typed."""

import contextlib
import os
import re
import signal
import socket

import pytest

from shared.harness.process import Process

DEADLINE_S = 30.0


def get(port: int, path: str) -> bytes:
    """The whole answer to one GET, read until the proxy closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        return b"".join(iter(lambda: connection.recv(65536), b""))


def answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1.0):
        return True
    return False


def port_of(line: str, log: str) -> int | None:
    found = re.search(rf"^ +{line} +http://127\.0\.0\.1:(\d+)", log, re.MULTILINE)
    return int(found[1]) if found else None


@pytest.mark.parametrize(("app", "server"), [("fastapi", "uvicorn"), ("litestar", "hypercorn")])
def test_make_run_proxies_the_demo_origin_until_ctrl_c(app: str, server: str) -> None:
    """Started by make, asked over a socket, ended as a person ends it; nothing is left."""
    words = ["make", "run", f"APP={app}", f"SERVER={server}", "PORT=0"]
    with Process.start(words, name=" ".join(words)) as make:
        proxy = make.wait_for(lambda log: port_of("proxy", log), what="the proxy", deadline_s=DEADLINE_S)
        upstream = make.wait_for(
            lambda log: port_of("upstream", log), what="the origin", deadline_s=DEADLINE_S
        )
        answer = get(proxy, "/json")
        assert answer.startswith(b"HTTP/1.1 200 "), answer
        assert b"from the origin" in answer
        assert get(proxy, "/-/ready").startswith(b"HTTP/1.1 200 ")
        os.killpg(make.pid, signal.SIGINT)  # what a terminal does on Ctrl-C
        make.wait(deadline_s=DEADLINE_S)
        assert "Traceback" not in make.log()
    assert not answers(proxy)
    assert not answers(upstream)


def test_a_mistake_is_one_line_and_a_status() -> None:
    with Process.start(["make", "run", "APP=flask", "PORT=0"], name="make run APP=flask") as make:
        status = make.wait(deadline_s=DEADLINE_S)
        said = make.log()
    assert status != 0
    assert len([line for line in said.splitlines() if line.startswith("tandem: ")]) == 1, said
    assert "Traceback" not in said
