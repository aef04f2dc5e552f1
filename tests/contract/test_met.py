"""MET: methods are names, passed on as they are."""

from shared.harness.origin.scripted import Arrival
from tests.contract.case import case
from tests.contract.expect import ok, same
from tests.contract.talk import Talk


async def _goes_through(talk: Talk, method: str) -> None:
    x = await talk.exchange()
    await x.ask(method)
    up = await x.reaches()
    assert isinstance(up, Arrival), f"{method} was answered {up.status} by the proxy"
    assert up.head.method == method.encode(), f"{method} became {up.head.method!r}"
    await up.answer(body=None if method == "HEAD" else b"ok")
    ok(await x.response(), b"" if method == "HEAD" else b"ok")


@case("MET-01", requirement="RFC 9110 §9.1", anchor="YARP method tables")
async def methods(talk: Talk) -> None:
    """The usual methods, and four of WebDAV, reach the upstream as themselves."""
    for method in [
        "GET",
        "HEAD",
        "POST",
        "PUT",
        "PATCH",
        "DELETE",
        "OPTIONS",
        "PROPFIND",
        "REPORT",
        "MKCOL",
        "LOCK",
    ]:
        await _goes_through(talk, method)


@case("MET-01-query", requirement="RFC 9110 §9.1; draft-ietf-httpbis-safe-method-w-body")
async def query(talk: Talk) -> None:
    """QUERY, a method younger than most parsers, goes through."""
    await _goes_through(talk, "QUERY")


@case("MET-01-foo", requirement="RFC 9110 §9.1, §16.1")
async def unknown_method(talk: Talk) -> None:
    """A method that nobody has registered goes through: the upstream decides what it means."""
    await _goes_through(talk, "FOO")


@case("MET-02", level="S", requirement="RFC 9110 §9.1: methods are case-sensitive")
async def lower_case(talk: Talk) -> None:
    """`get` is not GET: it goes through as it is, or is refused; nobody upper-cases it."""
    for method in ("get", "Foo"):
        x = await talk.exchange()
        await x.ask(method)
        result = await x.reaches()
        if isinstance(result, Arrival):
            seen = result.head.method
            await result.answer()
            ok(await x.response())
            assert seen == method.encode(), f"{method} became {seen!r}"
        else:
            assert result.status in (400, 405, 501), f"status {result.status}"


@case("MET-03", requirement="RFC 9110 §9.1, §5.1", anchor="Rails and Express method overrides")
async def override(talk: Talk) -> None:
    """A field that asks for another method is for the upstream to believe: the request's method stays."""
    x = await talk.exchange()
    seen, response = await x.trip(
        "POST",
        "X-HTTP-Method-Override: DELETE",
        "X-HTTP-Method: PUT",
        "X-Method-Override: PATCH",
        body=b"_method=GET",
    )
    ok(response)
    assert seen.method == b"POST", f"POST became {seen.method!r}"
    same(seen, "X-HTTP-Method-Override", "DELETE")


@case(
    "MET-04",
    level="P",
    requirement="RFC 9110 §9.3.8, §15.5.6",
    anchor="Apache TraceEnable; Max-Forwards: Co-Advisor maxForwardsZero-TRACE",
    needs=("trace",),
)
async def trace(talk: Talk) -> None:
    """TRACE is refused or relayed, as declared; refused, it tells nobody a credential, and the connection
    goes on.
    """
    client = await talk.connect()
    for fields in ((), ("Max-Forwards: 0",), ("Max-Forwards: 5",)):
        x = await talk.exchange(client)
        await x.ask("TRACE", "Cookie: secret=1", "Authorization: Basic c2VjcmV0", *fields)
        result = await x.reaches()
        if isinstance(result, Arrival):
            assert talk.manifest.trace == "relay", "TRACE was forwarded"
            assert result.head.method == b"TRACE", f"TRACE became {result.head.method!r}"
            await result.answer("200 OK", "Content-Type: message/http")
            ok(await x.response())
            continue
        answered_here = talk.manifest.max_forwards and "Max-Forwards: 0" in fields and result.status == 200
        assert talk.manifest.trace == "refuse" or answered_here, f"TRACE was answered {result.status}"
        assert answered_here or result.status in (403, 405, 501), f"status {result.status}"
        for secret in (b"secret=1", b"c2VjcmV0"):
            assert secret not in result.content, f"the answer tells {secret!r}"
        if b"close" in b",".join(result.all("Connection")).lower():
            client = await talk.connect()
    ok((await (await talk.exchange(client)).trip())[1])


@case(
    "MET-05",
    requirement="RFC 9110 §9.1, §5.6.2",
    anchor="Go TestReverseProxy: any token is a method",
    level="S",
)
async def odd_tokens(talk: Talk) -> None:
    """Any token is a method: it goes through as it is, or is refused in so many words."""
    for method in ("M-SEARCH", "A", "X!#$%&'*+-.^_`|~9", "G" * 64):
        x = await talk.exchange()
        await x.ask(method)
        result = await x.reaches()
        if isinstance(result, Arrival):
            assert result.head.method == method.encode(), f"{method} became {result.head.method!r}"
            await result.answer()
            ok(await x.response())
        else:
            assert result.status in (400, 405, 501), f"{method} was answered {result.status}"


@case(
    "MET-04-allow",
    level="S",
    requirement="RFC 9110 §15.5.6",
    anchor="RFC 9110 §15.5.6 MUST",
    needs=("trace",),
)
async def allow(talk: Talk) -> None:
    """A proxy that answers 405 says which methods there are, and the one that it refuses is none of them."""
    x = await talk.exchange()
    await x.ask("TRACE")
    result = await x.reaches()
    if isinstance(result, Arrival):
        await result.answer()
        ok(await x.response())
    elif result.status == 405:
        allowed = b",".join(result.all("Allow")).replace(b" ", b"").split(b",")
        assert b"GET" in allowed, f"Allow is {result.all('Allow')}"
        assert b"TRACE" not in allowed, f"Allow is {result.all('Allow')}"
