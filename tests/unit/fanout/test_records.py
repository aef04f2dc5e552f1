"""What a fan-out asks and streams: over the real engines and a real upstream on sockets."""

import msgspec
import pytest

from shared.messages import Headers
from shared.settings import OWN_NAME
from tests.unit.aio import aio, eventually
from tests.unit.asgi import FakeServer
from tests.unit.fanout.core import answer_to, engines, pooled, proxy_to, query_of, records
from tests.unit.fanout.origin import Origin, bound, endless, held, page, raw


@engines
@aio
async def test_a_record_for_each_path_with_status_text_and_time(engine: str) -> None:
    pages = {"/b": page(b"0123456789" * 9, status=404), "/c": page(status=302, headers="Location: /a\r\n")}
    async with Origin(pages) as origin, proxy_to(origin, engine=engine) as proxy:
        answer = await answer_to(proxy, "path=/a&path=/b&path=/c")
        server = FakeServer()
        await answer({}, server.receive, server.send)
    start, lines = server.sent[0], server.body.splitlines()
    assert server.complete
    assert start["status"] == 200
    fields = {name.lower(): value for name, value in start["headers"]}
    assert fields[b"content-type"] == b"application/x-ndjson"
    assert b"date" in fields
    found = sorted((msgspec.json.decode(line) for line in lines), key=lambda record: record["index"])
    assert all(isinstance(record.pop("ms"), float) for record in found)
    assert found == [
        {"path": "/a", "index": 0, "status": 200, "text": "/a"},
        {"path": "/b", "index": 1, "status": 404, "text": "0123456789" * 5},
        {"path": "/c", "index": 2, "status": 302, "text": "/c"},
    ]
    record = answer.response.record
    assert record.bytes_sent == len(server.body)
    assert record.upstream_s is not None
    assert record.finished is not None


@aio
async def test_the_upstream_is_asked_for_below_its_base_with_listed_fields_alone() -> None:
    came: Headers = [
        (b"host", b"a"),
        (b"cookie", b"c=1"),
        (b"accept", b"x"),
        (b"Accept", b"y"),
        (b"range", b"z"),
    ]
    async with Origin() as origin, proxy_to(origin, upstream_url=origin.url + "/base/") as proxy:
        await records(proxy, "path=/a%3Fq&header=accept", came)
    via = f"Via: 1.1 {OWN_NAME.decode()}"
    assert [head.decode().splitlines() for head in origin.heads] == [
        ["GET /base/a?q HTTP/1.1", f"Host: {origin.url[7:]}", "accept: x", "Accept: y", via, ""]
    ]


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: text/plain%s\r\n\r\n"


@engines
@aio
async def test_characters_are_exact_when_pieces_are_short_and_split_sequences(engine: str) -> None:
    text = "a€😀é" * 20
    split = [b"1\r\n%c\r\n" % byte for byte in text.encode()]
    pages = {
        "/utf-8": raw(CHUNKED % b"", *split, b"0\r\n\r\n"),
        "/utf-16": page(text.encode("utf-16"), headers='Content-Type: text/plain; charset="UTF-16"\r\n'),
        "/latin": page("é".encode("latin-1") * 90, headers="Content-Type: text/plain;charset=iso-8859-1\r\n"),
        "/unknown": page(b"\xff" + b"x" * 90, headers="Content-Type: text/plain;charset=klingon\r\n"),
        "/short": page(b"ab\xe2\x82"),
        "/empty": page(b""),
        "/nothing": raw(b"HTTP/1.1 204 No Content\r\n\r\n", cut=False),
        "/to-the-end": raw(b"HTTP/1.1 200 OK\r\n\r\n", b"ab", b"c"),
    }
    async with Origin(pages) as origin, proxy_to(origin, engine=engine) as proxy:
        found = await records(proxy, query_of(pages))
    assert [record.get("text") for record in found] == [
        text[:50], text[:50], "é" * 50, "\ufffd" + "x" * 49, "ab\ufffd", "", "", "abc",
    ]  # fmt: skip


@engines
@aio
async def test_each_failure_is_that_records_own(engine: str) -> None:
    pages = {
        "/cut": page(b"abc", length=100),
        "/mute": raw(),
        "/garbage": raw(b"SSH-2.0-upstream\r\n\r\n"),
        "/gzip": page(b"\x1f\x8b", headers="Content-Encoding: gzip\r\n"),
        "/slow": held(),
        "/stuck": raw(CHUNKED % b"", b"2\r\nab\r\n", cut=False),
        "/no-character": endless(b"\x1b(B" * 300, charset="iso-2022-jp"),
        "/no-text": raw(CHUNKED % b"; charset=iso-2022-jp", *[b"3\r\n\x1b$$\r\n"] + [b"1\r\n$\r\n"] * 20),
    }
    query = query_of(["/fine", *pages, "/fine"])
    async with (
        Origin(pages) as origin,
        proxy_to(
            origin, engine=engine, response_timeout="2.5", read_timeout="2.5", max_connections="20"
        ) as proxy,
    ):
        found = await records(proxy, query)
        assert pooled(proxy) == 0
    assert [record.get("error") for record in found] == [
        None,
        "http_response_incomplete",
        "connection_terminated",
        "http_protocol_error",
        "http_response_content_coding",
        "http_response_timeout",
        "connection_read_timeout",
        "http_response_body_size",
        "http_protocol_error",
        None,
    ]
    assert found[0]["text"] == found[-1]["text"] == "/fine"
    for record in found:
        assert record.keys() in (
            {"path", "index", "status", "text", "ms"},
            {"path", "index", "error", "detail", "ms"},
        )
        assert "127.0.0.1" not in record.get("detail", "")


@engines
@aio
async def test_an_upstream_that_is_down_is_an_error_in_every_record(engine: str) -> None:
    origin = Origin(sock=(sock := bound()))
    sock.close()
    async with proxy_to(origin, engine=engine) as proxy:
        found = await records(proxy, "")
    assert [(record["path"], record["error"]) for record in found] == [("/", "connection_refused")] * 5


@engines
@pytest.mark.parametrize("chars", [1, 10_000])
@aio
async def test_an_endless_body_is_closed_as_soon_as_its_characters_are_there(engine: str, chars: int) -> None:
    async with Origin({"/endless": endless()}) as origin, proxy_to(origin, engine=engine) as proxy:
        (found,) = await records(proxy, f"path=/endless&chars={chars}")
        await eventually(lambda: origin.left == ["/endless"], "the endless response's connection is closed")
    assert found["text"] == "x" * chars
    assert origin.written["/endless"] < 256 * 1024


@engines
@aio
async def test_a_body_that_came_whole_leaves_its_connection_to_the_next(engine: str) -> None:
    pages = {"/long": page(b"x" * 500), "/exact": page(b"x" * 50), "/error": page(status=500)}
    async with Origin(pages) as origin, proxy_to(origin, engine=engine, max_connections="1") as proxy:
        await records(proxy, "path=/long&path=/exact&path=/error&path=/long")
        assert origin.accepted == 1
