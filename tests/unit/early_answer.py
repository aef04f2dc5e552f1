"""An ASGI app whose answer breaks off while the upload is unread, as an engine may make an Answer do."""

from typing import Any

from shared.answer import Answer
from shared.client import Client
from shared.errors import BodyIncomplete
from shared.messages import ProxyResponse
from shared.observe import Observer
from tests.unit.asgi import request_of
from tests.unit.scripted import ScriptedBody

__all__ = ["app"]

OBSERVER = Observer(None)


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        while (await receive())["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    client = Client(receive)
    client.start()
    body = ScriptedBody([b"half"], error=BodyIncomplete())
    answer = ProxyResponse.to(request_of(client), 200, [(b"Content-Length", b"100")], body)
    await Answer(answer, OBSERVER)(scope, receive, send)
