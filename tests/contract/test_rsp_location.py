"""RSP: Location and Content-Location where they speak of the upstream itself."""

from urllib.parse import urljoin

from tests.contract.case import case
from tests.contract.expect import ok, same
from tests.contract.talk import Talk
from tests.contract.wire import Response


def _front(talk: Talk) -> str:
    """What the client calls the proxy: what it has connected to."""
    return f"{talk.proxy.host}:{talk.proxy.port}"


async def _told(talk: Talk, field: str, value: str, status: str = "302 Found") -> Response:
    x = await talk.exchange()
    await x.ask(host=_front(talk))
    up = await x.arrival()
    await up.answer(status, f"{field}: {value}")
    response = await x.response()
    ok(response, status=int(status[:3]))
    return response


async def _leads_to(talk: Talk, field: str, value: str, place: str) -> None:
    """The reference leads the client to that place of the proxy, in whichever form; or is as it was."""
    response = await _told(talk, field, value, "302 Found" if field == "Location" else "200 OK")
    if talk.manifest.location == "verbatim":
        same(response.head, field, value)
        return
    told = (response.one(field) or b"").decode("latin-1")
    leads = urljoin(f"http://{_front(talk)}/here", told)
    assert leads == f"http://{_front(talk)}{place}", f"{value!r} became {told!r}, which leads to {leads!r}"


@case(
    "RSP-13-own",
    level="P",
    requirement="RFC 9110 §10.2.2, §8.7",
    anchor="nginx proxy_redirect default; Apache ProxyPassReverse",
    needs=("location",),
)
async def of_the_upstream(talk: Talk) -> None:
    """An absolute URL of the upstream leads to the proxy, or is relayed as it is, as declared."""
    upstream = talk.authority
    for url, place in ((f"http://{upstream}/x/y?a=/b#c", "/x/y?a=/b#c"), (f"http://{upstream}/", "/")):
        await _leads_to(talk, "Location", url, place)


@case(
    "RSP-13-content",
    level="P",
    requirement="RFC 9110 §8.7",
    anchor="Apache ProxyPassReverse: Location, Content-Location and URI",
    needs=("location",),
)
async def content_location(talk: Talk) -> None:
    """What Content-Location says of the upstream's own URL, it says of the proxy's, as declared."""
    upstream = f"http://{talk.authority}"
    await _leads_to(talk, "Content-Location", f"{upstream}/x.en.html", "/x.en.html")


@case(
    "RSP-13-base",
    level="P",
    requirement="RFC 9110 §10.2.2",
    anchor="nginx proxy_redirect default",
    settings="based",
    needs=("location", "base"),
)
async def below_the_base(talk: Talk) -> None:
    """The base path, which the proxy has put in front, is taken off again; what lies outside it is left as it
    is.
    """
    upstream = f"http://{talk.authority}"
    base = talk.manifest.base
    for path, place in ((f"{base}/x?a=b", "/x?a=b"), (f"{base}/", "/")):
        await _leads_to(talk, "Location", f"{upstream}{path}", place)
    for outside in ("/", "/other", f"{base}line", f"{base}/../other"):
        response = await _told(talk, "Location", f"{upstream}{outside}")
        same(response.head, "Location", f"{upstream}{outside}")


@case("RSP-13-double", requirement="RFC 3986 §4.2", anchor="open redirects through `//`", needs=("location",))
async def two_slashes(talk: Talk) -> None:
    """A path of the upstream that begins with two slashes does not become another host."""
    upstream = f"http://{talk.authority}"
    for path in ("//evil.test/x", "/\\evil.test/x"):
        response = await _told(talk, "Location", upstream + path)
        told = (response.one("Location") or b"").decode("latin-1")
        leads = urljoin(f"http://{_front(talk)}/here", told.replace("\\", "/"))
        mine = (f"http://{_front(talk)}/", upstream + "/")
        assert leads.startswith(mine), f"{upstream}{path} became {told!r}, which leads to {leads!r}"


@case("RSP-13-other", requirement="RFC 9110 §10.2.2, §7.7", anchor="nginx proxy_redirect default")
async def of_others(talk: Talk) -> None:
    """What only looks like a URL of the upstream is relayed as it is: another port, scheme, host or user."""
    assert talk.elsewhere is not None
    authority = talk.authority
    for url in (
        f"http://127.0.0.1:{talk.elsewhere.port}/x",
        f"https://{authority}/x",
        f"http://{authority}.evil.test/x",
        f"http://{authority}@evil.test/x",
        f"http://user@{authority}/x",
        f"http://{authority}0/x",
        f"http://evil.test/?next=http://{authority}/x",
        f"//evil.test/http://{authority}/x",
    ):
        for field, status in (("Location", "302 Found"), ("Content-Location", "201 Created")):
            response = await _told(talk, field, url, status)
            same(response.head, field, url)
