"""OPS: the access log. One line for each exchange, whatever became of it and whatever it was made of."""

from tests.contract.case import case
from tests.contract.expect import never_whole, ok
from tests.contract.talk import LEAVE_S, Exchange, Talk
from tests.contract.told import Record, records

_PRIVATE = "hush-0d1f"


def named(x: Exchange) -> str:
    """The request id that the exchange asks to be known by."""
    return f"X-Request-ID: {x.token}"


async def whole(talk: Talk) -> Exchange:
    x = await talk.exchange()
    query = f"{x.path}?{_PRIVATE}"
    ok((await x.trip("POST", named(x), f"Authorization: {_PRIVATE}", target=query, body=b"hello"))[1])
    return x


async def left_before(talk: Talk) -> Exchange:
    x = await talk.exchange()
    await x.ask("GET", named(x))
    up = await x.arrival()
    x.client.close()
    await up.peer_closed(LEAVE_S)
    return x


async def left_within(talk: Talk) -> Exchange:
    x = await talk.exchange()
    await x.ask("GET", named(x))
    up = await x.arrival()
    await up.head_of("200 OK", "Content-Length: 10")
    await up.send("01234")
    await (await x.head()).some(5)
    x.client.close()
    await up.peer_closed(LEAVE_S)
    return x


async def hung_up(talk: Talk) -> Exchange:
    x = await talk.exchange()
    await x.ask("PUT", named(x), body=b"hello")
    up = await x.arrival()
    await up.content()
    up.close()
    assert (await x.response()).status == 502
    return x


async def broken_off(talk: Talk) -> Exchange:
    x = await talk.exchange()
    await x.ask("GET", named(x))
    up = await x.arrival()
    await up.head_of("200 OK", "Content-Length: 10")
    await up.send("01234")
    response = await x.head()
    await response.some(5)
    up.close()
    await never_whole(response.body)
    return x


async def refused(talk: Talk) -> Exchange:
    assert talk.manifest.max_header is not None
    x = await talk.exchange()
    await x.ask("GET", named(x), "X-Long: " + "x" * talk.manifest.max_header)
    assert (await x.response()).status == 431
    return x


async def unreachable(talk: Talk) -> Exchange:
    async with talk.origin.refusing():
        x = await talk.exchange()
        await x.ask("GET", named(x))
        assert (await x.response()).status == 502
    return x


_LIVES = (
    (whole, ("POST", 200, "ok", 5, 2), True),
    (left_before, ("GET", 499, "client_gone", 0, 0), True),
    (left_within, ("GET", 200, "client_gone", 0, 5), True),
    (hung_up, ("PUT", 502, "connection_terminated", 5, None), True),
    (broken_off, ("GET", 200, "http_response_incomplete", 0, 5), True),
    (refused, ("GET", 431, "http_request_error", 0, None), False),
    (unreachable, ("GET", 502, "connection_refused", 0, None), True),
)
"""What is lived through; its record's method, status, outcome and body bytes (None: of an answer of the
proxy's own); whether the upstream was asked."""


@case(
    "OPS-05",
    level="P",
    requirement="promise: one record for each exchange, and it is true",
    anchor="nginx $status 499; Caddy and Envoy access logs",
    needs=("access_log", "max_header"),
    alone=True,
)
async def records_of(talk: Talk) -> None:
    """Each exchange leaves exactly one record, under the request id that it came with, with what became of
    it: success, a client that left before the head or within the body, an upstream that hung up, broke off
    or refused, a request that was refused; and no query, no field value.
    """
    lived = [await live(talk) for live, _, _ in _LIVES]
    found = await log(talk)
    for x, (live, wanted, asked) in zip(lived, _LIVES, strict=True):
        mine, name = [each for each in found if each.request_id == x.token], live.__name__
        assert len(mine) == 1, f"{name}: {len(mine)} records"
        record = mine[0]
        own = x.responses[-1].body.size if wanted[-1] is None else wanted[-1]
        told = (record.method, record.status, record.outcome, record.bytes_received, record.bytes_sent)
        assert told == (*wanted[:-1], own), f"{name}: {told}, not {(*wanted[:-1], own)}"
        assert record.path == x.path, f"{name}: path {record.path!r}"
        assert (record.upstream_ms is not None) == asked, f"{name}: upstream_ms {record.upstream_ms}"
        assert 0 <= (record.upstream_ms or 0) <= record.total_ms < 10_000, f"{name}: {record}"
    assert len(found) == len(lived), f"{len(found)} records of {len(lived)} exchanges"
    assert _PRIVATE not in talk.process.log(), "a query or a field's value is in the log"


@case(
    "OPS-13",
    level="P",
    requirement="promise: no client writes the log's lines",
    anchor="CWE-117; nginx escape=json",
    needs=("access_log",),
    alone=True,
)
async def injected(talk: Talk) -> None:
    """Whatever bytes a target, a method or a request id is made of, an exchange is one line of JSON or, where
    the request is refused, none; an id that no log should hold is replaced.
    """
    targets = (
        '/{token}"}}{{"outcome":"forged',
        "/{token}\\",
        "/{token}\\u000a",
        "/{token}%0a%0d%22%00%1b[2J",
        "/{token}\x7f\x85\x9b\xe2\x80\xa8",  # DEL, C1 controls, the UTF-8 of a line separator
        "/{token}\x1b[31m",
        "/{token}?\xff",
    )
    ids = ('a"b', "a b", "x" * 129, "\xe9", "a\tb", "", "{}")
    lived: list[tuple[Exchange, str]] = []
    for number, target in enumerate((*targets, *("/{token}" for _ in ids))):
        x = await talk.exchange()
        spelt = target.format(token=f"t-{x.token}")
        asked = ids[number - len(targets)] if number >= len(targets) else x.token
        await x.ask("GET", f"X-Request-ID: {asked}", target=spelt)
        came = await x.reaches()
        if came in x.arrivals:
            await x.arrivals[0].answer()
            ok(await x.response())
        else:
            assert x.responses[0].status == 400, f"{spelt!r} was answered {x.responses[0].status}"
        lived.append((x, asked))
    found = await log(talk)
    for x, asked in lived:
        mine = [each for each in found if x.token in each.path]
        most = 1 if x.expected.count else len(mine[:1])
        assert len(mine) == most, f"{len(mine)} records of {x.path}"
        for record in mine:
            visible = 0 < len(asked) <= 128 and all("!" <= character <= "~" for character in asked)
            same = record.request_id == asked
            assert same == visible, f"asked to be known by {asked!r}, known by {record.request_id!r}"
    assert len(found) <= len(lived)
    lines = [line for line in talk.process.log().split("\n") if "t-" in line]
    assert len(lines) == len(found), "a record was broken in two, or a line is no record"
    ugly = [line for line in lines if any(ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 for c in line)]
    assert not ugly, f"control characters in the log: {ugly}"


async def log(talk: Talk) -> list[Record]:
    """All records, when the process has ended and none is still on its way."""
    talk.terminate()
    await talk.exit_status()
    return records(talk.process.log())
