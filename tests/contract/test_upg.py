"""UPG: what becomes of a client's offer to speak something else on its connection."""

from shared.harness.origin.channel import WAIT_S, within
from tests.contract.case import case
from tests.contract.expect import absent, ok, same
from tests.contract.moves import SLACK_S
from tests.contract.talk import Talk

_SWITCH = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n"


@case(
    "UPG-09",
    level="P",
    requirement="RFC 9110 §7.8, §15.2.2",
    anchor="YARP RawUpgradeTest; nginx proxy_upgrade.t",
    needs=("upgrade",),
)
async def another_protocol(talk: Talk) -> None:
    """An offer of another protocol reaches the upstream, and a 101 opens a tunnel until one side leaves; or
    the upstream hears of no offer, and answers as ever: as declared.
    """
    for leaver in ("client", "upstream"):
        x = await talk.exchange()
        await x.ask("GET", "Connection: Upgrade", "Upgrade: foo")
        up = await x.arrival()
        if talk.manifest.upgrade == "none":
            absent(up.head, "Upgrade")
            await up.answer()
            ok(await x.response())
            continue
        same(up.head, "Upgrade", "foo")
        await up.send(_SWITCH)
        response = await x.head()
        assert response.status == 101, f"status {response.status}, not 101"
        same(response.head, "Upgrade", "foo")
        for said in (b"no HTTP\n", b"\x00\xff\r\n", b"GET / HTTP/1.1\r\n"):
            await x.client.send(said)
            came = await within(WAIT_S, "the client's words at the origin", up.reader.until(b"\n"))
            assert came == said, f"{came!r} came upstream, not {said!r}"
            await up.send(came)
            back = await within(WAIT_S, "the upstream's words at the client", x.client.reader.until(b"\n"))
            assert back == said, f"{back!r} came down, not {said!r}"
        if leaver == "client":
            x.client.close()
            await up.peer_closed(talk.manifest.leave_s + SLACK_S)
        else:
            up.close()
            await x.client.peer_closed(talk.manifest.leave_s + SLACK_S)
