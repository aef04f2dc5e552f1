"""Expectations that more than one case has; each failure says what was seen."""

from shared.harness.origin.body import Body
from shared.harness.origin.channel import WAIT_S, within
from shared.harness.origin.http1 import Head, IncompleteError
from shared.harness.origin.scripted import Arrival
from tests.contract.talk import Exchange, Talk
from tests.contract.wire import Client, Response

__all__ = [
    "BROKEN_OFF",
    "absent",
    "closed_for_good",
    "gateway_failure",
    "never_whole",
    "next_is_its_own",
    "ok",
    "pool_is_whole",
    "refused",
    "refused_or",
    "same",
]

BROKEN_OFF = (400, 413, 502)
"""What a request is answered with that has gone upstream in part when its fault is seen: it is the client's,
or too much, or the exchange with the upstream has broken off; never the proxy's own."""


def ok(response: Response, content: bytes | None = b"ok", status: int = 200) -> None:
    """That status, complete, with that content (None: any)."""
    assert response.status == status, f"status {response.status}, not {status}: {response.content[:300]!r}"
    assert response.complete, f"the response was cut ({response.body.cut}) after {response.body.size} bytes"
    if content is not None:
        assert response.content == content, f"content {response.content[:200]!r}, not {content[:200]!r}"


def absent(head: Head, *names: str) -> None:
    """None of these fields is there."""
    for name in names:
        assert not head.all(name), f"{name} is there: {head.all(name)}"


def same(head: Head, name: str, *values: bytes | str) -> None:
    """Exactly these lines of that name, in this order."""
    wanted = [value.encode("latin-1") if isinstance(value, str) else value for value in values]
    assert head.all(name) == wanted, f"{name} is {head.all(name)}, not {wanted}"


def gateway_failure(response: Response, *statuses: int) -> None:
    """One of these statuses, complete, and telling nothing that is none of the client's business."""
    assert response.status in statuses, (
        f"status {response.status}, not {' or '.join(map(str, statuses))}: {response.content[:300]!r}"
    )
    assert response.complete, f"the {response.status} was cut ({response.body.cut})"
    everything = response.head.raw + response.content
    for secret in (b"127.0.0.1", b"upstream.invalid", b"Traceback", b"httpx", b"httpcore", b".py"):
        assert secret not in everything, f"{secret!r} is told to the client: {everything[:400]!r}"


async def closed_for_good(client: Client) -> None:
    """The proxy closes, and has nothing more to say on this connection: no answer to what was content."""
    rest = bytes(client.reader.buffer)
    before = client.channel.received
    await client.peer_closed()
    assert not rest, f"{rest[:200]!r} came after the response"
    assert client.channel.received == before, "something came after the response"


async def never_whole(body: Body, deadline_s: float = WAIT_S) -> None:
    """The connection ends, soon, before the framing says that the body does."""
    try:
        await within(deadline_s, "the message to be cut", body.swallow())
    except IncompleteError:
        return
    raise AssertionError(f"a message that was cut short ended as if it were whole, after {body.size} bytes")


async def refused(
    x: Exchange, *statuses: int, told: str = "", cut: bool = False, closed: bool = True
) -> None:
    """The client gets one of these statuses, or is hung up on without a word; then nothing more comes.

    told: what was sent, for the failure. cut: part of the request may have arrived, but never all; the error
    that then says so may also be one of BROKEN_OFF (RFC 9112 §8 names none). closed: the connection has to be
    closed, because nobody can tell where the next request would begin.
    """
    try:
        up = await x.reaches()
        if isinstance(up, Arrival):
            assert cut, f"{told}: the request arrived"
            await never_whole(up.body)
            up.close()
            up = await x.response()
        assert up.status in statuses or (cut and up.status in BROKEN_OFF), f"{told}: status {up.status}"
        if closed:
            await closed_for_good(x.client)
    except IncompleteError:
        cut_short = bytes(x.client.reader.buffer)
        assert not cut_short, f"{told}: the answer was cut: {cut_short!r}"


async def refused_or(x: Exchange, content: bytes, *statuses: int, told: str = "") -> bool:
    """The request arrives with that content and is answered (True), or it is refused, with 400 unless
    statuses are given.
    """
    up = await x.reaches()
    try:
        if isinstance(up, Arrival):
            came = await up.content()
            assert came == content, f"{told}: content {came!r}, not {content!r}"
            await up.answer()
            ok(await x.response())
            return True
    except IncompleteError:  # what streams may have gone on before the fault was seen
        up = await x.response()
    assert up.status in (statuses or (400,)), f"{told}: status {up.status}"
    return False


async def next_is_its_own(talk: Talk, x: Exchange) -> None:
    """The client's connection carries the next request, with its own answer, or is closed without a word."""
    y = await talk.exchange(x.client)
    try:
        await y.ask()
        up = await y.reaches()
    except (ConnectionError, IncompleteError):
        assert not x.client.reader.buffer, f"{bytes(x.client.reader.buffer)!r} came after the answer"
        return
    assert isinstance(up, Arrival), f"status {up.status}"
    await up.answer(body=y.path.encode())
    ok(await y.response(), y.path.encode())


async def pool_is_whole(talk: Talk) -> None:
    """As many requests as the pool has places, all of them at the upstream before the first is answered: a
    pool that has lost some of its places still answers one after another.
    """
    each = [await talk.exchange() for _ in range(talk.manifest.pool or 0)]
    for x in each:
        await x.ask()
    for up in [await x.arrival(talk.manifest.leave_s + 1) for x in each]:
        await up.answer()
    for x in each:
        ok(await x.response())
