"""What a case leaves under way when it is over is not held against the next."""

import asyncio

from shared.harness.origin.scripted import Origin
from tests.contract.manifest import Manifest
from tests.contract.talk import Proxy, Talk
from tests.contract.wire import Client
from tests.unit.aio import aio


@aio
async def test_what_is_asked_again_as_a_case_ends_is_nobodys() -> None:
    origin = Origin()
    origin.listen()
    declared = Manifest(host="preserve", forwarded_for="none")
    talk = Talk(Proxy("one that retries", origin.host, origin.port, declared), origin)
    x = await talk.exchange()
    request = f"GET / HTTP/1.1\r\nHost: front.test\r\n{x.stamp}\r\n\r\n"
    first, second = [await Client.connect(origin.host, origin.port) for _ in range(2)]
    await first.send(request)
    await x.arrival()
    closing = asyncio.ensure_future(talk.close())
    assert await first.peer_closed() == "FIN"
    await second.send(request)
    assert (await second.response()).status == 421
    first.close()
    await closing
    assert not origin.ledger.carried()
    assert not origin.strays
    second.close()
    await origin.close()
