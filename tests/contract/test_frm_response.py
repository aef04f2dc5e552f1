"""FRM: an answer that two readers could read in two ways is 502, cut, or read in one way."""

from shared.harness.origin.http1 import IncompleteError
from shared.harness.origin.scripted import Arrival
from tests.contract.case import case
from tests.contract.expect import gateway_failure, never_whole, ok
from tests.contract.moves import HOARD, POISON, SLACK_S
from tests.contract.talk import Talk
from tests.contract.wire import Response


async def _answered(talk: Talk, *pieces: str | bytes) -> tuple[Arrival, Response]:
    """What the client gets when the upstream sends these bytes and then waits."""
    x = await talk.exchange()
    await x.ask()
    up = await x.arrival()
    await up.send(*pieces)
    return up, await x.response()


@case("FRM-41", requirement="RFC 9112 §5.2", anchor="FRM-12, from the other side")
async def folded(talk: Talk) -> None:
    """A folded field of an answer is unfolded, or the answer is 502; no fold reaches the client."""
    for fold in ("\r\n ", " \r\n\t "):
        up, response = await _answered(
            talk, f"HTTP/1.1 200 OK\r\nX-Fold: one{fold}two\r\nContent-Length: 2\r\n\r\nok"
        )
        if response.status == 200:
            ok(response)
            value = response.one("X-Fold")
            assert value is not None, "the field is gone"
            assert value.split() == [b"one", b"two"], f"X-Fold is {value!r}"
        else:
            gateway_failure(response, 502)
        up.release()


@case("FRM-42", level="S", requirement="RFC 9112 §2.2", anchor="h11 takes them")
async def line_feeds(talk: Talk) -> None:
    """A head whose lines end in LF alone is read as if they ended in CRLF, or is 502."""
    for head in (
        "HTTP/1.1 200 OK\nX-A: a\nConnection: close\nContent-Length: 2\n\n",
        "HTTP/1.1 200 OK\r\nX-A: a\nConnection: close\r\nContent-Length: 2\r\n\r\n",
    ):
        x = await talk.exchange()
        await x.ask()
        up = await x.arrival()
        await up.send(head, "ok")
        up.channel.finish()  # for those that see no end of the head in it
        response = await x.response()
        if response.status == 200:
            ok(response)
            assert response.one("X-A") == b"a"
        else:
            gateway_failure(response, 502)


@case("FRM-43", requirement="RFC 9112 §6.1", anchor="FRM-14, from the other side")
async def old_chunks(talk: Talk) -> None:
    """Chunked in an HTTP/1.0 answer is faulty framing: read by its chunks or by the close, or 502; and its
    connection carries nothing more.
    """
    for alive in ("", "Connection: keep-alive\r\n"):
        x = await talk.exchange()
        await x.ask()
        up = await x.arrival()
        chunks = b"2\r\nok\r\n0\r\n\r\n"
        await up.send(f"HTTP/1.0 200 OK\r\n{alive}Transfer-Encoding: chunked\r\n\r\n", chunks, POISON)
        response = await x.head()
        if response.status == 200:
            up.channel.finish()
            await response.to_the_end()
            assert response.content in (b"ok", chunks + POISON.encode()), f"content {response.content!r}"
        else:
            gateway_failure(await response.to_the_end(), 502)
        await up.peer_closed(talk.manifest.leave_s + SLACK_S)


@case("FRM-44", requirement="RFC 9112 §5.1", anchor="FRM-30, from the other side")
async def space_before_the_colon(talk: Talk) -> None:
    """A space between an answer's field name and its colon is taken away, or the field, or the answer is
    502.
    """
    for field in ("X-Space : a", "X-Space\t: a", "Content-Length : 2"):
        framing = "" if field.startswith("Content-Length") else "Content-Length: 2\r\n"
        x = await talk.exchange()
        await x.ask()
        up = await x.arrival()
        await up.send(f"HTTP/1.1 200 OK\r\n{field}\r\nConnection: close\r\n{framing}\r\nok")
        up.channel.finish()
        response = await x.response()
        if response.status == 200:
            ok(response)
            assert response.all("X-Space") in ([], [b"a"]), response.all("X-Space")
        else:
            gateway_failure(response, 502)


@case("FRM-45", requirement="RFC 9110 §5.5; RFC 9112 §2.2", anchor="FRM-10, from the other side")
async def control_characters(talk: Talk) -> None:
    """A bare CR or a NUL in an answer's fields is a space for the client, or 502."""
    for head in (
        b"HTTP/1.1 200 OK\r\nX-A: one\rtwo\r\n",
        b"HTTP/1.1 200 OK\r\nX-A: one\rX-SMUGGLED: two\r\n",
        b"HTTP/1.1 200 OK\r\nX-A: one\x00two\r\n",
        b"HTTP/1.1 200 OK\r\nX\rA: one\r\n",
    ):
        up, response = await _answered(talk, head, "Content-Length: 2\r\n\r\nok")
        if response.status == 200:
            ok(response)  # strict parsing has seen to the rest
            assert response.all("X-SMUGGLED") == [], f"{head!r}: a field that the upstream did not send"
        else:
            gateway_failure(response, 502)
        up.release()


@case("FRM-45-reason", level="S", requirement="RFC 9112 §2.2, §4", anchor="HTTP Garden; nginx relays it")
async def control_characters_in_the_reason(talk: Talk) -> None:
    """A bare CR or a NUL in an answer's reason phrase does not pass: the phrase is cleaned or left out, or it
    is 502.
    """
    for byte in (b"\r", b"\x00"):
        up, response = await _answered(talk, b"HTTP/1.1 200 O%sK\r\nContent-Length: 2\r\n\r\nok" % byte)
        if response.status == 200:
            ok(response)
        else:
            gateway_failure(response, 502)
        up.release()


@case(
    "FRM-46",
    requirement="RFC 9112 §7.1, §8",
    anchor="FRM-21 and -22, from the other side",
    compare="verdict",  # whether the head was read before its chunk decides between a cut and 502
)
async def broken_chunks(talk: Talk) -> None:
    """Chunk data without its CRLF, and a size that overflows, cut the answer: it never ends as if whole."""
    for broken in (
        "5\r\nhelloX\r\n0\r\n\r\n",
        "5\r\nhello0\r\n\r\n",
        "5\r\nhelloo\r\n0\r\n\r\n",
        "10000000000000005\r\nhello\r\n0\r\n\r\n",
        "100000005\r\nhello\r\n0\r\n\r\n",
        "\r\nhello\r\n0\r\n\r\n",
    ):
        await _cut(talk, broken)


@case(
    "FRM-46-tail",
    level="S",
    requirement="RFC 9112 §7.1, §2.2",
    anchor="FRM-06-tail, from the other side",
    compare="verdict",
)
async def chunk_size_and_more(talk: Talk) -> None:
    """A chunk size that something else than an extension follows cuts the answer: it never ends whole."""
    for size in ("5 5", "5,", "5.0", "5 a=b", "5:"):
        await _cut(talk, f"{size}\r\nhello\r\n0\r\n\r\n")


async def _cut(talk: Talk, broken: str) -> None:
    """An answer of these chunks is hung up on, or cut, or 502."""
    x = await talk.exchange()
    await x.ask()
    up = await x.arrival()
    await up.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", broken)
    up.channel.finish()  # for those that wait for the rest of a chunk of 2^64 bytes
    try:
        response = await x.head()
    except IncompleteError as error:  # hung up on before the head: nobody takes that for an answer
        if error.got:
            raise
        return
    if response.status == 200:
        await never_whole(response.body)
    else:
        gateway_failure(await response.to_the_end(), 502)


@case("FRM-47", requirement="RFC 9112 §6.2, §8", anchor="FRM-04, from the other side")
async def overflowing_length(talk: Talk) -> None:
    """A Content-Length past every integer's range is 502 or an answer that is cut, never one of 2 bytes."""
    for length in (1 << 63, (1 << 64) + 2, 10**25):
        x = await talk.exchange()
        await x.ask()
        up = await x.arrival()
        await up.send(f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\nok")
        up.channel.finish()
        response = await x.head()
        if response.status == 200:
            await never_whole(response.body)
        else:
            gateway_failure(await response.to_the_end(), 502)


@case(
    "FRM-48",
    requirement="RFC 9110 §5.4; RFC 9209 §2.3 http_response_header_section_size: 502",
    anchor="h11 bounds it, FRM-34 from the other side",
)
async def endless_head(talk: Talk) -> None:
    """A head that does not end is given up at some bound, and is 502: the proxy does not hoard it."""
    x = await talk.exchange()
    await x.ask()
    up = await x.arrival()
    begun = up.channel.sent
    line = b"X-Filler: " + b"x" * 8180 + b"\r\n"
    try:
        await up.send("HTTP/1.1 200 OK\r\n")
        while up.channel.sent - begun < HOARD:
            await up.send(line)
    except ConnectionError:
        pass
    taken = up.channel.sent - begun
    assert taken < HOARD, f"{taken} bytes of a head were taken"
    gateway_failure(await x.response(), 502)


@case("FRM-49", requirement="RFC 9112 §6.1; RFC 9110 §8.6", anchor="HAProxy http_bodyless_response.vtc")
async def framing_of_the_bodiless(talk: Talk) -> None:
    """What may have no body says so to the client too: no framing fields on 204, at most the length a GET
    would have on 304 and for HEAD.
    """
    for status in ("204 No Content", "304 Not Modified"):
        for fields in ("Content-Length: 0\r\n", "Content-Length: 7\r\n", "Transfer-Encoding: chunked\r\n"):
            up, response = await _answered(talk, f"HTTP/1.1 {status}\r\n{fields}\r\n")
            if response.status == 502:
                gateway_failure(response, 502)
            else:
                ok(response, b"", int(status[:3]))  # strict parsing judges the fields
            up.release()


@case(
    "FRM-50", requirement="RFC 9110 §5.5; RFC 9112 §7", anchor="llhttp #876: a tab made it end by the close"
)
async def chunked_however_spelt(talk: Talk) -> None:
    """Chunked is chunked in any case, with any white space around it: its chunks are read as chunks."""
    for value in ("CHUNKED", "\tchunked", "chunked\t", " \t chunked \t "):
        x = await talk.exchange()
        await x.ask()
        up = await x.arrival()
        await up.send(f"HTTP/1.1 200 OK\r\nTransfer-Encoding:{value}\r\n\r\n2\r\nok\r\n0\r\n\r\n")
        up.release()
        ok(await x.response())
