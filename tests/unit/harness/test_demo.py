"""The demo origin does what its index promises, and says when a client leaves. Spoken to over raw sockets."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import socket
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import trustme

from shared.harness.origin.demo import EXAMPLES, listing, url
from shared.harness.process import Process

DEADLINE_S = 30.0
ARGV = (sys.executable, "-m", "shared.harness.origin.demo")


@pytest.fixture(scope="module")
def origin() -> Iterator[Process]:
    with Process.start([*ARGV, "--port", "0"], name="the demo origin") as process:
        process.wait_for(url, what="address")
        yield process


def connect(origin: Process) -> socket.socket:
    where = urlsplit(origin.wait_for(url, what="address"))
    assert where.port is not None
    return socket.create_connection(("127.0.0.1", where.port), timeout=DEADLINE_S)


def exchange(
    origin: Process, target: str, *fields: str, method: str = "GET", body: bytes = b""
) -> tuple[str, bytes]:
    """One request; the response head, lower-cased, and the body, still in its transfer coding."""
    head = [f"{method} {target} HTTP/1.1", "Host: demo.example:81", "Connection: close", *fields, "", ""]
    with connect(origin) as client:
        client.sendall("\r\n".join(head).encode() + body)
        received = b"".join(iter(lambda: client.recv(65536), b""))
    response, _, content = received.partition(b"\r\n\r\n")
    return response.decode("latin-1").lower(), content


def closes(origin: Process, line: str) -> str:
    """Wait for a log line that tells of a client's leaving; what it counted."""

    def find(log: str) -> str | None:
        found = re.search(rf"{re.escape(line)} closed by client (.+)\n", log)
        return found[1] if found else None

    return origin.wait_for(find, what=f"{line} closed by client", deadline_s=DEADLINE_S)


def test_it_says_where_it_is_in_one_line(origin: Process) -> None:
    first = origin.log().splitlines()[0]
    assert re.fullmatch(r"INFO: +Demo origin on http://127\.0\.0\.1:\d+", first)


def test_curl_gets_the_list_as_text_with_the_address_it_used(origin: Process) -> None:
    head, body = exchange(origin, "/")
    assert "content-type: text/plain" in head
    assert "curl -N http://demo.example:81/sse " in body.decode()


def test_a_browser_gets_a_page_with_the_address_the_proxy_names(origin: Process) -> None:
    forwarding = ("X-Forwarded-Proto: https", "X-Forwarded-Host: shop.example")
    head, body = exchange(origin, "/", "Accept: text/html,*/*", *forwarding)
    page = body.decode()
    assert "content-type: text/html" in head
    assert "<code>curl https://shop.example/json</code>" in page
    assert page.count("<li>") == len(EXAMPLES)
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", page), "nothing from elsewhere"


def test_an_address_that_is_markup_stays_text(origin: Process) -> None:
    _, body = exchange(origin, "/", "Accept: text/html", "X-Forwarded-Host: <script>alert(1)</script>")
    assert b"<script>alert" not in body


def test_every_path_on_the_list_is_served(origin: Process) -> None:
    targets = re.findall(r"\$base(/[^ '?]*(?:\?[^ ']*)?)", " ".join(example.curl for example in EXAMPLES))
    assert len(targets) == len(EXAMPLES) - 1, "all but the WebSocket have one"
    for target in targets:
        if target.startswith("/wait"):
            continue  # has nothing to say for ten seconds; below
        head, _ = exchange(origin, target, method="HEAD")
        assert head.split()[1] in ("200", "302", "503"), target


def test_the_list_is_aligned_and_names_what_is_still_to_come() -> None:
    lines = listing("http://x").splitlines()
    assert len({line.rfind(example.shows) for line, example in zip(lines, EXAMPLES, strict=True)}) == 1
    assert lines[-1].split() == ["WebSocket", "later"]


def test_what_arrived_is_told_in_its_order(origin: Process) -> None:
    _, body = exchange(origin, "/headers?a=%2F&&b", "X-Twice: 1", "X-Other: 2", "X-Twice: 3")
    told = json.loads(body)
    assert told["target"] == "/headers?a=%2F&&b"
    assert told["headers"][2:] == ["x-twice: 1", "x-other: 2", "x-twice: 3"]


def test_events_come_one_by_one_until_the_client_leaves(origin: Process) -> None:
    with connect(origin) as client:
        client.sendall(b"GET /sse?every=0.05 HTTP/1.1\r\nHost: demo\r\n\r\n")
        received, alone = b"", 0
        while alone < 5 and received.count(b"id: ") < 100:
            received += (piece := client.recv(65536))
            alone += piece.count(b"id: ") == 1  # who reads late finds several at once, now and then
    assert alone == 5, "each event is sent when it happens"
    assert b"content-type: text/event-stream" in received
    assert re.fullmatch(r"after \d+ events", closes(origin, "GET /sse"))


def test_a_counted_stream_of_events_ends(origin: Process) -> None:
    head, body = exchange(origin, "/sse?every=0&count=3")
    assert "transfer-encoding: chunked" in head
    assert re.findall(rb"id: (\d+)\n", body) == [b"1", b"2", b"3"]
    assert body.endswith(b"0\r\n\r\n")


def test_a_large_body_is_what_its_head_announces(origin: Process) -> None:
    size = 3 * 1024 * 1024 + 5
    head, body = exchange(origin, f"/large?size={size}")
    assert len(body) == size
    assert f"x-sha256: {hashlib.sha256(body).hexdigest()}" in head
    assert f"content-length: {size}" in head


def test_a_large_body_stops_when_nobody_reads_on(origin: Process) -> None:
    with connect(origin) as client:
        client.sendall(b"GET /large?size=1G HTTP/1.1\r\nHost: demo\r\n\r\n")
        client.recv(1024)
    sent = closes(origin, "GET /large")
    assert int(sent.split()[1]) < 64 << 20


def test_a_client_that_leaves_before_the_answer_is_noticed(origin: Process) -> None:
    with connect(origin) as client:
        client.sendall(b"GET /wait?seconds=600 HTTP/1.1\r\nHost: demo\r\n\r\n")
        client.shutdown(socket.SHUT_WR)
        client.recv(1)
    assert origin.wait_for(
        lambda log: "GET /wait closed by client before the answer" in log or None, what="notice"
    )


def test_a_wait_ends_in_an_answer(origin: Process) -> None:
    assert json.loads(exchange(origin, "/wait?seconds=0.05")[1]) == {"waited_s": 0.05}


@pytest.mark.parametrize("framing", ["Content-Length: 11", "Transfer-Encoding: chunked"])
def test_an_upload_is_counted_and_hashed(origin: Process, framing: str) -> None:
    body = b"hello there" if "Length" in framing else b"5\r\nhello\r\n6\r\n there\r\n0\r\n\r\n"
    _, answer = exchange(origin, "/echo", framing, method="POST", body=body)
    assert json.loads(answer) == {"bytes": 11, "sha256": hashlib.sha256(b"hello there").hexdigest()}


@pytest.mark.parametrize(("code", "phrase"), [(200, "ok"), (404, "not found"), (503, "service unavailable")])
def test_any_status_can_be_had(origin: Process, code: int, phrase: str) -> None:
    head, body = exchange(origin, f"/status/{code}")
    assert head.startswith(f"http/1.1 {code} {phrase}")
    assert f"<h1>{code}".encode() in body


@pytest.mark.parametrize("code", [204, 304])
def test_a_status_without_a_body_has_none(origin: Process, code: int) -> None:
    head, body = exchange(origin, f"/status/{code}")
    assert head.startswith(f"http/1.1 {code}")
    assert body == b""


def test_gzip_is_sent_whatever_is_accepted(origin: Process) -> None:
    head, body = exchange(origin, "/gzip")
    assert "content-encoding: gzip" in head
    assert b"decoded once" in gzip.decompress(body)


def test_cookies_come_in_two_fields(origin: Process) -> None:
    head, body = exchange(origin, "/cookies", "Cookie: taste=oat")
    assert head.count("set-cookie:") == 2
    assert json.loads(body)["cookies_you_sent"] == ["taste=oat"]


@pytest.mark.parametrize(
    "target",
    [
        "/sse?every=soon",
        "/sse?every=nan",
        "/slow?pieces=-1",
        "/large?size=9G",
        "/large?size=x",
        "/status/999",
        "/status/",
    ],
)
def test_a_query_that_makes_no_sense_is_told_in_a_line(origin: Process, target: str) -> None:
    head, body = exchange(origin, target)
    assert head.startswith("http/1.1 400")
    assert body.count(b"\n") == 1


def test_what_is_not_there_is_404(origin: Process) -> None:
    assert exchange(origin, "/pigeons")[0].startswith("http/1.1 404")


def test_it_stops_with_a_stream_open_and_prints_no_traceback() -> None:
    with Process.start(ARGV, name="the demo origin") as origin, connect(origin) as client:
        client.sendall(b"GET /sse HTTP/1.1\r\nHost: demo\r\n\r\n")
        client.recv(1024)
        assert origin.stop(deadline_s=DEADLINE_S) == -15
    assert "GET /sse cut by shutdown" in origin.log()
    assert "Traceback" not in origin.log()


def test_it_speaks_tls_with_a_certificate(tmp_path: Path) -> None:
    authority = trustme.CA()
    leaf = authority.issue_cert("localhost")
    leaf.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    leaf.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    context = ssl.create_default_context()
    authority.configure_trust(context)
    files = ["--tls-cert", str(tmp_path / "cert.pem"), "--tls-key", str(tmp_path / "key.pem")]
    with Process.start([*ARGV, *files], name="the demo origin") as origin:
        assert origin.wait_for(url, what="address").startswith("https://")
        with connect(origin) as plain, context.wrap_socket(plain, server_hostname="localhost") as client:
            client.sendall(b"GET /json HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert client.recv(1024).startswith(b"HTTP/1.1 200")
