"""OPS: what operators read. Metrics that add up to what happened, health pages, and who may ask for them."""

import asyncio
import random

from shared.harness.origin.scripted import Arrival
from tests.contract.case import case
from tests.contract.expect import never_whole, ok
from tests.contract.moves import hangs_up
from tests.contract.talk import LEAVE_S, Exchange, Talk
from tests.contract.told import grown, page, samples, settled
from tests.contract.wire import Response

_FINISHED = "tandem_exchanges_total"
_POLL_S = 0.05


def finished(method: str, status: int, outcome: str) -> str:
    """The series that counts such exchanges."""
    return f'{_FINISHED}{{method="{method}",outcome="{outcome}",status="{status}"}}'


async def ten_bytes(up: Arrival) -> None:
    await up.answer(body=b"0123456789")


async def breaks_off(up: Arrival) -> None:
    await up.head_of("200 OK", "Content-Length: 10")
    await up.send("01234")
    up.close()


@case(
    "OPS-06",
    level="P",
    requirement="promise: the metrics are what happened",
    anchor="Caddy and Envoy stats",
    needs=("metrics", "max_header"),
)
async def metrics_add_up(talk: Talk) -> None:
    """Counters and histograms grow by what was done, whatever became of it, and add up to the origin's
    ledger; nothing stays in flight.
    """
    before = await settled(talk)
    for _ in range(5):
        ok((await (await talk.exchange()).trip(content=b"0123456789"))[1], b"0123456789")
    for _ in range(3):
        x = await talk.exchange(script=ten_bytes)
        await x.ask("POST", body=bytes(1000))
        ok(await x.response(), b"0123456789")
    for _ in range(2):
        await left_waiting(talk)
        await left_reading(talk)
        x = await talk.exchange(script=hangs_up("close"))
        await x.ask("PUT", body=bytes(100))
        assert (await x.response()).status == 502
        await refused(talk)
    x = await talk.exchange(script=breaks_off)
    await x.ask()
    await never_whole((await x.head()).body)
    await settled(talk)  # those who left are noticed when they are
    after = await settled(talk)

    told = grown(before, after, [_FINISHED])
    assert told == {
        finished("GET", 200, "ok"): 5,
        finished("POST", 200, "ok"): 3,
        finished("GET", 499, "client_gone"): 2,
        finished("GET", 200, "client_gone"): 2,
        finished("PUT", 502, "connection_terminated"): 2,
        finished("GET", 431, "http_request_error"): 2,
        finished("GET", 200, "http_response_incomplete"): 1,
    }
    exchanges, arrived = 17, len([each for x in talk.exchanges for each in x.seen()])
    assert arrived == 15, f"{arrived} requests in the origin's ledger"
    for name, wanted in (
        ("tandem_exchange_seconds_count", exchanges),
        ('tandem_exchange_seconds_bucket{le="+Inf"}', exchanges),
        ("tandem_upstream_seconds_count", arrived),
        ('tandem_upstream_seconds_bucket{le="+Inf"}', arrived),
        ("tandem_received_bytes_total", 3 * 1000 + 2 * 100),
    ):
        assert after[name] - before.get(name, 0) == wanted, (
            f"{name} grew by {after[name] - before.get(name, 0):g}, not {wanted}"
        )
    # Every byte of content that a client has read, and what is under way to those who left.
    read = sum(response.body.size for x in talk.exchanges for response in x.responses)
    sent = after["tandem_sent_bytes_total"] - before.get("tandem_sent_bytes_total", 0)
    assert sent == read, f"tandem_sent_bytes_total grew by {sent:g}, clients have read {read}"


async def left_waiting(talk: Talk) -> None:
    """A client that leaves before the head."""
    x = await talk.exchange()
    await x.ask()
    up = await x.arrival()
    x.client.close()
    await up.peer_closed(LEAVE_S)


async def left_reading(talk: Talk) -> None:
    """A client that leaves after five bytes of ten."""
    x = await talk.exchange()
    await x.ask()
    up = await x.arrival()
    await up.head_of("200 OK", "Content-Length: 10")
    await up.send("01234")
    await (await x.head()).some(5)
    x.client.close()
    await up.peer_closed(LEAVE_S)


async def refused(talk: Talk) -> None:
    """A request that the proxy refuses without asking the upstream: its head is too large."""
    assert talk.manifest.max_header is not None
    x = await talk.exchange()
    await x.ask("GET", "X-Long: " + "x" * talk.manifest.max_header)
    assert (await x.response()).status == 431


@case(
    "OPS-09",
    level="P",
    requirement="promise: what a load balancer asks is answered for what it is asked for",
    anchor="Kubernetes liveness and readiness probes",
    needs=("healthy", "ready"),
)
async def health(talk: Talk) -> None:
    """While the upstream refuses connections the proxy is healthy and not ready, and says so itself; when
    the upstream is back it is ready again.
    """
    healthy, ready = talk.manifest.healthy, talk.manifest.ready
    assert healthy is not None
    assert ready is not None

    async def becomes(status: int) -> None:
        async with asyncio.timeout(LEAVE_S + 2):
            # A poll, as load balancers do: an answer may be a second old.
            while (await page(talk, ready))[0] != status:
                await asyncio.sleep(_POLL_S)

    await becomes(200)
    async with talk.origin.refusing():
        await becomes(503)
        assert (await page(talk, healthy))[0] == 200
        told = (await page(talk, ready))[1]
        assert talk.authority.encode() not in told, f"the upstream's address is told: {told!r}"
        x = await talk.exchange()
        await x.ask()
        assert (await x.response()).status == 502
    await becomes(200)
    assert (await page(talk, healthy))[0] == 200


def spellings(path: str) -> tuple[bytes, ...]:
    """Ways to write what a careless router takes for that path."""
    prefix, _, name = path.rpartition("/")
    word, rest = prefix[1:], path[len(prefix) :]
    coded = "".join(f"%{ord(character):02x}" for character in word)
    return tuple(
        each.encode()
        for each in (
            f"/{coded}{rest}",
            f"/{coded.upper()}{rest}",
            f"{prefix}/%{ord(name[0]):02x}{name[1:]}",
            f"{prefix}%2f{name}",
            f"/{prefix}{rest}",
            f"{prefix}/{rest}",
            f"{path}/",
            f"{path}%00",
            f"{path};x=1",
            f"{prefix}/{name.upper()}",
            f"{prefix}/.{rest}",
            f"/x/..{path}",
            f"/x/%2e%2e{path}",
            f"{path}/../{name}",
        )
    )


def not_ours(talk: Talk, response: Response) -> None:
    assert b"tandem_exchanges" not in response.content, "the metrics page is told to whoever misspells it"


@case(
    "OPS-11",
    level="P",
    requirement="promise: only the documented paths are the proxy's, all others the upstream's",
    anchor="RFC 9110 §7.7; Envoy path normalisation CVE-2021-29492",
    needs=("metrics",),
)
async def misspelt(talk: Talk) -> None:
    """A path that only looks like one of the proxy's own pages, and any method but GET on it, is the
    upstream's, byte for byte, or refused; never the page.
    """
    assert talk.manifest.metrics is not None
    for target in spellings(talk.manifest.metrics):
        x = await talk.exchange()
        await x.ask(target=target)
        came = await x.reaches()
        if isinstance(came, Arrival):
            assert came.head.target == target, f"{came.head.target!r} arrived for {target!r}"
            await came.answer()
            ok(await x.response())
        else:
            assert came.status in (400, 404), f"{target!r} was answered {came.status}"
            not_ours(talk, came)
    for method in ("HEAD", "POST", "OPTIONS", "DELETE"):
        x = await talk.exchange()
        await x.ask(method, target=talk.manifest.metrics)
        up = await x.arrival()
        assert (up.head.method, up.head.target) == (method.encode(), talk.manifest.metrics.encode())
        await up.answer(body=None if method == "HEAD" else b"ok")
        assert (await x.response()).status == 200
    status, content = await page(talk, f"{talk.manifest.metrics}?a=%zz&b")  # the page, whatever the query
    assert status == 200
    assert b"tandem_exchanges" in content


@case(
    "OPS-12",
    level="P",
    requirement="promise: no client decides how many series there are",
    anchor="Prometheus naming: every label value is a series; prometheus CVE-2022-21698 (method labels)",
    needs=("metrics",),
)
async def cardinality(talk: Talk) -> None:
    """Methods, paths, queries and fields that nobody has seen before make no new series."""

    words = random.Random(12)

    async def crowd(size: int) -> None:
        for _ in range(size):
            word = words.randbytes(4).hex()
            x = await talk.exchange(script=ten_bytes)
            await strange(x, word)

    async def strange(x: Exchange, word: str) -> None:
        method = f"X{word.upper()}"
        await x.ask(method, f"X-{word}: {word}", f"User-Agent: {word}", target=f"/{word}?{word}={word}")
        assert (await x.response()).status in (200, 400, 501)  # a server may know a fixed list of methods

    await crowd(2)
    before = (await samples(talk)).keys()
    await crowd(30)
    fresh = (await samples(talk)).keys() - before
    assert not fresh, f"{len(fresh)} new series: {sorted(fresh)[:5]}"
