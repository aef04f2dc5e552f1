"""MET: methods are names, passed on as they are."""

from shared.harness.origin.scripted import Arrival
from tests.contract.case import case
from tests.contract.expect import ok
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
    """Every registered method reaches the upstream as itself, with no list in the proxy to be on."""
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
