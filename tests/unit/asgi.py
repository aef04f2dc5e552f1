"""The server's half of ASGI, scripted: what receive() gives, what send() was given."""

import asyncio
from collections.abc import Callable
from typing import Any

from shared.client import Client
from shared.messages import ExchangeRecord, Headers, ProxyRequest, by_name

__all__ = ["DISCONNECT", "FakeServer", "chunk", "end", "request_of", "scope_of", "started"]

DISCONNECT = {"type": "http.disconnect"}


def chunk(body: bytes) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": True}


def end(body: bytes = b"") -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": False}


class FakeServer:
    """One exchange as a server hands it over. `taken` counts the messages that receive() has given away.

    receive() after http.disconnect is a fault of its caller: hypercorn would never return. So it is while it
    is being waited for. `cancelled` counts how often a wait was.
    """

    def __init__(self, *messages: dict[str, Any]) -> None:
        self._messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.sent: list[dict[str, Any]] = []
        self.taken = 0
        self.bytes_taken = 0
        self.waiting = False
        self.cancelled = 0
        self.told = False
        self.on_send: Callable[[dict[str, Any]], None] = lambda message: None
        self.say(*messages)

    def say(self, *messages: dict[str, Any]) -> None:
        for message in messages:
            self._messages.put_nowait(message)

    def leave(self) -> None:
        """The client closes its connection."""
        self.say(DISCONNECT)

    async def receive(self) -> dict[str, Any]:
        assert not self.told, "receive() called again after http.disconnect"
        assert not self.waiting, "receive() called twice at once"
        self.waiting = True
        try:
            message = await self._messages.get()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.waiting = False
        self.taken += 1
        self.bytes_taken += len(message.get("body", b""))
        self.told = message["type"] == "http.disconnect"
        return message

    async def send(self, message: dict[str, Any]) -> None:
        self.on_send(message)
        self.sent.append(message)

    @property
    def status(self) -> int | None:
        return self.sent[0]["status"] if self.sent else None

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)

    @property
    def complete(self) -> bool:
        """The response was ended, which tells the client that it is whole."""
        return bool(self.sent) and self.sent[-1].get("more_body") is False


def started(server: FakeServer, *, limit: int = 0) -> Client:
    """A client that reads from that server."""
    client = Client(server.receive, limit=limit)
    client.start()
    return client


def scope_of(
    method: str = "GET",
    path: bytes = b"/",
    *,
    query: bytes = b"",
    headers: Headers | None = None,
    http_version: str = "1.1",
) -> dict[str, Any]:
    return {
        "type": "http",
        "method": method,
        "path": path.decode("latin-1"),
        "raw_path": path,
        "query_string": query,
        "headers": [(b"host", b"proxy.test")] if headers is None else headers,
        "http_version": http_version,
        "scheme": "http",
        "client": ("192.0.2.1", 1234),
        "server": ("192.0.2.2", 80),
    }


def request_of(
    client: Client,
    *,
    method: bytes = b"GET",
    target: bytes = b"/",
    headers: Headers | None = None,
    peer: str = "192.0.2.1",
    http_version: str = "1.1",
) -> ProxyRequest:
    """A ProxyRequest with a record of its own that nobody has begun."""
    headers = [(b"Host", b"proxy.test")] if headers is None else headers
    return ProxyRequest(
        method=method,
        target=target,
        headers=headers,
        fields=by_name(headers),
        peer=peer,
        scheme="http",
        http_version=http_version,
        client=client,
        record=ExchangeRecord(method=method.decode(), path="/", request_id="id", started=0.0),
    )
